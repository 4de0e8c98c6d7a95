/**
 * Use that was let in without the server: kept in the journal and recorded when the server answers again, each under its own key.
 * R1 every use counts once, however often it is sent (`the journal of a process that was killed is recorded once`). R2 where the answer to
 * the first request was lost, that request is repeated under its key before anything is recorded: the server may have charged or held
 * it (`a charge whose answer was lost is not recorded again`). R3 what the server refuses for good is moved to `<journal>.refused`,
 * never dropped (`use that the server refuses is kept aside`).
 */
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { Amounts } from "./amounts.js";
import { type Decided, type Quantities, type Schemas, asked, decided, present } from "./decision.js";
import { ApiError, JournalError, apiError } from "./errors.js";
import { type Entry, Journal } from "./journal.js";

/** Where use is kept that the server has not heard of. */
export interface JournalSettings {
  /** The file. Its folder must be there. Each process needs a file of its own. */
  path: string;
  /** The most bytes of the file. Default 8 MiB. */
  maxBytes?: number | undefined;
  /** Told of each use that the server refused for good; it is then in `<path>.refused`. */
  onRefused?: ((refused: Refused) => void) | undefined;
  /** Told of each time that recording in the background failed: the server is away, the API key may not record, another has the file. */
  onError?: ((error: unknown) => void) | undefined;
}

export interface Refused {
  entry: Entry;
  /** The problem in the server's words. */
  problem: string;
}

/** What `flush` did. */
export interface Flushed {
  recorded: number;
  refused: number;
  /** Still in the journal. */
  left: number;
}

/** The calls that recording needs; none of them has a fallback. */
export interface Server {
  authorize(request: Schemas["AuthorizeRequest"], key: string): Promise<Schemas["Decision"]>;
  settle(request: Schemas["SettleRequest"]): Promise<unknown>;
  release(hold: string): Promise<unknown>;
  batch(items: Schemas["BatchItem"][]): Promise<Schemas["BatchAnswer"]>;
}

const MAX_BYTES = 8 * 1024 * 1024;
/** A batch stays well within the server's bound for bodies, 1 MiB. */
const BATCH_ITEMS = 500;
const BATCH_BYTES = 512 * 1024;
/** How much larger than its estimate the use of a hold may be, written out. */
const ENTRY_GROWTH = 1024;
const FIRST_MS = 1_000;
const LAST_MS = 30_000;
/** Statuses after which the same use would be refused for ever. */
const FINAL = new Set([400, 404, 409, 413, 422]);

type Outcome =
  { kind: "done" } | { kind: "refused"; problem: string } | { kind: "waits"; why?: ApiError } | { kind: "instead"; entry: Entry };

export class Later {
  readonly amounts = new Amounts();
  readonly #settings: JournalSettings;
  readonly #server: Server;
  #opening: Promise<Journal> | undefined;
  #opened: Journal | undefined;
  #flush: Promise<Flushed> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waitMs = FIRST_MS;
  #triedAt = 0;
  #isClosed = false;

