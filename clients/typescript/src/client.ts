/** The client: one method for each call of the API that a product makes, and `request` for all others. */
import { randomUUID } from "node:crypto";
import { Accounts } from "./accounts.js";
import { type Fallback, checkQuantities } from "./amounts.js";
import { onServer, onThisClient } from "./backings.js";
import { type Charge, type Decided, type Decision, type Schemas, decided, total } from "./decision.js";
import { Denied, HeadworksError, Unavailable } from "./errors.js";
import { Fallbacks, type Unanswered } from "./fallback.js";
import { type DecideOptions, Hold } from "./hold.js";
import { type Flushed, type JournalSettings, Later } from "./later.js";
import type { Place } from "./journal.js";
import { type Input, type Method, type Output, type Route, isRepeatable, needsKey, target } from "./routes.js";
import { type CallOptions, Transport } from "./transport.js";

export interface HeadworksOptions {
  /** Where the server is. Default: `HEADWORKS_URL`. */
  baseUrl?: string | undefined;
  /** The API key, `hw_…`. Default: `HEADWORKS_API_KEY`. */
  apiKey?: string | undefined;
  /** The time limit of each attempt, in milliseconds. Default 10 s. */
  timeout?: number | undefined;
  /** How often a call is sent again. Default 2. */
  maxRetries?: number | undefined;
  /** What happens when no answer comes. Default `closed`. */
  fallback?: Fallback | undefined;
  /** Where use is written down that is let in without the server: a file, or its settings. */
  journal?: string | JournalSettings | undefined;
  /** Sends the requests. Default: that of the platform. */
  fetch?: typeof fetch | undefined;
}

/** Holds are also kept alive in the background, unless `keepAlive` is false. */
export type HoldOptions = DecideOptions & { keepAlive?: boolean | undefined };
/** A hold charges later, so it does not say when. */
export type HoldRequest = Omit<Schemas["AuthorizeRequest"], "settle">;

/** The input of any route. */
type Sent = CallOptions & { path?: object; query?: object; body?: unknown };

const TIMEOUT_MS = 10_000;
const MAX_RETRIES = 2;

export class Headworks implements AsyncDisposable {
  /** Accounts, and what is in them. */
  readonly accounts: Accounts;
  /** Decisions of the past. */
  readonly decisions: { explain(id: string, options?: CallOptions): Promise<Decided> };
  readonly #transport: Transport;
  readonly #fallback: Fallback;
  readonly #fallbacks: Fallbacks;
  readonly #later: Later | undefined;
  readonly #closing = new AbortController();

