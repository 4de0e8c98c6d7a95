/** The calls of the API against the real server. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  Conflict,
  Denied,
  Forbidden,
  HeadworksError,
  Headworks,
  InvalidRequest,
  NotFound,
  Unauthenticated,
  denialAnswer,
} from "@headworks/client";
import { World } from "./world.js";

let world: World;
before(async () => {
  world = await World.start();
});
after(() => world.stop());

const CHAT = { feature: "chat", quantities: { output_tokens: 1000 } };

test("authorize decides and charges at once", async () => {
  const account = await world.open("once");
  const decision = await world.client().authorize({ account, ...CHAT });
  assert.ok(decision.allowed && !decision.fallback);
  // 1,000 tokens at 0.002.
  assert.equal(decision.price, "2");
  assert.equal(decision.hold, undefined);
  assert.equal(await world.spent(account), "2");
  const explained = await world.client().decisions.explain(decision.decision_id ?? "");
  assert.deepEqual([explained.outcome, explained.allowed, explained.price], ["allow", true, "2"]);
});

test("check has no effect", async () => {
  const account = await world.open("check");
  const decision = await world.client().check({ account, ...CHAT });
  assert.ok(decision.allowed);
  assert.equal(await world.spent(account), "0");
  assert.deepEqual(await world.holds(account), []);
});

test("a denial is an answer with its reason and what unblocks it", async () => {
  const account = await world.open("poor", "open", "1");
  const decision = await world.client().authorize({ account, ...CHAT });
  assert.ok(!decision.allowed);
  assert.equal(decision.reason, "insufficient_credits");
  // 2 credits are asked for and 1 is there.
  assert.equal(decision.unblock?.purchase, "1");
  const answer = denialAnswer(decision);
  assert.deepEqual([answer.status, answer.body.reason], [402, "insufficient_credits"]);
});

test("a rate limit is 429 with the seconds to wait", async () => {
  const account = await world.open("slow", "slow");
  const client = world.client();
  assert.ok((await client.authorize({ account, feature: "page" })).allowed);
  const decision = await client.authorize({ account, feature: "page" });
  assert.ok(!decision.allowed);
  const answer = denialAnswer(decision);
  assert.equal(answer.status, 429);
  const seconds = Number(answer.headers["retry-after"]);
  assert.ok(seconds > 3500 && seconds <= 3600, `${seconds}`);
});

test("part of a request is allowed down to its min, and consent is asked for", async () => {
  const account = await world.open("part", "open", "1");
  const client = world.client();
  const decision = await client.authorize({ account, ...CHAT, min: { output_tokens: 100 } });
  assert.ok(decision.allowed && !decision.fallback);
  assert.equal(decision.outcome, "partial");
  assert.equal(decision.usage.lines.find((line) => line.meter === "output_tokens")?.quantity, 500);
  await client.accounts.open({ id: "asks", consent: "ask" });
  await client.grant("asks", { amount: "5", category: "purchased" });
  const asks = await client.authorize({ account: "asks", ...CHAT }, { idempotencyKey: "consent" });
  assert.deepEqual([asks.allowed, asks.outcome], [false, "needs_consent"]);
  const agreed = await client.authorize({ account: "asks", ...CHAT, consent: true }, { idempotencyKey: "consent" });
  assert.ok(agreed.allowed);
});

test("a charge is refunded once under its key", async () => {
  const account = await world.open("refund");
  const client = world.client();
  const decision = await client.authorize({ account, ...CHAT });
  assert.ok(decision.charge);
  const refund = { charge: decision.charge, reason: "late answer" };
  const first = await client.refund(account, refund, { idempotencyKey: "r1" });
  const again = await client.refund(account, refund, { idempotencyKey: "r1" });
  assert.deepEqual([first.id, again.replayed], [again.id, true]);
  assert.equal((await client.balances(account)).available, "100");
});

test("use is recorded, as records, events and a batch", async () => {
  const account = await world.open("past");
  const client = world.client();
  const charge = await client.record({ account, ...CHAT });
  assert.ok("charge" in charge && charge.price === "2");
  const event = { specversion: "1.0", id: "e1", source: "test", type: "chat", subject: account, data: { output_tokens: 500 } };
  assert.deepEqual(await client.events([event, { ...event }]), { accepted: 1, duplicates: 1, quarantined: 0, refused: [] });
  const { items } = await client.batch([{ record: { account, ...CHAT } }, { record: { account, feature: "none" } }]);
  assert.ok(items[0] !== undefined && "charge" in items[0]);
  assert.ok(items[1] !== undefined && "problem" in items[1]);
  assert.equal(items[1].problem.type, "urn:headworks:problem:unknown_feature");
  // 2 + 1 + 2.
  assert.equal(await world.spent(account), "5");
});

test("accounts are opened, listed, changed and read", async () => {
  const client = world.client();
  const id = await world.open("org/Zoë ü");
  assert.equal((await client.accounts.show(id)).id, id);
  await client.accounts.change(id, { suspended: true });
  assert.equal((await client.accounts.show(id)).suspended, true);
  const names: string[] = [];
  for await (const name of client.accounts.list({ max: 2 })) names.push(name);
  assert.ok(names.includes(id) && names.length >= 2);
  assert.deepEqual(names, [...new Set(names)]);
  const kinds: string[] = [];
  for await (const record of client.accounts.records(id, { max: 1 })) kinds.push(record.kind);
  assert.deepEqual(kinds.slice(0, 2), ["account_opened", "granted"]);
  const [grant] = (await client.balances(id)).grants;
  assert.ok(grant);
  await client.accounts.void(id, grant.id);
  assert.equal((await client.balances(id)).available, "0");
});

test("a key may have any letters", async () => {
  const account = await world.open("keys");
  const client = world.client();
  const first = await client.authorize({ account, ...CHAT }, { idempotencyKey: 'Zoë "1" ü' });
  const again = await client.authorize({ account, ...CHAT, idempotency_key: 'Zoë "1" ü' });
  assert.ok(!first.fallback && !again.fallback);
  assert.equal(again.replayed, true);
  assert.equal(await world.spent(account), "2");
});

test("any route is typed", async () => {
  const client = world.client();
  const supplies = await client.request("GET", "/v1/supplies");
  assert.deepEqual(supplies.supplies, []);
  const catalog = await client.request("GET", "/v1/catalog");
  const accepted = await client.request("PUT", "/v1/catalog", { body: `${catalog}\n# The same.\n` });
  assert.match(accepted.version, /^t\b/);
});

test("errors say what, where and what to do", async () => {
  const client = world.client();
  const failing = async (call: Promise<unknown>): Promise<HeadworksError> => {
    const error: unknown = await call.then(
      () => assert.fail("it succeeded"),
      (error: unknown) => error,
    );
    assert.ok(error instanceof HeadworksError, String(error));
    return error;
  };
  const unknown = await failing(client.authorize({ account: "nobody", ...CHAT }));
  assert.ok(unknown instanceof NotFound);
  assert.deepEqual(
    [unknown.status, unknown.code, unknown.type],
    [404, "unknown_account", "urn:headworks:problem:unknown_account"],
  );
  assert.match(unknown.message, /^POST \/v1\/authorize: 404 unknown_account: .*nobody/);
  const account = await world.open("errors");
  assert.ok((await failing(client.authorize({ account, feature: "none" }))) instanceof InvalidRequest);
  // It was opened on another plan: the account itself is the key.
  assert.equal((await failing(client.accounts.open({ id: account, plan: "slow" }))).code, "idempotency_conflict");
  const wrong = new Headworks({ baseUrl: world.url, apiKey: "hw_wrong" });
  assert.ok((await failing(wrong.balances(account))) instanceof Unauthenticated);
  const { secret } = await client.request("POST", "/v1/keys", { body: { scopes: ["read"] } });
  assert.ok((await failing(world.client({ apiKey: secret ?? "" }).authorize({ account, ...CHAT }))) instanceof Forbidden);
  const hold = await client.hold({ account, ...CHAT });
  await hold.release();
  const ended = await failing(client.settle({ hold: hold.id ?? "", quantities: { output_tokens: 1 } }));
  assert.ok(ended instanceof Conflict && ended.code === "hold_ended");
  const catalog = await failing(client.request("PUT", "/v1/catalog", { body: "version = 7" }));
  assert.ok((catalog.problems?.length ?? 0) > 0, catalog.message);
});

test("what would be altered on its way is refused before it is sent", async () => {
  const client = world.client();
  for (const output_tokens of [-1, 0.5, 2 ** 53, Number.NaN]) {
    await assert.rejects(client.authorize({ account: "a", feature: "chat", quantities: { output_tokens } }), RangeError);
  }
  assert.throws(() => new Headworks({ baseUrl: "localhost:1", apiKey: "hw_x" }), /baseUrl/);
  assert.throws(() => new Headworks({ baseUrl: world.url, apiKey: "hw_x\n" }), /API key/);
  assert.throws(() => new Headworks({ baseUrl: world.url, apiKey: "" }), /HEADWORKS_API_KEY/);
  await assert.rejects(client.accounts.show(""), /"id" is missing/);
});

test("a caller that gives up gets its own reason", async () => {
  const reason = new Error("the user left");
  const client = world.client({ fallback: "open" });
  await assert.rejects(client.check({ account: "a", feature: "chat" }, { signal: AbortSignal.abort(reason) }), reason);
});

test("work of a hold runs only if it is allowed", async () => {
  const account = await world.open("work", "open", "1");
  const client = world.client();
  const never = () => assert.fail("it ran");
  await assert.rejects(client.hold({ account, ...CHAT }, never), (error) => {
    return error instanceof Denied && error.decision.reason === "insufficient_credits" && error.decisionId !== undefined;
  });
  assert.equal(await client.hold({ account, ...CHAT }, never, { onDenied: ({ reason }) => reason }), "insufficient_credits");
});