  constructor(settings: JournalSettings, server: Server) {
    this.#settings = settings;
    this.#server = server;
    if (!existsSync(dirname(settings.path))) {
      throw new JournalError(`${settings.path}: the journal's folder does not exist; make it`);
    }
    // What an earlier process left is recorded without being asked for.
    this.#open().then(
      (journal) => {
        if (journal.entries.size > 0) this.#schedule();
      },
      // It is tried again, and `onError` told.
      () => this.#schedule(),
    );
  }

  /** Makes sure that the journal can be written. */
  async ready(): Promise<void> {
    await this.#open();
  }

  /** Keeps room in the journal for an entry that is still to come; the answer gives it back. */
  async setAside(entry: Entry): Promise<() => void> {
    const journal = await this.#open();
    return journal.setAside(Buffer.byteLength(JSON.stringify(entry)) + ENTRY_GROWTH);
  }

  /** Keeps an entry, in the room that was set aside for it. Its amounts must have been taken. */
  async keep(entry: Entry, giveRoom?: () => void): Promise<void> {
    const journal = await this.#open();
    // In one step, so that nothing else takes the room.
    giveRoom?.();
    await journal.append(entry);
    this.#schedule();
  }

  /** The use of this account that waits under this key. */
  async waiting(account: string, key: string): Promise<Entry | undefined> {
    const journal = await this.#open();
    for (const entry of journal.entries.values()) {
      if (entry.kind === "record" && entry.account === account && entry.request.idempotency_key === key) return entry;
    }
    return undefined;
  }

  /** The server answers: what waits is recorded soon, if a record of it is not under way. */
  answered(): void {
    const isSoon = Date.now() - this.#triedAt < FIRST_MS;
    if (this.#flush !== undefined || this.#timer === undefined || isSoon) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waitMs = 0;
    this.#schedule();
  }

  /** Records everything that waits. Fails when the server does not answer, or not to this key; nothing is lost then. */
  flush(): Promise<Flushed> {
    this.#flush ??= this.#record().finally(() => {
      this.#flush = undefined;
    });
    return this.#flush;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const opening = this.#opening;
    await this.#flush?.catch(() => {});
    const journal = await opening?.catch(() => undefined);
    await journal?.close();
  }

  async #open(): Promise<Journal> {
    if (this.#isClosed) throw new JournalError(`${this.#settings.path}: the client is closed`);
    if (this.#opened?.isBroken) this.#opening = this.#reopen(this.#opened);
    this.#opening ??= this.#read();
    try {
      this.#opened = await this.#opening;
      return this.#opened;
    } finally {
      // If it failed, the next call tries again: the process that has the journal may have ended by then.
      if (this.#opened === undefined) this.#opening = undefined;
    }
  }

  async #read(): Promise<Journal> {
    const journal = await Journal.open(this.#settings.path, this.#settings.maxBytes ?? MAX_BYTES);
    for (const entry of journal.entries.values()) this.amounts.take(entry.account, entry.feature, entry.counted);
    return journal;
  }

  /** After a failed write, or when another process has taken the journal. */
  async #reopen(broken: Journal): Promise<Journal> {
    this.#opened = undefined;
    for (const entry of broken.entries.values()) this.amounts.give(entry.account, entry.feature, entry.counted);
    await broken.close().catch(() => {});
    return this.#read();
  }

  #schedule(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#tick(), this.#waitMs).unref();
    this.#waitMs = Math.min(Math.max(this.#waitMs * 2, FIRST_MS), LAST_MS);
  }

  async #tick(): Promise<void> {
    this.#timer = undefined;
    try {
      const { left } = await this.flush();
      if (left > 0) this.#schedule();
      else this.#waitMs = FIRST_MS;
    } catch (error) {
      // All of it still waits.
      this.#schedule();
      if (!this.#isClosed) this.#settings.onError?.(error);
    }
  }

  async #record(): Promise<Flushed> {
    this.#triedAt = Date.now();
    const journal = await this.#open();
    const flushed: Flushed = { recorded: 0, refused: 0, left: 0 };
    const seen = new Set<string>();
    let why: ApiError | undefined;
    for (;;) {
      const some = chunk(journal, seen);
      if (some.length === 0) break;
      for (const entry of some) seen.add(entry.id);
      const outcomes = await this.#send(some);
      await this.#apply(journal, some, outcomes, flushed);
      // An entry with another one in its place is sent in the next round.
      for (const [n, outcome] of outcomes.entries()) {
        const entry = some[n];
        if (entry !== undefined && outcome.kind === "instead") seen.delete(entry.id);
        if (outcome.kind === "waits") why ??= outcome.why;
      }
    }
    if (why !== undefined) throw why;
    flushed.left = journal.entries.size;
    return flushed;
  }

  /** Sends entries; those that need several calls one by one, the others as one batch. */
  async #send(entries: readonly Entry[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = entries.map(() => ({ kind: "waits" }));
    const together: { n: number; item: Schemas["BatchItem"] }[] = [];
    for (const [n, entry] of entries.entries()) {
      if (entry.kind === "record" && entry.first === undefined) together.push({ n, item: { record: entry.request } });
      else if (entry.kind === "settle") together.push({ n, item: { settle: entry.request } });
      else outcomes[n] = await settled(() => this.#resolve(entry));
    }
    if (together.length > 0) {
      const { items } = await this.#server.batch(together.map((one) => one.item));
      for (const [k, { n }] of together.entries()) {
        const answer = items[k];
        if (answer !== undefined) outcomes[n] = "problem" in answer ? ofProblem(answer.problem) : { kind: "done" };
      }
    }
    return outcomes;
  }

  /** What becomes of an entry that names a hold, or a request whose answer was lost. */
  async #resolve(entry: Entry): Promise<Outcome> {
    if (entry.kind === "release") return this.#release(entry.hold);
    if ((entry.kind !== "record" && entry.kind !== "forget") || entry.first === undefined) return { kind: "waits" };
    const answer = await firstAnswer(this.#server, entry.first.request, entry.first.key);
    const hold = answer?.hold?.id;
    if (entry.kind === "forget") return hold === undefined ? { kind: "done" } : this.#release(hold);
    const { first: _, ...alone } = entry;
    if (answer === undefined) return { kind: "instead", entry: alone };
    if (hold !== undefined) {
      const { quantities, dimensions, parts } = entry.request;
      await this.#server.settle({ hold, ...present({ quantities, dimensions, parts }) });
      return { kind: "done" };
    }
    return charged(alone, answer);
  }

  /** A hold that has ended otherwise needs no release. */
  async #release(hold: string): Promise<Outcome> {
    try {
      await this.#server.release(hold);
    } catch (error) {
      if (!(error instanceof ApiError && FINAL.has(error.status))) throw error;
    }
    return { kind: "done" };
  }

  async #apply(journal: Journal, entries: readonly Entry[], outcomes: readonly Outcome[], flushed: Flushed): Promise<void> {
    const gone: Entry[] = [];
    const instead: Entry[] = [];
    const refused: Refused[] = [];
    for (const [n, entry] of entries.entries()) {
      const outcome = outcomes[n];
      if (outcome?.kind === "done") gone.push(entry);
      else if (outcome?.kind === "instead") instead.push(outcome.entry);
      else if (outcome?.kind === "refused") refused.push({ entry, problem: outcome.problem });
    }
    const aside = await this.#setAside(refused);
    await journal.change(
      [...gone, ...aside.map((one) => one.entry)].map((entry) => entry.id),
      instead,
    );
    for (const entry of [...gone, ...aside.map((one) => one.entry)]) {
      this.amounts.give(entry.account, entry.feature, entry.counted);
    }
    flushed.recorded += gone.length;
    flushed.refused += aside.length;
    for (const one of aside) this.#settings.onRefused?.(one);
  }

  /** Those that fit into the file of refused use; the others stay in the journal. */
  async #setAside(refused: readonly Refused[]): Promise<Refused[]> {
    if (refused.length === 0) return [];
    const file = await open(`${this.#settings.path}.refused`, "a", 0o600);
    try {
      let { size } = await file.stat();
      const fitting: Refused[] = [];
      for (const one of refused) {
        const text = `${JSON.stringify(one)}\n`;
        size += Buffer.byteLength(text);
        if (size > (this.#settings.maxBytes ?? MAX_BYTES)) break;
        await file.appendFile(text);
        fitting.push(one);
      }
      await file.sync();
      return fitting;
    } finally {
      await file.close();
    }
  }
}