  constructor(options: HeadworksOptions = {}) {
    this.#transport = new Transport({
      baseUrl: base(options.baseUrl ?? process.env["HEADWORKS_URL"]),
      apiKey: secret(options.apiKey ?? process.env["HEADWORKS_API_KEY"]),
      timeout: options.timeout ?? TIMEOUT_MS,
      maxRetries: options.maxRetries ?? MAX_RETRIES,
      fetch: options.fetch ?? ((...request) => fetch(...request)),
    });
    this.#fallback = options.fallback ?? "closed";
    this.#later = options.journal === undefined ? undefined : this.#keptIn(options.journal);
    this.#fallbacks = new Fallbacks(this.#later);
    this.#fallbacks.check(this.#fallback);
    this.accounts = new Accounts(this);
    this.decisions = {
      explain: async (id, call) => decided(await this.request("GET", "/v1/decisions/{id}", { path: { id }, ...call })),
    };
  }

  /** What would be allowed now. Nothing is recorded. */
  async check(request: HoldRequest, options: DecideOptions = {}): Promise<Decision> {
    checkQuantities(request);
    const mode = this.#mode(options);
    try {
      return decided(await this.request("POST", "/v1/check", { body: request, ...bare(options) }));
    } catch (error) {
      return this.#fallbacks.peek({ request, error: unanswered(error) }, mode);
    }
  }

  /**
   * Decides and charges in one call, for use whose size is known. With `settle: "later"` it opens a hold that you settle yourself;
   * `hold` does that for you.
   */
  async authorize(request: Schemas["AuthorizeRequest"], options: DecideOptions = {}): Promise<Decision> {
    const asked: Schemas["AuthorizeRequest"] = { settle: "now", ...request };
    const answer = await this.#decide(asked, options);
    if (!("error" in answer)) return answer;
    const mode = this.#mode(options);
    if (asked.settle !== "later") return this.#fallbacks.charge(answer, mode);
    // Nobody could settle a hold that has no name, so its use is not known and no amount covers it.
    return this.#fallbacks.peek(answer, mode === "open" ? mode : "closed");
  }

  /**
   * Opens a hold. With `await using`, or with `work`, it ends by itself: settled for what was reported as used, or else released.
   * `work` runs only if the hold is allowed; otherwise `onDenied` answers, and without it `Denied` is thrown.
   */
  hold<T>(
    request: HoldRequest,
    work: (hold: Hold) => Promise<T> | T,
    options?: HoldOptions & { onDenied?: (decision: Decided) => Promise<T> | T },
  ): Promise<T>;
  hold(request: HoldRequest, options?: HoldOptions): Promise<Hold>;
  async hold<T>(
    request: HoldRequest,
    second?: HoldOptions | ((hold: Hold) => Promise<T> | T),
    third: HoldOptions & { onDenied?: (decision: Decided) => Promise<T> | T } = {},
  ): Promise<Hold | T> {
    if (typeof second !== "function") return this.#openHold(request, second ?? {});
    const hold = await this.#openHold(request, third);
    if (!hold.decision.allowed) {
      if (third.onDenied === undefined) throw new Denied(hold.decision);
      return await third.onDenied(hold.decision);
    }
    let answer: T;
    try {
      answer = await second(hold);
    } catch (error) {
      // The error of the work is the one that its caller must see.
      await hold[Symbol.asyncDispose]().catch(() => {});
      throw error;
    }
    await hold[Symbol.asyncDispose]();
    return answer;
  }

  /** Grows a hold, moves its deadline or reports progress, by the hold's name. */
  async extend(request: Schemas["ExtendRequest"], options: DecideOptions = {}, place?: Place): Promise<Decision> {
    checkQuantities(request);
    const mode = this.#mode(options);
    try {
      return decided(await this.request("POST", "/v1/extend", { body: request, ...bare(options) }));
    } catch (error) {
      const failure = unanswered(error);
      // Which amount it would take is known of a `Hold` alone.
      if (place === undefined && mode !== "open") throw failure;
      const { account, feature } = place ?? { account: accountOf(request.hold), feature: "" };
      return this.#fallbacks.grow(account, feature, total(request), failure, mode);
    }
  }

  /** Ends a hold at the actual use, by the hold's name. */
  async settle(request: Schemas["SettleRequest"], options: DecideOptions = {}, place?: Place): Promise<Charge> {
    checkQuantities(request);
    const mode = this.#mode(options);
    try {
      const charge = await this.request("POST", "/v1/settle", { body: request, ...bare(options) });
      this.#give(place);
      return { ...charge, fallback: false };
    } catch (error) {
      return this.#fallbacks.settle(request, unanswered(error), mode, place);
    }
  }

  /** Ends a hold at zero, by the hold's name. */
  async release(request: Schemas["ReleaseRequest"], options: DecideOptions = {}, place?: Place): Promise<void> {
    const mode = this.#mode(options);
    try {
      await this.request("POST", "/v1/release", { body: request, ...bare(options) });
      this.#give(place);
    } catch (error) {
      await this.#fallbacks.release(request.hold, unanswered(error), mode, place);
    }
  }

  /** Charges use that has happened. It is never refused for want of credits; use that comes too late waits for the operator. */
  async record(request: Schemas["RecordRequest"], options: DecideOptions = {}): Promise<Charge | Schemas["Change"]> {
    checkQuantities(request);
    const mode = this.#mode(options);
    const key = request.idempotency_key ?? options.idempotencyKey ?? randomUUID();
    try {
      const answer = await this.request("POST", "/v1/record", { body: request, ...bare(options), idempotencyKey: key });
      return "charge" in answer ? { ...answer, fallback: false } : answer;
    } catch (error) {
      return this.#fallbacks.record(request, key, unanswered(error), mode);
    }
  }

  /** Records use sent as CloudEvents, at most 1,000. Each is charged once, by its source and id. */
  events(events: Input<"POST", "/v1/events">["body"], options: CallOptions = {}): Promise<Schemas["Ingested"]> {
    return this.#send("POST", "/v1/events", { ...options, body: events }, "application/cloudevents-batch+json");
  }

  /** Several operations in one call. Items that name no key get one. */
  batch(items: Schemas["BatchItem"][], options: CallOptions = {}): Promise<Schemas["BatchAnswer"]> {
    return this.request("POST", "/v1/batch", { body: { items: items.map(keyed) }, ...options });
  }

  /** Adds credits to an account. */
  grant(account: string, grant: Schemas["GrantRequest"], options: CallOptions = {}): Promise<Schemas["Change"]> {
    return this.request("POST", "/v1/accounts/{id}/grants", { path: { id: account }, body: grant, ...options });
  }

  /** Gives back a charge, wholly or in part. */
  refund(account: string, refund: Schemas["RefundRequest"], options: CallOptions = {}): Promise<Schemas["Change"]> {
    return this.request("POST", "/v1/accounts/{id}/refunds", { path: { id: account }, body: refund, ...options });
  }

  /** The credits of an account. */
  balances(account: string, query: { at?: string; unit?: string } = {}, options: CallOptions = {}): Promise<Schemas["Balances"]> {
    return this.request("GET", "/v1/accounts/{id}/balances", { path: { id: account }, query, ...options });
  }

  /** Any call of the API, typed by its document. */
  request<M extends Method, P extends Route<M>>(
    method: M,
    route: P,
    ...input: object extends Input<M, P> ? [input?: Input<M, P>] : [input: Input<M, P>]
  ): Promise<Output<M, P>> {
    return this.#send(method, route, (input as readonly Sent[])[0] ?? {});
  }

  /** Records everything that waits in the journal. Fails if the server does not answer, or not to this key; nothing is lost then. */
  async flush(): Promise<Flushed> {
    return this.#later === undefined ? { recorded: 0, refused: 0, left: 0 } : this.#later.flush();
  }

  /** Lets the journal go. What it has is recorded by the next client that opens it. */
  async close(): Promise<void> {
    this.#closing.abort(new HeadworksError("the client is closed"));
    await this.#later?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #openHold(request: HoldRequest, options: HoldOptions): Promise<Hold> {
    const answer = await this.#decide({ ...request, settle: "later" }, options);
    if (!("error" in answer)) return new Hold(answer, onServer(this, answer, options));
    const local = await this.#fallbacks.hold(answer, this.#mode(options));
    return new Hold(local.decision, onThisClient(local));
  }

  async #decide(request: Schemas["AuthorizeRequest"], options: DecideOptions): Promise<Decided | Unanswered> {
    checkQuantities(request);
    this.#mode(options);
    const own = request.idempotency_key ?? options.idempotencyKey;
    const key = own ?? randomUUID();
    try {
      return decided(await this.request("POST", "/v1/authorize", { body: request, ...bare(options), idempotencyKey: key }));
    } catch (error) {
      return { request, key, isOwnKey: own !== undefined, error: unanswered(error) };
    }
  }

  async #send<T>(method: Method, route: string, input: Sent, contentType?: string): Promise<T> {
    const { path, query, body, ...options } = input;
    const isText = typeof body === "string";
    const answer = await this.#transport.send({
      method,
      target: target(route, path, query),
      body: body === undefined ? undefined : isText ? body : JSON.stringify(body),
      contentType: contentType ?? (isText ? "text/plain; charset=utf-8" : undefined),
      key: options.idempotencyKey ?? (needsKey(method, route) ? randomUUID() : undefined),
      repeatable: isRepeatable(route),
      options,
    });
    return answer as T;
  }

  #mode(options: DecideOptions): Fallback {
    const mode = options.fallback ?? this.#fallback;
    this.#fallbacks.check(mode);
    return mode;
  }

  #give(place: Place | undefined): void {
    if (place !== undefined) this.#fallbacks.give(place.account, place.feature, place.counted);
  }

  #keptIn(journal: string | JournalSettings): Later {
    const { signal } = this.#closing;
    const later = new Later(typeof journal === "string" ? { path: journal } : journal, {
      authorize: (body, idempotencyKey) => this.request("POST", "/v1/authorize", { body, idempotencyKey, signal }),
      settle: (body) => this.request("POST", "/v1/settle", { body, signal }),
      release: (hold) => this.request("POST", "/v1/release", { body: { hold }, signal }),
      batch: (items) => this.request("POST", "/v1/batch", { body: { items }, signal }),
    });
    this.#transport.onAnswer = () => later.answered();
    return later;
  }
}

