/**
 * A hold while its work is done. H1 it ends once: left without a settlement it is settled for what was reported as used, or else
 * released (`a hold is released on an exception`). H2 it stays alive until it ends (`a hold longer than its life stays alive`). H3 a
 * settlement whose answer was lost is never followed by a release (`a settlement in doubt is not followed by a release`).
 */
import type { Fallback } from "./amounts.js";
import { type Charge, type Decided, type Decision, type Quantities, type Schemas } from "./decision.js";
import { Conflict, Denied, HeadworksError, Unavailable } from "./errors.js";
import type { CallOptions } from "./transport.js";

/** What may be set for each call that can be made without the server. */
export interface DecideOptions extends CallOptions {
  /** What happens when no answer comes. Default: that of the client. */
  fallback?: Fallback | undefined;
}

/** How a hold grows. */
export type Growth = Omit<Schemas["ExtendRequest"], "hold" | "idempotency_key">;
/** The actual use, where it is more than quantities. */
export type Use = Omit<Schemas["SettleRequest"], "hold" | "idempotency_key" | "quantities">;

/** What stands behind a hold: the server, or this client alone. */
export interface Backing {
  readonly id: string | undefined;
  extend(growth: Growth, options: DecideOptions): Promise<Decision>;
  settle(use: Use & { quantities?: Quantities }, options: DecideOptions): Promise<Charge>;
  release(options: DecideOptions): Promise<void>;
  report(progress: Quantities): void;
  /** Nothing more is sent by itself. */
  stop(): void;
  /** Nobody can end the hold any more. */
  forget(): void;
}

type End = { kind: "settled"; charge: Promise<Charge> } | { kind: "released"; done: Promise<void> };

/**
 * A hold that its caller has lost is not kept alive, and takes nothing of an amount any longer (`a hold that was forgotten is not kept
 * alive`, `a hold that was forgotten gives its amount back`).
 */
const forgotten = new FinalizationRegistry<Backing>((backing) => backing.forget());

export class Hold implements AsyncDisposable {
  /** The answer; `decision.allowed` says whether there is a hold at all. */
  readonly decision: Decision;
  readonly #backing: Backing | undefined;
  #used: Quantities | undefined;
  #end: End | undefined;
  /** Whether a settlement was sent that the server may have. */
  #inDoubt = false;

  /** Without a backing, it was denied. */
  constructor(decision: Decision, backing: Backing | undefined) {
    this.decision = decision;
    this.#backing = backing;
    if (backing !== undefined) forgotten.register(this, backing, this);
  }

  get allowed(): boolean {
    return this.decision.allowed;
  }

  /** Its name; none if it was denied, or let in without the server. */
  get id(): string | undefined {
    return this.#backing?.id;
  }

  /** Whether it was let in without the server. */
  get fallback(): boolean {
    return this.decision.fallback;
  }

  /** Grows the hold or moves its deadline. The answer may be a denial; the hold then stays as it was. */
  async extend(growth: Growth, options: DecideOptions = {}): Promise<Decision> {
    return this.#open().extend(growth, options);
  }

  /** Notes the use so far, all of it, as often as you like. It is charged if the hold is left without a settlement. */
  report(used: Quantities): void {
    const backing = this.#open();
    this.#used = { ...used };
    backing.report(this.#used);
  }

  /** Ends the hold at the actual use; without quantities, at what was reported. Once settled, it answers the first charge. */
  async settle(quantities?: Quantities, options: DecideOptions & Use = {}): Promise<Charge> {
    if (this.#end?.kind === "settled") return this.#end.charge;
    const backing = this.#open();
    const { dimensions, parts, ...call } = options;
    const used = quantities ?? this.#used;
    if (used === undefined && !parts) {
      throw new HeadworksError("settle: nothing was reported as used; give the quantities, or release the hold");
    }
    const use = { ...(parts ? { parts } : { quantities: used ?? {} }), ...(dimensions ? { dimensions } : {}) };
    backing.stop();
    const end: End = { kind: "settled", charge: backing.settle(use, call) };
    this.#end = end;
    try {
      const charge = await end.charge;
      forgotten.unregister(this);
      return charge;
    } catch (error) {
      // It may be settled again, with the same use if the server may have this one.
      if (this.#end === end) this.#end = undefined;
      this.#inDoubt ||= error instanceof Unavailable;
      throw error;
    }
  }

  /** Ends the hold at zero. */
  async release(options: DecideOptions = {}): Promise<void> {
    if (this.#end?.kind === "released") return this.#end.done;
    const backing = this.#open();
    backing.stop();
    forgotten.unregister(this);
    this.#end = { kind: "released", done: backing.release(options) };
    return this.#end.done;
  }

  /** Leaves the hold: settles what was reported as used, or releases it. Does nothing if it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#backing?.stop();
    if (this.#backing === undefined || this.#end !== undefined || this.#inDoubt) return;
    if (this.#used !== undefined) await this.settle();
    else await this.release().catch(rethrowUnlessItExpires);
  }

  #open(): Backing {
    if (this.#backing === undefined) throw new Denied(this.decision as Decided);
    if (this.#end !== undefined) throw new HeadworksError(`the hold was ${this.#end.kind} already`, { code: "hold_ended" });
    return this.#backing;
  }
}

/** A release that does not get through costs nothing, nor does one that comes too late. */
function rethrowUnlessItExpires(error: unknown): void {
  const isEnded = error instanceof Conflict && error.code === "hold_ended";
  if (!isEnded && !(error instanceof Unavailable)) throw error;
}
