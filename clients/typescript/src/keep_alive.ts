/**
 * Keeps a hold alive while its work runs (`a hold longer than its life stays alive`). The server moves a deadline at most ten times, so
 * each life is twice as long as the one before: of a minute, they last for 17 hours. A hold whose client is killed ends at most about as
 * much later as it had been open.
 */
import { randomUUID } from "node:crypto";
import type { Quantities } from "./decision.js";
import { ApiError, Unavailable } from "./errors.js";

/** What is sent to the server, once, under a key; it answers with the milliseconds that the hold then lives. */
export type Extend = (ask: Ask, key: string) => Promise<number | undefined>;
type Ask = { life?: string; progress?: Quantities };

/** Progress is for holds that end by themselves; it need not be exact to the second. */
const REPORT_MS = 5_000;
const LIFE_MAX_MS = 24 * 3_600_000;
const SOON_MS = 200;

export class KeepAlive {
  readonly #extend: Extend;
  /** The life that is asked for next, and whether longer ones are. */
  #lifeMs: number;
  #grows = true;
  #endsAt: number;
  #alive: NodeJS.Timeout | undefined;
  #report: NodeJS.Timeout | undefined;
  #progress: Quantities | undefined;
  /** An extension whose answer has not come: it is sent again as it was, and counts from when it was first sent. */
  #asked: { ask: Ask; key: string; at: number } | undefined;

  constructor(lifeMs: number, extend: Extend) {
    this.#extend = extend;
    this.#lifeMs = lifeMs;
    this.#endsAt = performance.now() + lifeMs;
    this.#schedule();
  }

  /** The deadline has moved by another call; it is never moved back. */
  lives(lifeMs: number): void {
    if (this.#endsAt === 0) return;
    this.#endsAt = performance.now() + lifeMs;
    this.#lifeMs = Math.max(this.#lifeMs, lifeMs);
    this.#schedule();
  }

  /** Tells the server of progress, now and then. */
  report(progress: Quantities): void {
    this.#progress = progress;
    this.#report ??= setTimeout(() => void this.#sendReport(), REPORT_MS).unref();
  }

  stop(): void {
    clearTimeout(this.#alive);
    clearTimeout(this.#report);
    this.#endsAt = 0;
  }

  #schedule(): void {
    clearTimeout(this.#alive);
    const left = this.#endsAt - performance.now();
    if (left <= 0) return;
    this.#alive = setTimeout(() => void this.#prolong(), Math.max(left / 2, Math.min(SOON_MS, left))).unref();
  }

  async #prolong(): Promise<void> {
    const wanted = this.#grows ? Math.min(this.#lifeMs * 2, LIFE_MAX_MS) : this.#lifeMs;
    const asked = this.#asked ?? {
      ask: { life: `${Math.ceil(wanted / 1000)}s`, ...this.#taken() },
      key: randomUUID(),
      at: performance.now(),
    };
    this.#asked = asked;
    try {
      const lifeMs = await this.#extend(asked.ask, asked.key);
      this.#asked = undefined;
      if (this.#endsAt === 0) return;
      if (this.#grows) this.#lifeMs = wanted;
      if (lifeMs !== undefined) this.#endsAt = asked.at + lifeMs;
      this.#schedule();
    } catch (error) {
      if (this.#endsAt === 0) return;
      if (error instanceof Unavailable) return this.#schedule();
      this.#asked = undefined;
      // The feature's longest life is shorter than this one: those that it allows follow each other.
      if (error instanceof ApiError && error.status === 422 && this.#grows) {
        this.#grows = false;
        return this.#prolong();
      }
      // Anything else is final: the hold has ended, or may not be extended again.
    }
  }

  async #sendReport(): Promise<void> {
    this.#report = undefined;
    const taken = this.#taken();
    if (taken.progress === undefined) return;
    // A loss costs nothing: the settlement says what was used.
    await this.#extend(taken, randomUUID()).catch(() => {});
  }

  #taken(): { progress?: Quantities } {
    const progress = this.#progress;
    this.#progress = undefined;
    return progress === undefined ? {} : { progress };
  }
}