/** Options of a call without its failure mode. */
function bare({ idempotencyKey, timeout, maxRetries, signal }: CallOptions): CallOptions {
  return { idempotencyKey, timeout, maxRetries, signal };
}

function unanswered(error: unknown): Unavailable {
  if (error instanceof Unavailable) return error;
  throw error;
}

function accountOf(reference: string): string {
  return reference.slice(0, reference.lastIndexOf("~"));
}

function keyed(item: Schemas["BatchItem"]): Schemas["BatchItem"] {
  if ("authorize" in item)
    return { authorize: { ...item.authorize, idempotency_key: item.authorize.idempotency_key ?? randomUUID() } };
  if ("record" in item) return { record: { ...item.record, idempotency_key: item.record.idempotency_key ?? randomUUID() } };
  return item;
}

function base(url: string | undefined): string {
  if (url === undefined || url === "") throw new HeadworksError("no server is named; give baseUrl, or set HEADWORKS_URL");
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new HeadworksError(`baseUrl ${JSON.stringify(url)} is no address; give one such as http://127.0.0.1:8080`);
  }
  return url.replace(/\/+$/, "");
}

function secret(key: string | undefined): string {
  if (key === undefined || key === "") throw new HeadworksError("there is no API key; give apiKey, or set HEADWORKS_API_KEY");
  if (!/^[\x21-\x7e]+$/.test(key)) throw new HeadworksError("the API key has characters that no key has; copy it again");
  return key;
}
