/**
 * When a request is sent again, and after how long. Without a word of the server: 0.5 s, 1 s, 2 s … up to 8 s, less up to a quarter, so
 * that clients which failed together do not return together.
 */

/** The longest pause that a server may ask for; beyond it the call gives up at once. */
export const PAUSE_MAX_MS = 60_000;
const FIRST_MS = 500;
const OWN_MAX_MS = 8_000;

/** The pause that an answer asks for: `retry-after-ms`, or `retry-after` in seconds or as a date. */
export function askedPauseMs(headers: Headers, nowMs: number): number | undefined {
  const exact = number(headers.get("retry-after-ms"));
  if (exact !== undefined) return exact;
  const text = headers.get("retry-after");
  const seconds = number(text);
  if (seconds !== undefined) return seconds * 1000;
  const date = text === null ? NaN : Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

function number(text: string | null): number | undefined {
  return text !== null && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
}

/** Whether an answer with this status is worth another attempt. `x-should-retry` decides, if it is there. */
export function isRetried(status: number, headers: Headers): boolean {
  const said = headers.get("x-should-retry");
  if (said === "true") return true;
  if (said === "false") return false;
  return status === 408 || status === 429 || status >= 500;
}

/** The pause before attempt `attempt` + 1, counted from 0. */
export function ownPauseMs(attempt: number, random: () => number = Math.random): number {
  return Math.min(FIRST_MS * 2 ** attempt, OWN_MAX_MS) * (1 - random() / 4);
}

/** Waits; ends early, with the signal's reason, if the caller gives up. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
