/**
 * A lock file: one writer of a journal at a time. L1 the lock of a process that has ended is taken over, also where another process, or
 * this one after a restart, has its number by now (`the lock of a process that was killed is taken over`). L2 who lost it writes nothing
 * more (`who lost the lock writes nothing more`). A lock of another host is stale when nobody has touched it for `STALE_MS`.
 */
import { randomUUID } from "node:crypto";
import { closeSync, linkSync, openSync, readFileSync, renameSync, statSync, unlinkSync, utimesSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { JournalError } from "./errors.js";

/** How old the last touch of a host that cannot be asked may be. */
export const STALE_MS = 60_000;
const TOUCH_MS = 10_000;

interface Owner {
  token: string;
  host: string;
  pid: number;
  /** When the process began, where the system says so: a number of a process is used again. */
  began: string;
}

export class Lock {
  readonly #path: string;
  readonly #text: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
    this.#timer = setInterval(() => this.#touch(), TOUCH_MS).unref();
  }

  /** Takes the lock or says who has it. */
  static take(path: string): Lock {
    const owner: Owner = { token: randomUUID(), host: hostname(), pid: process.pid, began: beganAt(process.pid) };
    const text = JSON.stringify(owner);
    for (let round = 0; round < 3; round += 1) {
      if (create(path, text)) return new Lock(path, text);
      const found = read(path);
      if (found === undefined) continue;
      const alive = living(path, found);
      if (alive !== undefined) {
        throw new JournalError(`${path}: ${alive} has the journal; give each process a journal of its own`, {
          code: "journal_locked",
        });
      }
      removeStale(path, found);
    }
    throw new JournalError(`${path}: others take the lock again and again; give each process a journal of its own`, {
      code: "journal_locked",
    });
  }

  /** Whether it is still ours. */
  isHeld(): boolean {
    return read(this.#path) === this.#text;
  }

  release(): void {
    clearInterval(this.#timer);
    if (this.isHeld()) unlinkSync(this.#path);
  }

  #touch(): void {
    const now = new Date();
    try {
      utimesSync(this.#path, now, now);
    } catch {
      // It is gone: `isHeld` says so before the next write.
    }
  }
}

function create(path: string, text: string): boolean {
  // Written first and then named: nobody sees a lock without its owner.
  const draft = `${path}.${randomUUID()}`;
  const file = openSync(draft, "wx", 0o600);
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Who has the lock, in words, if that process lives. */
function living(path: string, text: string): string | undefined {
  const owner = parse(text);
  if (owner === undefined) return "an unknown process";
  const who = `process ${owner.pid} of ${owner.host}`;
  if (owner.host !== hostname()) {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat !== undefined && Date.now() - stat.mtimeMs < STALE_MS ? who : undefined;
  }
  if (owner.pid === process.pid && owner.began === beganAt(process.pid)) return "another client of this process";
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return undefined;
  }
  return owner.began === beganAt(owner.pid) ? who : undefined;
}

function parse(text: string): Owner | undefined {
  try {
    const said: unknown = JSON.parse(text);
    if (typeof said !== "object" || said === null) return undefined;
    if (!("token" in said && "host" in said && "pid" in said && "began" in said)) return undefined;
    const { token, host, pid, began } = said;
    if (typeof token !== "string" || typeof host !== "string" || typeof began !== "string") return undefined;
    return Number.isInteger(pid) ? { token, host, began, pid: Number(pid) } : undefined;
  } catch {
    return undefined;
  }
}

/** Takes away exactly the lock that was found stale; another's that came in between is put back. */
function removeStale(path: string, text: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  try {
    if (read(aside) !== text) linkSync(aside, path);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  } finally {
    unlinkSync(aside);
  }
}

/** Boot and start of a process, on Linux; elsewhere nothing, and its number alone counts. */
function beganAt(pid: number): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name of the program is in brackets and may have any character; the start is the 20th field behind it.
    return `${boot} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return "";
  }
}

export function codeOf(error: unknown): string | undefined {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : undefined;
}
