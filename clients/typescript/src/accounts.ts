/** Accounts: opening, changing and reading them. */
import type { Headworks } from "./client.js";
import type { Schemas } from "./decision.js";
import type { CallOptions } from "./transport.js";

export class Accounts {
  readonly #client: Headworks;

  constructor(client: Headworks) {
    this.#client = client;
  }

  open(account: Schemas["OpenAccountRequest"], options: CallOptions = {}): Promise<Schemas["Account"]> {
    return this.#client.request("POST", "/v1/accounts", { body: account, ...options });
  }

  show(id: string, options: CallOptions = {}): Promise<Schemas["Account"]> {
    return this.#client.request("GET", "/v1/accounts/{id}", { path: { id }, ...options });
  }

  change(id: string, change: Schemas["ChangeAccountRequest"], options: CallOptions = {}): Promise<Schemas["ChangedAccount"]> {
    return this.#client.request("PATCH", "/v1/accounts/{id}", { path: { id }, body: change, ...options });
  }

  /** The names of all accounts, in order, page by page. */
  async *list(query: { after?: string; max?: number } = {}, options: CallOptions = {}): AsyncGenerator<string> {
    let after = query.after;
    do {
      const page = await this.#client.request("GET", "/v1/accounts", {
        query: { ...query, ...(after === undefined ? {} : { after }) },
        ...options,
      });
      yield* page.accounts;
      after = page.next ?? undefined;
    } while (after !== undefined);
  }

  /** Its limits, and how much of them is used. */
  windows(id: string, options: CallOptions = {}): Promise<Schemas["Windows"]> {
    return this.#client.request("GET", "/v1/accounts/{id}/windows", { path: { id }, ...options });
  }

  /** Its open holds. */
  holds(id: string, options: CallOptions = {}): Promise<Schemas["Holds"]> {
    return this.#client.request("GET", "/v1/accounts/{id}/holds", { path: { id }, ...options });
  }

  /** Its log, from a record on, page by page. */
  async *records(
    id: string,
    query: { from?: number; max?: number } = {},
    options: CallOptions = {},
  ): AsyncGenerator<Schemas["Record"]> {
    let from = query.from;
    do {
      const page = await this.#client.request("GET", "/v1/accounts/{id}/records", {
        path: { id },
        query: { ...query, ...(from === undefined ? {} : { from }) },
        ...options,
      });
      yield* page.records;
      from = page.next ?? undefined;
    } while (from !== undefined);
  }

  /** Takes back what is left of a grant. */
  void(id: string, grant: string, request: Schemas["VoidRequest"] = {}, options: CallOptions = {}): Promise<Schemas["Change"]> {
    return this.#client.request("POST", "/v1/accounts/{id}/grants/{grant}/void", {
      path: { id, grant },
      body: request,
      ...options,
    });
  }

  /** Corrects a grant by hand. */
  adjust(id: string, request: Schemas["AdjustRequest"], options: CallOptions = {}): Promise<Schemas["Change"]> {
    return this.#client.request("POST", "/v1/accounts/{id}/adjustments", { path: { id }, body: request, ...options });
  }

  /** Corrects a charge: its quantities, its prices, or that it happened at all. */
  correct(id: string, request: Schemas["CorrectRequest"], options: CallOptions = {}): Promise<Schemas["Charge"]> {
    return this.#client.request("POST", "/v1/accounts/{id}/corrections", { path: { id }, body: request, ...options });
  }
}