/** The next entries that were not sent yet. */
function chunk(journal: Journal, seen: ReadonlySet<string>): Entry[] {
  const some: Entry[] = [];
  let bytes = 0;
  for (const entry of journal.entries.values()) {
    if (seen.has(entry.id)) continue;
    bytes += Buffer.byteLength(JSON.stringify(entry));
    if (some.length > 0 && (some.length === BATCH_ITEMS || bytes > BATCH_BYTES)) break;
    some.push(entry);
  }
  return some;
}

/** What the server granted to a first request, now or then; nothing, if it refuses it. */
async function firstAnswer(server: Server, request: Schemas["AuthorizeRequest"], key: string): Promise<Decided | undefined> {
  try {
    const answer = decided(await server.authorize(request, key));
    return answer.allowed ? answer : undefined;
  } catch (error) {
    if (error instanceof ApiError && FINAL.has(error.status)) return undefined;
    throw error;
  }
}

/** A use that the server charged at once: all of it, or what it granted of it. */
function charged(entry: Extract<Entry, { kind: "record" }>, answer: Decided): Outcome {
  if (answer.outcome === "allow") return { kind: "done" };
  const rest: Quantities = { ...asked(entry.request) };
  for (const { meter, quantity } of answer.usage.lines) {
    if (rest[meter] !== undefined) rest[meter] = Math.max(0, rest[meter] - quantity);
  }
  return { kind: "instead", entry: { ...entry, request: { ...entry.request, quantities: rest } } };
}

/** A refusal as an outcome. That the server does not answer is an error of the whole. */
async function settled(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError && FINAL.has(error.status)) return { kind: "refused", problem: error.message };
    throw error;
  }
}

function ofProblem(problem: Schemas["Problem"]): Outcome {
  const { status, type, detail } = problem;
  const code = type.split(":").at(-1) ?? "";
  const words = `${status} ${code}: ${detail}`;
  if (FINAL.has(status)) return { kind: "refused", problem: words };
  return { kind: "waits", why: apiError(`POST /v1/batch: ${words}`, { status, type, code, detail }) };
}
