/**
 * What a call can fail with. A denial is none of these: it is an answer, `decision.allowed` is then false. `Denied` is thrown only where
 * code can run on an allowed hold alone.
 */
import { type Decided, present } from "./decision.js";

/** What an error says besides its message, as far as it is known. */
export interface ErrorFacts {
  /** The HTTP status. */
  status?: number | undefined;
  /** The stable word of the problem, such as `unknown_account`; docs/http.md lists them. */
  code?: string | undefined;
  /** The type of the problem: `urn:headworks:problem:` and the word. */
  type?: string | undefined;
  /** What is wrong, where, and what to do, in the server's words. */
  detail?: string | undefined;
  /** The problems of a catalog, line by line. */
  problems?: readonly unknown[] | undefined;
  /** How long the server asks to wait. */
  retryAfterMs?: number | undefined;
  /** The id that a proxy gave the request (`x-request-id`). */
  requestId?: string | undefined;
  /** The decision that the answer is about. */
  decisionId?: string | undefined;
  cause?: unknown;
}

/** Everything that this package throws. */
export class HeadworksError extends Error {
  declare readonly status: ErrorFacts["status"];
  declare readonly code: ErrorFacts["code"];
  declare readonly type: ErrorFacts["type"];
  declare readonly detail: ErrorFacts["detail"];
  declare readonly problems: ErrorFacts["problems"];
  declare readonly retryAfterMs: ErrorFacts["retryAfterMs"];
  declare readonly requestId: ErrorFacts["requestId"];
  declare readonly decisionId: ErrorFacts["decisionId"];

  constructor(message: string, { cause, ...facts }: ErrorFacts = {}) {
    super(message, cause === undefined ? undefined : { cause });
    // Only what is known, so that a printed error is short.
    Object.assign(this, present(facts));
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** The server answered that it does not do this. */
export class ApiError extends HeadworksError {
  declare readonly status: number;
}

/** 400, 405, 413 or 422: the request is wrong. */
export class InvalidRequest extends ApiError {}
/** 401: no valid API key. */
export class Unauthenticated extends ApiError {}
/** 403: the API key lacks the scope. */
export class Forbidden extends ApiError {}
/** 404: something that the request names is unknown, or out of the key's reach. */
export class NotFound extends ApiError {}
/** 409: it does not fit the present state. */
export class Conflict extends ApiError {}
/** 429: the API key's own limit, not one of an account's plan. */
export class RateLimited extends ApiError {}

/** No usable answer came: the server was not reached, was too slow, or answered 5xx, in every attempt. */
export class Unavailable extends HeadworksError {
  /** How often the request was sent. */
  readonly attempts: number;
  /** Whether the server may have done it all the same. The same request with the same key has no second effect. */
  readonly inDoubt: boolean;

  constructor(message: string, { attempts, inDoubt, ...facts }: ErrorFacts & { attempts: number; inDoubt: boolean }) {
    super(message, facts);
    this.attempts = attempts;
    this.inDoubt = inDoubt;
  }
}

/** A hold was denied, and there is no handler for that. */
export class Denied extends HeadworksError {
  readonly decision: Decided;

  constructor(decision: Decided) {
    super(`${decision.account}: ${decision.usage.feature} is denied: ${decision.reason}`, {
      code: decision.reason,
      decisionId: decision.decision_id ?? undefined,
    });
    this.decision = decision;
  }
}

/** The journal cannot be used: it is full, another process has it, or its file is damaged. */
export class JournalError extends HeadworksError {}

const KINDS: Record<number, typeof ApiError> = {
  401: Unauthenticated,
  403: Forbidden,
  404: NotFound,
  409: Conflict,
  400: InvalidRequest,
  405: InvalidRequest,
  413: InvalidRequest,
  422: InvalidRequest,
  429: RateLimited,
};

/** The error of an answer with this status. */
export function apiError(message: string, facts: ErrorFacts & { status: number }): ApiError {
  return new (KINDS[facts.status] ?? ApiError)(message, facts);
}
