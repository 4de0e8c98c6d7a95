/**
 * A bounded local file of use that the server has not heard of: one JSON object a line, synced before it counts.
 * J1 what `append` acknowledged is there after a crash (`the journal of a process that was killed is recorded once`). J2 the file never
 * grows beyond its bound; what does not fit is refused (`a full journal closes`). J3 a line that a crash cut off was never acknowledged
 * and is dropped; a damaged line before others is an error that names it (`a torn last line is dropped, a damaged one is named`).
 */
import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Quantities, Schemas } from "./decision.js";
import { JournalError } from "./errors.js";
import { Lock, codeOf } from "./lock.js";

/** The first request of a use whose answer was lost: the server may have acted on it. */
export interface First {
  key: string;
  request: Schemas["AuthorizeRequest"];
}

/** A use, the end of a hold, or a hold that nobody needs any more. */
export type Told =
  | { kind: "record"; request: Schemas["RecordRequest"] & { idempotency_key: string }; first?: First }
  | { kind: "settle"; request: Schemas["SettleRequest"] }
  | { kind: "release"; hold: string }
  | { kind: "forget"; first: First };

/** Where it belongs, and what it takes of the amounts of `OpenUpTo` until it is recorded. */
export interface Place {
  account: string;
  feature: string;
  counted: Quantities;
}

export type Entry = { id: string; at: string } & Place & Told;

/** A new entry, as of now. */
export function entryOf(place: Place, told: Told): Entry {
  return { id: randomUUID(), at: new Date().toISOString(), ...place, ...told };
}

interface Waiting {
  entry: Entry;
  text: string;
  done: () => void;
  failed: (error: unknown) => void;
}

export class Journal {
  readonly path: string;
  readonly entries = new Map<string, Entry>();
  readonly #maxBytes: number;
  readonly #lock: Lock;
  #file: FileHandle;
  /** Bytes in the file. */
  #size: number;
  /** Bytes in the file, on their way to it, and set aside. */
  #planned: number;
  #waiting: Waiting[] = [];
  /** The writes, one after the other. */
  #tail: Promise<void> = Promise.resolve();
  #broken: unknown;

  private constructor(path: string, maxBytes: number, lock: Lock, file: FileHandle) {
    this.path = path;
    this.#maxBytes = maxBytes;
    this.#lock = lock;
    this.#file = file;
    this.#size = 0;
    this.#planned = 0;
  }

