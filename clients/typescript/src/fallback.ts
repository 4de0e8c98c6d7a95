/**
 * What happens when no answer came, by the failure mode of the call. F1 `OpenUpTo` never lets in more than its amount, however many calls
 * run at once (`fifty calls at once are let in up to the amount`): room is looked for and taken in one step, before the journal is
 * written. F2 what cannot be written down is not let in (`a full journal closes`).
 */
import { type Fallback, OpenUpTo } from "./amounts.js";
import { type Charge, type ChargedLater, type LetIn, type Quantities, type Schemas, asked, letIn, present } from "./decision.js";
import { HeadworksError, InvalidRequest, Unavailable } from "./errors.js";
import { type Entry, type First, type Place, type Told, entryOf } from "./journal.js";
import type { Later } from "./later.js";

type AuthorizeRequest = Schemas["AuthorizeRequest"];

/** A request that had no answer. */
export interface Unanswered {
  request: AuthorizeRequest;
  key: string;
  /** Whether the caller named the key, so that it may come again. */
  isOwnKey: boolean;
  error: Unavailable;
}

/** A hold that no server knows of. */
export interface LocalHold {
  decision: LetIn;
  extend(quantities: Quantities): LetIn;
  settle(use: Pick<Schemas["SettleRequest"], "quantities" | "dimensions" | "parts">): Promise<Charge>;
  release(): Promise<void>;
}

export class Fallbacks {
  readonly #later: Later | undefined;

  constructor(later: Later | undefined) {
    this.#later = later;
  }

  /** Refuses a mode that needs a journal where there is none. */
  check(mode: Fallback): void {
    if (mode instanceof OpenUpTo && this.#later === undefined) {
      throw new HeadworksError("OpenUpTo needs a journal; give the client one: { journal: { path } }", { code: "no_journal" });
    }
  }

  /** Lets a request in that has no effect. */
  async peek({ request, error }: Pick<Unanswered, "request" | "error">, mode: Fallback): Promise<LetIn> {
    if (mode === "closed") throw error;
    if (mode instanceof OpenUpTo) {
      const later = await this.#ready(error);
      if (!later?.amounts.fit(request.account, request.feature, asked(request), mode)) throw usedUp(error);
    }
    return letIn(request, asked(request), false);
  }

  /** Lets a request in, and writes its use down. */
  async charge(one: Unanswered, mode: Fallback): Promise<LetIn> {
    if (mode === "closed") throw one.error;
    const { request, key, error } = one;
    const quantities = asked(request);
    const later = await this.#ready(error);
    if (later === undefined) return letIn(request, quantities, false);
    if (one.isOwnKey && (await isWaiting(later, request, key))) return letIn(request, quantities, true);
    take(later, request, quantities, mode, error);
    await keep(later, useOf(one, request, quantities), error);
    return letIn(request, quantities, true);
  }

  /** Opens a hold without the server. Its settlement is sure to find room in the journal. */
  async hold(one: Unanswered, mode: Fallback): Promise<LocalHold> {
    if (mode === "closed") throw one.error;
    const { request, error } = one;
    const later = await this.#ready(error);
    if (later === undefined) return unrecorded(request);
    const quantities = asked(request);
    const giveRoom = await closedOnFailure(() => later.setAside(useOf(one, request, quantities)), error);
    try {
      take(later, request, quantities, mode, error);
    } catch (full) {
      giveRoom();
      throw full;
    }
    return recorded(later, one, mode, { taken: { ...quantities }, giveRoom });
  }

  /** Lets a hold of the server grow; what it takes is free again when the hold ends. */
  async grow(account: string, feature: string, quantities: Quantities, error: Unavailable, mode: Fallback): Promise<LetIn> {
    if (mode === "closed") throw error;
    const later = mode instanceof OpenUpTo ? await this.#ready(error) : this.#later;
    if (later !== undefined) take(later, { account, feature }, quantities, mode, error);
    return letIn({ account, feature }, quantities, later !== undefined);
  }

  give(account: string, feature: string, quantities: Quantities): void {
    this.#later?.amounts.give(account, feature, quantities);
  }

  /** Writes down use that has happened. */
  async record(request: Schemas["RecordRequest"], key: string, error: Unavailable, mode: Fallback): Promise<ChargedLater> {
    // The server may have the request already: then it must come again exactly as it was.
    const dated = error.inDoubt ? request : { effective_at: new Date().toISOString(), ...request };
    const place = { account: request.account, feature: request.feature, counted: {} };
    return this.#keepLater(error, mode, place, { kind: "record", request: { ...dated, idempotency_key: key } });
  }

  /** Writes down the end of a hold of the server. */
  async settle(
    request: Schemas["SettleRequest"],
    error: Unavailable,
    mode: Fallback,
    place = placeOf(request.hold),
  ): Promise<ChargedLater> {
    return this.#keepLater(error, mode, place, { kind: "settle", request });
  }

  async release(hold: string, error: Unavailable, mode: Fallback, place = placeOf(hold)): Promise<void> {
    await this.#keepLater(error, mode, place, { kind: "release", hold });
  }

  async #keepLater(error: Unavailable, mode: Fallback, place: Place, told: Told): Promise<ChargedLater> {
    if (mode === "closed") throw error;
    const later = await this.#ready(error);
    if (later === undefined) return { fallback: true, journaled: false };
    await closedOnFailure(() => later.keep(entryOf(place, told)), error);
    return { fallback: true, journaled: true };
  }

  /** The journal, if the client has one. One that cannot be written closes. */
  async #ready(error: Unavailable): Promise<Later | undefined> {
    await closedOnFailure(async () => this.#later?.ready(), error);
    return this.#later;
  }
}

