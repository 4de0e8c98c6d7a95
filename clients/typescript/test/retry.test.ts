/** What is sent again, when, and that it counts once. The server is real; a proxy in front of it makes the faults. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Conflict, type Headworks, HeadworksError, RateLimited, Unavailable } from "@headworks/client";
import { askedPauseMs, isRetried, ownPauseMs } from "../dist/retry.js";
import { type Fault, Proxy } from "./proxy.js";
import { World } from "./world.js";

let world: World;
let proxy: Proxy;
let client: Headworks;
before(async () => {
  world = await World.start();
  proxy = await Proxy.start(() => world.url);
  client = world.client({ baseUrl: proxy.url });
});
after(async () => {
  await proxy.disconnect();
  await world.stop();
});

const CHAT = { feature: "chat", quantities: { output_tokens: 1000 } };
const SOON = { "retry-after-ms": "1" };

/** Makes one call that meets faults; answers how often it was sent, and under how many keys. */
async function sent(
  faults: Fault[],
  call: () => Promise<unknown>,
): Promise<{ times: number; keys: number; error: unknown; ms: number }> {
  const from = proxy.seen.length;
  const begun = performance.now();
  proxy.next(...faults);
  const error: unknown = await call().then(
    () => undefined,
    (failure: unknown) => failure,
  );
  const seen = proxy.seen.slice(from);
  return { times: seen.length, keys: new Set(seen.map((one) => one.key)).size, error, ms: performance.now() - begun };
}

test("a request whose answer is dropped is sent again and counts once", async () => {
  const account = await world.open("dropped");
  const { times, keys, error } = await sent([{ kind: "drop" }], () => client.authorize({ account, ...CHAT }));
  assert.deepEqual([times, keys, error], [2, 1, undefined]);
  assert.equal(await world.spent(account), "2");
});

test("every call that changes something counts once when its answer is dropped", async () => {
  const account = await world.open("all");
  const drop: Fault[] = [{ kind: "drop" }];
  const once = async (call: () => Promise<unknown>) => {
    const { times, keys, error } = await sent(drop, call);
    assert.deepEqual([times, keys, error], [2, 1, undefined]);
  };
  await once(() => client.accounts.open({ id: "all2" }));
  await once(() => client.grant("all2", { amount: "7", category: "purchased" }));
  assert.equal((await client.balances("all2")).available, "7");
  await once(() => client.record({ account, ...CHAT }));
  await once(() => client.batch([{ record: { account, ...CHAT } }]));
  const hold = await client.hold({ account, ...CHAT });
  await once(() => hold.extend({ quantities: { output_tokens: 500 } }));
  await once(() => hold.settle({ output_tokens: 1500 }));
  const [charge] = await world.charges(account);
  await once(() => client.refund(account, { charge: charge?.charge ?? "" }));
  // 2 + 2 + 3, less 2.
  assert.equal(await world.spent(account), "5");
  const released = await client.hold({ account, ...CHAT });
  await once(() => released.release());
  assert.deepEqual(await world.holds(account), []);
});

test("a slow answer is asked for again and counts once", async () => {
  const account = await world.open("late");
  const late = await sent([{ kind: "late", ms: 2000 }], () => client.authorize({ account, ...CHAT }, { timeout: 300 }));
  assert.deepEqual([late.times, late.keys, late.error], [2, 1, undefined]);
  assert.equal(await world.spent(account), "2");
});

test("errors of the server are tried again, and an unknown outcome under the same key", async () => {
  const account = await world.open("unknown");
  for (const status of [408, 429, 500, 502, 503, 529]) {
    const { times, error } = await sent([{ kind: "answer", status, headers: SOON }], () => client.balances(account));
    assert.deepEqual([times, error], [2, undefined], `${status}`);
  }
  const body = JSON.stringify({
    type: "urn:headworks:problem:outcome_unknown",
    title: "outcome unknown",
    status: 503,
    detail: "retry",
  });
  const headers = { "content-type": "application/problem+json", "retry-after": "0" };
  const instead: Fault = { kind: "instead", status: 503, headers, body };
  const { times, keys, error } = await sent([instead, instead], () => client.authorize({ account, ...CHAT }));
  assert.deepEqual([times, keys, error], [3, 1, undefined]);
  assert.equal(await world.spent(account), "2");
});

test("retries end, and the error says how often it was tried", async () => {
  const fault: Fault = { kind: "answer", status: 500, headers: SOON };
  const { times, error } = await sent([fault, fault, fault], () => client.balances("x"));
  assert.equal(times, 3);
  assert.ok(error instanceof Unavailable);
  assert.deepEqual([error.status, error.attempts, error.inDoubt], [500, 3, true]);
  const one = await sent([fault], () => client.balances("x", {}, { maxRetries: 0 }));
  assert.equal(one.times, 1);
});

test("a conflict and other refusals are not tried again", async () => {
  for (const status of [400, 401, 403, 404, 409, 422]) {
    // A server of Headworks sends retry-after with each 409.
    const { times, error } = await sent([{ kind: "answer", status, headers: { "retry-after": "1" } }], () =>
      client.balances("x"),
    );
    assert.equal(times, 1, `${status}`);
    assert.ok(error instanceof HeadworksError && error.status === status);
  }
});

