/** Sends one call until it has an answer or gives up: time limits, retries under one key, problems as errors. */
import { type ErrorFacts, apiError, HeadworksError, Unavailable } from "./errors.js";
import { PAUSE_MAX_MS, askedPauseMs, isRetried, ownPauseMs, pause } from "./retry.js";

/** What may be set for each call. */
export interface CallOptions {
  /** The idempotency key of this call and its retries. Default: a new UUID. */
  idempotencyKey?: string | undefined;
  /** The time limit of each attempt, in milliseconds. */
  timeout?: number | undefined;
  /** How often the call is sent again. */
  maxRetries?: number | undefined;
  /** Gives the call up. Neither a retry nor a fallback follows. */
  signal?: AbortSignal | undefined;
}

/** A call, ready to be sent. */
export interface Call {
  method: string;
  /** Path and query, encoded. */
  target: string;
  body?: string | undefined;
  contentType?: string | undefined;
  key?: string | undefined;
  /** Whether sending it twice has one effect. */
  repeatable: boolean;
  options: CallOptions;
}

export interface Endpoint {
  baseUrl: string;
  apiKey: string;
  timeout: number;
  maxRetries: number;
  fetch: typeof fetch;
}

export const USER_AGENT = "headworks-typescript/0.1.0";

/** How an attempt went. `surely` means that the server has not acted on it. */
type Attempt =
  | { kind: "answer"; value: unknown }
  | { kind: "refused"; status: number; headers: Headers; facts: ErrorFacts; surely: boolean }
  | { kind: "unanswered"; why: string; cause: unknown; surely: boolean };

/** The system's words for a connection that never was. */
const NOT_CONNECTED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

export class Transport {
  readonly #endpoint: Endpoint;
  /** Runs after each answer that shows that the server is back. */
  onAnswer: () => void = () => {};

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  async send(call: Call): Promise<unknown> {
    const retries = call.options.maxRetries ?? this.#endpoint.maxRetries;
    let inDoubt = false;
    for (let attempt = 0; ; attempt += 1) {
      call.options.signal?.throwIfAborted();
      const went = await this.#attempt(call);
      if (went.kind === "answer") {
        this.onAnswer();
        return went.value;
      }
      inDoubt ||= !went.surely;
      const ms = attempt < retries ? pauseMs(went, attempt, call) : undefined;
      if (ms === undefined) throw failure(went, call, attempt + 1, inDoubt);
      await pause(ms, call.options.signal);
    }
  }

  async #attempt(call: Call): Promise<Attempt> {
    const limit = call.options.timeout ?? this.#endpoint.timeout;
    const controller = new AbortController();
    const caller = call.options.signal;
    const stop = () => controller.abort(caller?.reason);
    caller?.addEventListener("abort", stop, { once: true });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      controller.abort();
    }, limit);
    try {
      const response = await this.#endpoint.fetch(this.#endpoint.baseUrl + call.target, {
        method: call.method,
        headers: this.#headers(call),
        redirect: "manual",
        signal: controller.signal,
        ...(call.body === undefined ? {} : { body: call.body }),
      });
      return await read(response);
    } catch (error) {
      caller?.throwIfAborted();
      if (late) return { kind: "unanswered", why: `no answer within ${limit} ms`, cause: error, surely: false };
      return unreached(error);
    } finally {
      clearTimeout(timer);
      caller?.removeEventListener("abort", stop);
    }
  }

  #headers(call: Call): Record<string, string> {
    const headers: Record<string, string> = {
      accept: "application/json, application/problem+json, */*;q=0.5",
      authorization: `Bearer ${this.#endpoint.apiKey}`,
      "user-agent": USER_AGENT,
    };
    if (call.body !== undefined) headers["content-type"] = call.contentType ?? "application/json";
    // A header has bytes; the server reads them as UTF-8. In quotes, since a key may begin with one.
    if (call.key !== undefined) headers["idempotency-key"] = Buffer.from(`"${call.key}"`, "utf8").toString("latin1");
    return headers;
  }
}

async function read(response: Response): Promise<Attempt> {
  const text = await response.text();
  const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
  const { status, headers } = response;
  if (response.ok) {
    if (text === "") return { kind: "answer", value: undefined };
    return { kind: "answer", value: isJson ? JSON.parse(text) : text };
  }
  const facts = problem(status, headers, isJson ? text : "");
  // What the server says about itself: nothing was written.
  return { kind: "refused", status, headers, facts, surely: status < 500 || facts.code === "overloaded" };
}

/** What an answer with a problem says. It may come from a proxy, which has other words or none. */
function problem(status: number, headers: Headers, text: string): ErrorFacts {
  const facts: ErrorFacts = {
    status,
    retryAfterMs: askedPauseMs(headers, Date.now()),
    requestId: headers.get("x-request-id") ?? undefined,
    decisionId: headers.get("x-headworks-decision") ?? undefined,
  };
  try {
    const said: unknown = JSON.parse(text);
    if (typeof said !== "object" || said === null) return facts;
    if ("type" in said && typeof said.type === "string") {
      facts.type = said.type;
      facts.code = said.type.split(":").at(-1);
    }
    if ("detail" in said && typeof said.detail === "string") facts.detail = said.detail;
    if ("problems" in said && Array.isArray(said.problems)) facts.problems = said.problems;
  } catch {
    // Not a problem document: the status is all that there is.
  }
  return facts;
}

function unreached(error: unknown): Attempt {
  if (error instanceof SyntaxError) {
    return { kind: "unanswered", why: "the answer is not JSON", cause: error, surely: false };
  }
  // `fetch` has a cause for everything that went wrong on the way; without one the call itself is wrong.
  if (!(error instanceof TypeError) || error.cause === undefined) throw error;
  const code = codeOf(error.cause);
  const words = error.cause instanceof Error && error.cause.message !== "" ? error.cause.message : String(code);
  return { kind: "unanswered", why: words, cause: error, surely: code !== undefined && NOT_CONNECTED.has(code) };
}

function codeOf(cause: unknown): string | undefined {
  return typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : undefined;
}

/** The pause before the next attempt, if there is to be one. */
function pauseMs(went: Exclude<Attempt, { kind: "answer" }>, attempt: number, call: Call): number | undefined {
  if (went.kind === "unanswered") return call.repeatable || went.surely ? ownPauseMs(attempt) : undefined;
  const told = went.headers.get("x-should-retry") === "true";
  if (!isRetried(went.status, went.headers) || !(call.repeatable || went.surely || told)) return undefined;
  const ms = went.facts.retryAfterMs ?? ownPauseMs(attempt);
  return ms <= PAUSE_MAX_MS ? ms : undefined;
}

function failure(went: Exclude<Attempt, { kind: "answer" }>, call: Call, attempts: number, inDoubt: boolean): HeadworksError {
  const where = `${call.method} ${call.target.split("?")[0]}`;
  const times = attempts === 1 ? "" : ` (${attempts} attempts)`;
  if (went.kind === "unanswered") {
    return new Unavailable(`${where}: ${went.why}${times}`, { cause: went.cause, attempts, inDoubt });
  }
  const { status, facts } = went;
  const words = `${where}: ${status} ${[facts.code, facts.detail].filter(Boolean).join(": ")}`.trimEnd();
  if (status >= 500 || status === 408) return new Unavailable(words + times, { ...facts, attempts, inDoubt });
  if (status < 400) {
    return apiError(`${words}: the base URL is answered with a redirect; use the address that it leads to`, { ...facts, status });
  }
  return apiError(words + times, { ...facts, status });
}