/** Of a hold that is known by its name alone. */
function placeOf(hold: string): Place {
  return { account: hold.slice(0, hold.lastIndexOf("~")), feature: "", counted: {} };
}

function take(
  later: Later,
  place: { account: string; feature: string },
  quantities: Quantities,
  mode: Fallback,
  error: Unavailable,
): void {
  const { account, feature } = place;
  if (mode instanceof OpenUpTo && !later.amounts.fit(account, feature, quantities, mode)) throw usedUp(error);
  later.amounts.take(account, feature, quantities);
}

async function keep(later: Later, entry: Entry, error: Unavailable): Promise<void> {
  try {
    await closedOnFailure(() => later.keep(entry), error);
  } catch (failure) {
    later.amounts.give(entry.account, entry.feature, entry.counted);
    throw failure;
  }
}

/** Whether this use waits already: the caller sends it again under its key. */
async function isWaiting(later: Later, request: AuthorizeRequest, key: string): Promise<boolean> {
  const found = await later.waiting(request.account, key);
  if (found === undefined) return false;
  const same = found.feature === request.feature && equal(found.counted, asked(request));
  if (same) return true;
  throw new InvalidRequest(`the idempotency key ${key} was used for another request; use a new one for each`, {
    status: 422,
    code: "idempotency_conflict",
  });
}

function equal(a: Quantities, b: Quantities): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => a[name] === b[name]);
}

/** An entry for use of a request. It is dated now, so that the prices and windows of now apply. */
function useOf(
  { request, key, error }: Unanswered,
  use: Omit<Schemas["RecordRequest"], "account" | "feature">,
  counted: Quantities,
): Entry {
  const { account, feature, path, consent } = request;
  const { quantities, dimensions, parts } = use;
  const effective_at = new Date().toISOString();
  const what = present({ path, consent, quantities, dimensions, parts });
  const told: Told = {
    kind: "record",
    request: { account, feature, idempotency_key: key, effective_at, ...what },
    ...(error.inDoubt ? { first: firstOf(request, key) } : {}),
  };
  return entryOf({ account, feature, counted }, told);
}

/** An address of a user is not written down; a retry need not repeat it. */
function firstOf({ source: _, ...request }: AuthorizeRequest, key: string): First {
  return { key, request };
}

function unrecorded(request: AuthorizeRequest): LocalHold {
  return {
    decision: letIn(request, asked(request), false),
    extend: (quantities) => letIn(request, quantities, false),
    settle: async () => ({ fallback: true, journaled: false }),
    release: async () => {},
  };
}

function recorded(later: Later, one: Unanswered, mode: Fallback, state: { taken: Quantities; giveRoom: () => void }): LocalHold {
  const { request, error, key } = one;
  const { account, feature } = request;
  return {
    decision: letIn(request, asked(request), true),
    extend(quantities) {
      take(later, request, quantities, mode, error);
      for (const [meter, more] of Object.entries(quantities)) state.taken[meter] = (state.taken[meter] ?? 0) + more;
      return letIn(request, quantities, true);
    },
    async settle(use) {
      const used = turnedOut(request, use);
      const counted = asked(used);
      // What happened counts, also beyond the amount.
      later.amounts.give(account, feature, state.taken);
      later.amounts.take(account, feature, counted);
      state.taken = counted;
      await closedOnFailure(() => later.keep(useOf(one, used, counted), state.giveRoom), error);
      return { fallback: true, journaled: true };
    },
    async release() {
      state.giveRoom();
      later.amounts.give(account, feature, state.taken);
      state.taken = {};
      if (!error.inDoubt) return;
      // The server may have opened it: it is found by its key and released, if the journal has room; otherwise it expires there.
      await later
        .keep(entryOf({ account, feature, counted: {} }, { kind: "forget", first: firstOf(request, key) }))
        .catch(() => {});
    },
  };
}

/** The use as it turned out, as the server would settle it: `requests` and dimensions that are left out are those of the hold. */
function turnedOut(
  request: AuthorizeRequest,
  use: Pick<Schemas["SettleRequest"], "quantities" | "dimensions" | "parts">,
): Omit<Schemas["RecordRequest"], "account" | "feature"> {
  if (use.parts) {
    const parts = use.parts.map((part, n) => ({
      ...part,
      ...present({ dimensions: part.dimensions ?? request.parts?.[n]?.dimensions }),
    }));
    return { parts };
  }
  const requests = request.quantities?.["requests"];
  const quantities = { ...(requests === undefined ? {} : { requests }), ...use.quantities };
  return { quantities, ...present({ dimensions: use.dimensions ?? request.dimensions }) };
}

/** A journal that cannot be written closes: the call fails as one without an answer, and says why it was not let in. */
async function closedOnFailure<T>(work: () => Promise<T>, error: Unavailable): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    throw closed(error, failure instanceof Error ? failure.message : String(failure), failure);
  }
}

function usedUp(error: Unavailable): Unavailable {
  return closed(error, "the amount that may be let in without the server is used up", error, "open_amount_used");
}

function closed(error: Unavailable, why: string, cause: unknown, code?: string): Unavailable {
  const { status, attempts, inDoubt, retryAfterMs } = error;
  const known = code ?? (cause instanceof HeadworksError ? cause.code : undefined);
  return new Unavailable(`${error.message}; not let in: ${why}`, { status, attempts, inDoubt, retryAfterMs, cause, code: known });
}