test("x-should-retry decides", async () => {
  const account = await world.open("should");
  const yes = await sent([{ kind: "answer", status: 409, headers: { ...SOON, "x-should-retry": "true" } }], () =>
    client.balances(account),
  );
  assert.deepEqual([yes.times, yes.error], [2, undefined]);
  for (const status of [429, 503]) {
    const no = await sent([{ kind: "answer", status, headers: { ...SOON, "x-should-retry": "false" } }], () =>
      client.balances(account),
    );
    assert.equal(no.times, 1);
    assert.ok(no.error instanceof (status === 429 ? RateLimited : Unavailable));
  }
});

test("the pause is the one that was asked for, and beyond a minute the call gives up", async () => {
  const account = await world.open("pauses");
  const short = await sent([{ kind: "answer", status: 503, headers: { "retry-after-ms": "150", "retry-after": "30" } }], () =>
    client.balances(account),
  );
  assert.ok(short.error === undefined && short.ms >= 145 && short.ms < 3000, `${short.ms}`);
  const seconds = await sent([{ kind: "answer", status: 503, headers: { "retry-after": "1" } }], () => client.balances(account));
  assert.ok(seconds.error === undefined && seconds.ms >= 990, `${seconds.ms}`);
  const long = await sent([{ kind: "answer", status: 429, headers: { "retry-after": "61" } }], () => client.balances(account));
  assert.equal(long.times, 1);
  assert.ok(long.error instanceof RateLimited && long.error.retryAfterMs === 61_000);
});

test("the limits of a real key are told apart from denials", async () => {
  const limits = { rate: { limit: 1, per: "1h" } };
  const made = await world.client().request("POST", "/v1/keys", { body: { scopes: ["read"], limits } });
  const limited = world.client({ apiKey: made.secret ?? "" });
  const account = await world.open("limited");
  await limited.balances(account);
  await assert.rejects(limited.balances(account), (error) => {
    // A full hour is more than a call waits for.
    return error instanceof RateLimited && error.code === "key_limited" && (error.retryAfterMs ?? 0) > 60_000;
  });
});

test("a conflict of the real server comes at once", async () => {
  const account = await world.open("conflict");
  const hold = await client.hold({ account, ...CHAT });
  await hold.release();
  const { times, error } = await sent([], () => client.settle({ hold: hold.id ?? "", quantities: { output_tokens: 1 } }));
  assert.equal(times, 1);
  assert.ok(error instanceof Conflict);
});

test("what has no key is not sent again after a lost answer", async () => {
  const { times, error } = await sent([{ kind: "drop" }], () =>
    client.request("POST", "/v1/test-clock/advance", { body: { by: "1s" } }),
  );
  assert.equal(times, 1);
  assert.ok(error instanceof Unavailable && error.inDoubt);
});

test("a server that is away is not in doubt, one that answers nonsense is", async () => {
  const away = await Proxy.start(() => world.url);
  await away.disconnect();
  const refused = world.client({ baseUrl: away.url, maxRetries: 0 });
  await assert.rejects(refused.balances("x"), (error) => {
    return error instanceof Unavailable && !error.inDoubt && /ECONNREFUSED/.test(error.message);
  });
  const nonsense: Fault = { kind: "instead", status: 200, headers: { "content-type": "application/json" }, body: "<html>" };
  const { error } = await sent([nonsense], () => client.balances("x", {}, { maxRetries: 0 }));
  assert.ok(error instanceof Unavailable && error.inDoubt);
  const moved = await sent([{ kind: "answer", status: 302, headers: { location: "http://127.0.0.1:1/" } }], () =>
    client.balances("x"),
  );
  assert.ok(moved.error instanceof HeadworksError && moved.error.status === 302 && moved.times === 1);
});

test("pauses follow the table", () => {
  const now = Date.parse("2026-11-27T12:00:00Z");
  const rows: [Record<string, string>, number | undefined][] = [
    [{}, undefined],
    [{ "retry-after": "2" }, 2000],
    [{ "retry-after": "2", "retry-after-ms": "30" }, 30],
    [{ "retry-after": "Fri, 27 Nov 2026 12:00:05 GMT" }, 5000],
    [{ "retry-after": "Fri, 27 Nov 2026 11:00:00 GMT" }, 0],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after-ms": "-5" }, undefined],
  ];
  for (const [headers, ms] of rows) assert.equal(askedPauseMs(new Headers(headers), now), ms, JSON.stringify(headers));
  const own = [0, 1, 2, 3, 4, 5, 20].map((attempt) => [ownPauseMs(attempt, () => 0), ownPauseMs(attempt, () => 1)]);
  assert.deepEqual(own, [
    [500, 375],
    [1000, 750],
    [2000, 1500],
    [4000, 3000],
    [8000, 6000],
    [8000, 6000],
    [8000, 6000],
  ]);
  const retried = [200, 400, 404, 408, 409, 422, 429, 499, 500, 503, 599].filter((status) => isRetried(status, new Headers()));
  assert.deepEqual(retried, [408, 429, 500, 503, 599]);
});