  /** Opens or makes the file, and reads it. */
  static async open(path: string, maxBytes: number): Promise<Journal> {
    const full = resolve(path);
    const lock = Lock.take(`${full}.lock`);
    try {
      const file = await open(full, "a+", 0o600);
      try {
        const journal = new Journal(full, maxBytes, lock, file);
        await journal.#read();
        await syncFolder(full);
        return journal;
      } catch (error) {
        await file.close();
        throw error;
      }
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Keeps room for a line that is still to come. The answer gives it back. */
  setAside(bytes: number): () => void {
    this.#plan(bytes);
    let isHeld = true;
    return () => {
      if (isHeld) this.#planned -= bytes;
      isHeld = false;
    };
  }

  /** Writes an entry. It is on the disk when this resolves. */
  async append(entry: Entry): Promise<void> {
    const text = `${JSON.stringify(entry)}\n`;
    this.#plan(Buffer.byteLength(text));
    const written = new Promise<void>((done, failed) => this.#waiting.push({ entry, text, done, failed }));
    // Those that come while a write runs are written together by the next one.
    if (this.#waiting.length === 1) void this.#next(() => this.#writeWaiting());
    await written;
  }

  /** Takes entries out, and puts others in the place of those with the same id. */
  change(gone: Iterable<string>, instead: readonly Entry[] = []): Promise<void> {
    return this.#next(async () => {
      const left = new Map(this.entries);
      for (const id of gone) left.delete(id);
      for (const entry of instead) left.set(entry.id, entry);
      await this.#rewrite([...left.values()]);
      for (const id of this.entries.keys()) if (!left.has(id)) this.entries.delete(id);
      for (const entry of instead) this.entries.set(entry.id, entry);
    });
  }

  /** Whether nothing can be written any more; opened again, it may. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  async close(): Promise<void> {
    await this.#next(() => this.#file.close());
    this.#broken ??= new JournalError(`${this.path}: the journal is closed`);
    this.#lock.release();
  }

  #next(work: () => Promise<void>): Promise<void> {
    const run = this.#tail.then(work);
    this.#tail = run.catch(() => {});
    return run;
  }

  #plan(bytes: number): void {
    if (this.#planned + bytes > this.#maxBytes) {
      throw new JournalError(`${this.path}: the journal is full (${this.#maxBytes} bytes)`, { code: "journal_full" });
    }
    this.#planned += bytes;
  }

  #check(): void {
    if (this.#broken !== undefined) throw this.#broken;
    if (!this.#lock.isHeld()) {
      this.#broken = new JournalError(`${this.path}: the lock is gone; another process has the journal`, {
        code: "journal_locked",
      });
      throw this.#broken;
    }
  }

  async #writeWaiting(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    const bytes = Buffer.from(batch.map((one) => one.text).join(""));
    try {
      this.#check();
      await this.#file.appendFile(bytes);
      await this.#file.datasync();
      this.#size += bytes.length;
      for (const { entry } of batch) this.entries.set(entry.id, entry);
      for (const one of batch) one.done();
    } catch (error) {
      this.#planned -= bytes.length;
      await this.#cutBack(error);
      for (const one of batch) one.failed(error);
    }
  }

  /** After a failed write: a part of a line would spoil the next one. */
  async #cutBack(error: unknown): Promise<void> {
    if (this.#broken !== undefined) return;
    try {
      await this.#file.truncate(this.#size);
    } catch {
      this.#broken = error;
    }
  }

  /** A new file takes the place of the old one, whole. */
  async #rewrite(entries: readonly Entry[]): Promise<void> {
    this.#check();
    const bytes = Buffer.from(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    const draft = `${this.path}.new`;
    const file = await open(draft, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.path);
    try {
      await syncFolder(this.path);
      await this.#file.close();
      this.#file = await open(this.path, "a+", 0o600);
    } catch (error) {
      this.#broken = error;
      throw error;
    }
    this.#planned += bytes.length - this.#size;
    this.#size = bytes.length;
  }

  async #read(): Promise<void> {
    const lines = (await this.#file.readFile("utf8")).split("\n");
    let kept = 0;
    for (const [index, line] of lines.entries()) {
      const isLast = index === lines.length - 1;
      if (line === "" && isLast) break;
      const entry = isLast ? undefined : parse(line);
      if (entry === undefined) {
        if (lines.slice(index + 1).some((later) => parse(later) !== undefined)) {
          const what = "is damaged; mend it or move the file away, and record what it has by hand";
          throw new JournalError(`${this.path}: line ${index + 1} ${what}`, { code: "journal_damaged" });
        }
        await this.#file.truncate(kept);
        break;
      }
      kept += Buffer.byteLength(line) + 1;
      this.entries.set(entry.id, entry);
    }
    this.#size = kept;
    this.#planned = kept;
  }
}

/** An entry that this package wrote. */
function parse(line: string): Entry | undefined {
  try {
    const said: unknown = JSON.parse(line);
    const isEntry = typeof said === "object" && said !== null && "id" in said && "kind" in said && "counted" in said;
    return isEntry ? (said as Entry) : undefined;
  } catch {
    return undefined;
  }
}

/** Makes names in a folder durable, where the system can. */
async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | undefined;
  try {
    folder = await open(dirname(path), "r");
    await folder.sync();
  } catch (error) {
    if (!["EISDIR", "EPERM", "EINVAL", "ENOTSUP"].includes(codeOf(error) ?? "")) throw error;
  } finally {
    await folder?.close();
  }
}
