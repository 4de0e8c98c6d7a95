/** The routes of the API's document as types: what each takes, and what it answers. */
import type { paths } from "./schema.js";
import type { CallOptions } from "./transport.js";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Reports that an inbound caller signs; they take no API key. */
type Signed = "/v1/inbound/{name}/signals" | "/v1/inbound/{name}/top-ups";

/** The routes that take a method. */
export type Route<M extends Method> = {
  [P in Exclude<keyof paths, Signed>]: paths[P] extends { [m in Lowercase<M>]: object } ? P : never;
}[Exclude<keyof paths, Signed>];

type Operation<M extends Method, P extends Route<M>> = paths[P][Lowercase<M> & keyof paths[P]];
type Content<R> = R extends { content: infer C } ? C[keyof C] : undefined;

type PathOf<O> = O extends { parameters: { path: infer T } } ? { path: T } : { path?: never };
type QueryOf<O> = O extends { parameters: { query: infer T } }
  ? { query: T }
  : O extends { parameters: { query?: infer T } }
    ? { query?: T }
    : { query?: never };
type BodyOf<O> = O extends { requestBody: { content: infer C } }
  ? { body: C[keyof C] }
  : O extends { requestBody?: { content: infer C } }
    ? { body?: C[keyof C] }
    : { body?: never };

/** Their key is what the call names, so that a repetition by another process has no second effect either. */
const NAMED_BY_THE_CALL = new Set([
  "/v1/settle",
  "/v1/release",
  "/v1/accounts",
  "/v1/accounts/{id}/increases/{increase}/approve",
  "/v1/accounts/{id}/increases/{increase}/deny",
  "/v1/accounts/{id}/quarantine/{use}",
  "/v1/accounts/{id}/top-ups/{number}",
]);
/** They change something at each call and take no key, so they are not sent again after an answer was lost. */
const ONCE = new Set(["/v1/test-clock/advance", "/v1/supplies/{name}/feedback"]);

/** Whether a call needs a key that the caller did not name. */
export function needsKey(method: Method, route: string): boolean {
  return method !== "GET" && route !== "/v1/check" && !NAMED_BY_THE_CALL.has(route) && !ONCE.has(route);
}

export function isRepeatable(route: string): boolean {
  return !ONCE.has(route);
}

/** What a route takes besides options of the call. */
export type Input<M extends Method, P extends Route<M>> = PathOf<Operation<M, P>> &
  QueryOf<Operation<M, P>> &
  BodyOf<Operation<M, P>> &
  CallOptions;

/** What a route answers when it succeeds. */
export type Output<M extends Method, P extends Route<M>> =
  Operation<M, P> extends { responses: infer R } ? Content<R[keyof R & (200 | 201 | 202 | 204)]> : never;

/** A route with its places filled in and its query, encoded. */
export function target(route: string, path: object = {}, query: object = {}): string {
  const values = new Map<string, unknown>(Object.entries(path));
  const filled = route.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values.get(name);
    if (value === undefined || value === "") throw new TypeError(`${route}: "${name}" is missing; give it in path`);
    return encodeURIComponent(String(value));
  });
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const search = asked.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&");
  return search === "" ? filled : `${filled}?${search}`;
}
