/** How much each account has been let in for without the server, by feature and meter. */
import type { Quantities } from "./decision.js";

/** The failure mode of a call: what happens when no answer comes. */
export type Fallback = "closed" | "open" | OpenUpTo;

/**
 * A failure mode: calls are let in while what was let in without the server, for each account, feature and meter, stays within an amount.
 * One number is the amount of every meter. With an amount for each meter, a call that names another meter is not let in.
 */
export class OpenUpTo {
  readonly amount: number | Readonly<Quantities>;

  constructor(amount: number | Quantities) {
    for (const figure of typeof amount === "number" ? [amount] : Object.values(amount)) {
      if (!Number.isSafeInteger(figure) || figure < 0) {
        throw new RangeError(`OpenUpTo: ${figure} is no amount; give a whole number from 0`);
      }
    }
    this.amount = typeof amount === "number" ? amount : { ...amount };
  }

  of(meter: string): number {
    if (typeof this.amount === "number") return this.amount;
    return Object.hasOwn(this.amount, meter) ? (this.amount[meter] ?? 0) : 0;
  }
}

export class Amounts {
  readonly #taken = new Map<string, number>();

  /** Whether the quantities fit. */
  fit(account: string, feature: string, quantities: Quantities, limit: OpenUpTo): boolean {
    return Object.entries(quantities).every(([meter, quantity]) => {
      return this.#of(account, feature, meter) + quantity <= limit.of(meter);
    });
  }

  take(account: string, feature: string, quantities: Quantities): void {
    this.#move(account, feature, quantities, 1);
  }

  give(account: string, feature: string, quantities: Quantities): void {
    this.#move(account, feature, quantities, -1);
  }

  #of(account: string, feature: string, meter: string): number {
    return this.#taken.get(JSON.stringify([account, feature, meter])) ?? 0;
  }

  #move(account: string, feature: string, quantities: Quantities, sign: 1 | -1): void {
    for (const [meter, quantity] of Object.entries(quantities)) {
      const name = JSON.stringify([account, feature, meter]);
      const taken = (this.#taken.get(name) ?? 0) + sign * quantity;
      if (taken === 0) this.#taken.delete(name);
      else this.#taken.set(name, taken);
    }
  }
}

/** Refuses what JSON or a sum would alter silently. */
export function checkQuantities(request: { quantities?: Quantities; parts?: { quantities?: Quantities }[] | null }): void {
  for (const { quantities } of [request, ...(request.parts ?? [])]) {
    for (const [meter, quantity] of Object.entries(quantities ?? {})) {
      if (!Number.isSafeInteger(quantity) || quantity < 0) {
        throw new RangeError(`quantities.${meter} is ${quantity}; give a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);
      }
    }
  }
}
