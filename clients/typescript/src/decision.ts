/** Decisions and charges as this client gives them: those of the server, and those made without it. */
import type { components } from "./schema.js";

/** The types of the API's own document. */
export type Schemas = components["schemas"];
/** Units of meters: whole numbers. */
export type Quantities = Record<string, number>;

/** The server's decision. */
export type Decided = Schemas["Decision"] & {
  /** Whether the work may be done: all of it (`allow`), or as much as `usage` says (`partial`). */
  readonly allowed: boolean;
  readonly fallback: false;
};

/** A request that was let in because no answer came and its failure mode is open. Nobody has priced it. */
export interface LetIn {
  readonly allowed: true;
  readonly fallback: true;
  /** Whether its use is in the journal, or will be when its hold is settled, and will be recorded later. */
  readonly journaled: boolean;
  readonly account: string;
  readonly feature: string;
  readonly quantities: Quantities;
  readonly at: string;
  readonly outcome: "allow";
  readonly reason: "server_unavailable";
  readonly transient: true;
  readonly hold?: undefined;
  readonly decision_id?: undefined;
  readonly charge?: undefined;
  readonly unblock?: undefined;
}

/** The answer to "may this be done?": look at `allowed` first. */
export type Decision = Decided | LetIn;

/** A charge of the server, or one that is to be made when it answers again. */
export type Charge = (Schemas["Charge"] & { readonly fallback: false }) | ChargedLater;

/** A settlement or a use that the server has not answered. */
export interface ChargedLater {
  readonly fallback: true;
  /** Whether it is in the journal. If not, it is never charged. */
  readonly journaled: boolean;
}

export function decided(decision: Schemas["Decision"]): Decided {
  const allowed = decision.outcome === "allow" || decision.outcome === "partial";
  return { ...decision, allowed, fallback: false };
}

/** Quantities, or those of parts. */
type Asking = { quantities?: Quantities; parts?: { quantities?: Quantities }[] | null };

/** The quantities of all parts together. */
export function total(request: Asking): Quantities {
  const sum: Quantities = {};
  for (const { quantities } of request.parts ?? [request]) {
    for (const [meter, quantity] of Object.entries(quantities ?? {})) {
      sum[meter] = (sum[meter] ?? 0) + quantity;
    }
  }
  return sum;
}

/** What a new request asks for; without quantities, one request. */
export function asked(request: Asking): Quantities {
  const sum = total(request);
  return Object.keys(sum).length === 0 ? { requests: 1 } : sum;
}

export function letIn(place: { account: string; feature: string }, quantities: Quantities, journaled: boolean): LetIn {
  return {
    allowed: true,
    fallback: true,
    journaled,
    account: place.account,
    feature: place.feature,
    quantities,
    at: new Date().toISOString(),
    outcome: "allow",
    reason: "server_unavailable",
    transient: true,
  };
}

/** Without what is not there. */
export function present<T extends object>(some: T): Partial<{ [K in keyof T]: NonNullable<T[K]> }> {
  return Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined && value !== null)) as never;
}
