/** What happens when no answer comes: closed, open, open up to an amount, and what is recorded later. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { after, afterEach, before, beforeEach, test } from "node:test";
import {
  Forbidden,
  type Headworks,
  type HeadworksOptions,
  InvalidRequest,
  OpenUpTo,
  type Refused,
  Unavailable,
} from "@headworks/client";
import { Proxy } from "./proxy.js";
import { World, until } from "./world.js";

let world: World;
let proxy: Proxy;
let isAway = false;
const clients: Headworks[] = [];
before(async () => {
  world = await World.start();
});
after(() => world.stop());
beforeEach(async () => {
  proxy = await Proxy.start(() => world.url);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  if (!isAway) await proxy.disconnect();
  isAway = false;
});

const CHAT = { feature: "chat", quantities: { output_tokens: 100 } };
let journals = 0;
const journal = () => world.path(`journal-${(journals += 1)}`);

/** A client that goes through the proxy, tries once and has a journal. */
function through(options: HeadworksOptions = {}): Headworks {
  const client = world.client({ baseUrl: proxy.url, maxRetries: 0, journal: journal(), ...options });
  clients.push(client);
  return client;
}

async function goAway(): Promise<void> {
  await proxy.disconnect();
  isAway = true;
}

async function comeBack(): Promise<void> {
  await proxy.connect();
  isAway = false;
}

function isClosed(code?: string): (error: unknown) => boolean {
  return (error) => error instanceof Unavailable && error.code === code;
}

test("closed is the default: no answer is an error", async () => {
  await goAway();
  const client = through();
  await assert.rejects(client.authorize({ account: "a", ...CHAT }), isClosed());
  await assert.rejects(client.check({ account: "a", ...CHAT }), isClosed());
  await assert.rejects(client.hold({ account: "a", ...CHAT }), isClosed());
  await assert.rejects(client.record({ account: "a", ...CHAT }), isClosed());
  await assert.rejects(client.settle({ hold: "a~1", quantities: {} }), isClosed());
});

test("open without a journal lets in and records nothing", async () => {
  const account = await world.open("unrecorded");
  await goAway();
  const client = through({ fallback: "open", journal: undefined });
  const decision = await client.authorize({ account, ...CHAT });
  assert.ok(decision.allowed && decision.fallback && !decision.journaled);
  assert.deepEqual(await client.hold({ account, ...CHAT }, (hold) => hold.settle({ output_tokens: 5 })), {
    fallback: true,
    journaled: false,
  });
  await comeBack();
  assert.deepEqual(await client.flush(), { recorded: 0, refused: 0, left: 0 });
  assert.equal(await world.spent(account), "0");
});

test("open with a journal records later, without being asked, at the instant of the use", async () => {
  const account = await world.open("later");
  await goAway();
  const client = through({ fallback: "open" });
  const begun = new Date().toISOString();
  const decision = await client.authorize({ account, ...CHAT, path: "user:alice", dimensions: { model: "large" } });
  assert.ok(decision.fallback && decision.journaled);
  await client.record({ account, ...CHAT });
  const gone = new Date().toISOString();
  await comeBack();
  const charges = await until(
    () => world.charges(account),
    (some) => some.length === 2,
  );
  const instants: string[] = [];
  for await (const record of world.client().accounts.records(account, { from: 3 })) instants.push(record.effective_at);
  assert.ok(
    instants.length === 2 && instants.every((instant) => begun <= instant && instant < gone),
    `${begun}, ${instants}, ${gone}`,
  );
  assert.deepEqual(
    charges.map((charge) => charge.price),
    ["2", "0.2"],
  );
  assert.deepEqual([charges[0]?.usage.path, charges[0]?.usage.dimensions], ["user:alice", { model: "large" }]);
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
});

test("an answer of the server is no reason for a fallback", async () => {
  const account = await world.open("answers", "open", "0");
  const client = through({ fallback: "open" });
  assert.equal((await client.authorize({ account, ...CHAT })).allowed, false);
  await assert.rejects(client.authorize({ account, feature: "none" }), InvalidRequest);
  proxy.next({ kind: "answer", status: 429 });
  await assert.rejects(client.authorize({ account, ...CHAT }), /429/);
});

test("5xx and lateness are, and the mode may be named for each call", async () => {
  const account = await world.open("modes");
  const client = through();
  for (const status of [408, 500, 503]) {
    proxy.next({ kind: "answer", status });
    assert.ok((await client.check({ account, ...CHAT }, { fallback: "open" })).fallback);
  }
  proxy.next({ kind: "late", ms: 2000 });
  assert.ok((await client.check({ account, ...CHAT }, { fallback: new OpenUpTo(100), timeout: 200 })).fallback);
  proxy.next({ kind: "answer", status: 503 });
  await assert.rejects(client.check({ account, ...CHAT }, { fallback: new OpenUpTo(99) }), isClosed("open_amount_used"));
});

test("fifty calls at once are let in up to the amount", async () => {
  const account = await world.open("fifty");
  await goAway();
  const client = through({ fallback: new OpenUpTo(750) });
  const calls = Array.from({ length: 50 }, () => client.authorize({ account, ...CHAT }));
  const ends = await Promise.allSettled(calls);
  // Seven of 100 fit into 750.
  assert.equal(ends.filter((end) => end.status === "fulfilled").length, 7);
  assert.ok(ends.every((end) => end.status === "fulfilled" || isClosed("open_amount_used")(end.reason)));
  // What is left of the amount is still there.
  assert.ok((await client.authorize({ account, feature: "chat", quantities: { output_tokens: 50 } })).allowed);
  await assert.rejects(
    client.authorize({ account, feature: "chat", quantities: { output_tokens: 1 } }),
    isClosed("open_amount_used"),
  );
  await comeBack();
  assert.equal(
    (
      await until(
        () => client.flush(),
        ({ left }) => left === 0,
      )
    ).left,
    0,
  );
  assert.equal(await world.spent(account), "1.5");
  // Recorded: the amount is free again.
  await goAway();
  assert.ok((await client.authorize({ account, feature: "chat", quantities: { output_tokens: 750 } })).allowed);
});

test("each account, feature and meter has an amount of its own", async () => {
  const [one, two] = [await world.open("one"), await world.open("two")];
  await goAway();
  const client = through({ fallback: new OpenUpTo({ output_tokens: 100, requests: 1 }) });
  assert.ok((await client.authorize({ account: one, ...CHAT })).allowed);
  assert.ok((await client.authorize({ account: two, ...CHAT })).allowed);
  assert.ok((await client.authorize({ account: one, feature: "page" })).allowed);
  await assert.rejects(client.authorize({ account: one, feature: "page" }), isClosed("open_amount_used"));
  // A meter without an amount, and names that every object has.
  for (const meter of ["input_tokens", "constructor"]) {
    await assert.rejects(
      client.authorize({ account: two, feature: "chat", quantities: { [meter]: 1 } }),
      isClosed("open_amount_used"),
    );
  }
  assert.throws(() => new OpenUpTo(-1), RangeError);
  assert.throws(() => new OpenUpTo({ requests: 0.5 }), RangeError);
});

test("OpenUpTo needs a journal", async () => {
  assert.throws(() => through({ fallback: new OpenUpTo(1), journal: undefined }), /needs a journal/);
  const client = through({ journal: undefined });
  await assert.rejects(client.authorize({ account: "a", ...CHAT }, { fallback: new OpenUpTo(1) }), /needs a journal/);
  assert.throws(() => through({ journal: world.path("no/folder/journal") }), /folder does not exist/);
});

test("a hold that only its name could settle is let in by open alone, and not recorded", async () => {
  await goAway();
  const client = through();
  const request = { account: "a", ...CHAT, settle: "later" } as const;
  await assert.rejects(client.authorize(request, { fallback: new OpenUpTo(1000) }), isClosed());
  const decision = await client.authorize(request, { fallback: "open" });
  assert.ok(decision.fallback && !decision.journaled);
});

test("closing ends what is sent in the background, and the address of a user is not written down", async () => {
  const account = await world.open("closing");
  const path = journal();
  const client = through({ fallback: "open", journal: path, maxRetries: 5 });
  proxy.next({ kind: "drop" });
  await client.authorize({ account, ...CHAT, source: "192.0.2.7" }, { maxRetries: 0 });
  assert.ok(readFileSync(path, "utf8").includes('"first"') && !readFileSync(path, "utf8").includes("192.0.2.7"));
  proxy.next({ kind: "answer", status: 503, headers: { "retry-after": "50" } });
  const flush = client.flush();
  await until(
    async () => proxy.seen.length,
    (times) => times === 2,
  );
  const begun = Date.now();
  await Promise.all([assert.rejects(flush, /closed/), client.close()]);
  assert.ok(Date.now() - begun < 5000);
});

test("a charge whose answer was lost is not recorded again", async () => {
  const account = await world.open("lost");
  const client = through({ fallback: "open" });
  proxy.next({ kind: "drop" });
  assert.ok((await client.authorize({ account, ...CHAT })).fallback);
  assert.equal(await world.spent(account), "0.2");
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
  assert.equal((await world.charges(account)).length, 1);
  assert.equal(await world.spent(account), "0.2");
});

test("a denial whose answer was lost is recorded, since the work was let in", async () => {
  const account = await world.open("refused", "open", "0");
  const client = through({ fallback: "open" });
  proxy.next({ kind: "drop" });
  assert.ok((await client.authorize({ account, ...CHAT })).fallback);
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
  const charges = await world.charges(account);
  assert.deepEqual(
    charges.map((charge) => [charge.price, charge.refunded]),
    [["0.2", "0.2"]],
  );
});

test("of a part that was charged the rest is recorded", async () => {
  const account = await world.open("rest", "open", "0.1");
  const client = through({ fallback: "open" });
  proxy.next({ kind: "drop" });
  assert.ok((await client.authorize({ account, ...CHAT, min: { output_tokens: 10 } })).fallback);
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
  const charges = await world.charges(account);
  const tokens = charges.flatMap((charge) => charge.usage.lines).filter((line) => line.meter === "output_tokens");
  assert.deepEqual(
    tokens.map((line) => line.quantity),
    [50, 50],
  );
});

test("a hold without the server writes its actual use down", async () => {
  const account = await world.open("local");
  await goAway();
  const client = through({ fallback: new OpenUpTo(100) });
  await client.hold({ account, ...CHAT }, async (hold) => {
    assert.ok(hold.fallback && hold.id === undefined);
    await assert.rejects(
      client.hold({ account, feature: "chat", quantities: { output_tokens: 1 } }),
      isClosed("open_amount_used"),
    );
    await assert.rejects(hold.extend({ quantities: { output_tokens: 1 } }), isClosed("open_amount_used"));
    assert.deepEqual(await hold.settle({ output_tokens: 30 }), { fallback: true, journaled: true });
  });
  // 70 are left of 100; a release gives all back.
  await client.hold({ account, feature: "chat", quantities: { output_tokens: 70 } }, () => {});
  await client.hold({ account, feature: "chat", quantities: { output_tokens: 60 } }, async (hold) => {
    assert.ok((await hold.extend({ quantities: { output_tokens: 10 } })).allowed);
    hold.report({ output_tokens: 65 });
  });
  await comeBack();
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
  const lines = (await world.charges(account)).flatMap((charge) => charge.usage.lines);
  assert.deepEqual(
    lines
      .filter((line) => line.meter === "output_tokens")
      .map((line) => line.quantity)
      .sort(),
    [30, 65],
  );
});

test("a hold that was forgotten gives its amount back", async () => {
  const account = await world.open("forgotten");
  await goAway();
  const client = through({ fallback: new OpenUpTo(100) });
  await client.hold({ account, ...CHAT });
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const fits = () => client.check({ account, ...CHAT }).then(Boolean, () => false);
  await until(async () => {
    collect();
    return fits();
  }, Boolean);
});

test("a hold whose answer was lost is settled at its actual use, or released", async () => {
  const account = await world.open("lost-hold");
  const client = through({ fallback: "open" });
  proxy.next({ kind: "drop" });
  await client.hold({ account, ...CHAT }, (hold) => hold.settle({ output_tokens: 40 }));
  proxy.next({ kind: "drop" });
  await client.hold({ account, ...CHAT }, (hold) => assert.ok(hold.fallback));
  assert.equal((await world.holds(account)).length, 2);
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
  assert.deepEqual(await world.holds(account), []);
  assert.deepEqual(
    (await world.charges(account)).map((charge) => charge.price),
    ["0.08"],
  );
});

test("a hold of the server ends in the journal when the server is away by then", async () => {
  const account = await world.open("ends");
  const client = through({ fallback: new OpenUpTo(500) });
  const settled = await client.hold({ account, ...CHAT });
  const released = await client.hold({ account, ...CHAT });
  await goAway();
  // Growth takes of the amount until the hold has ended.
  assert.ok((await settled.extend({ quantities: { output_tokens: 400 } })).fallback);
  await assert.rejects(settled.extend({ quantities: { output_tokens: 101 } }), isClosed("open_amount_used"));
  assert.deepEqual(await settled.settle({ output_tokens: 450 }), { fallback: true, journaled: true });
  await released.release();
  assert.equal((await world.holds(account)).length, 2);
  await comeBack();
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
  assert.deepEqual(await world.holds(account), []);
  assert.deepEqual(
    (await world.charges(account)).map((charge) => charge.price),
    ["0.9"],
  );
  await goAway();
  assert.ok((await client.authorize({ account, feature: "chat", quantities: { output_tokens: 500 } })).allowed);
});

test("what a hold grew by without the server is free again when the server settles it", async () => {
  const account = await world.open("regrown");
  const client = through({ fallback: new OpenUpTo(500) });
  await client.hold({ account, ...CHAT }, async (hold) => {
    await goAway();
    assert.ok((await hold.extend({ quantities: { output_tokens: 500 } })).fallback);
    await comeBack();
    const charge = await hold.settle({ output_tokens: 600 });
    assert.ok(!charge.fallback && charge.price === "1.2");
  });
  await goAway();
  assert.ok((await client.check({ account, feature: "chat", quantities: { output_tokens: 500 } })).allowed);
});

test("an extension of time alone takes nothing of an amount", async () => {
  const account = await world.open("time");
  const client = through({ fallback: new OpenUpTo({ output_tokens: 500, requests: 1 }) });
  await client.hold({ account, ...CHAT }, async (hold) => {
    await goAway();
    const decision = await hold.extend({ life: "5m" });
    assert.ok(decision.fallback);
    assert.deepEqual(decision.quantities, {});
    await comeBack();
    await hold.settle({ output_tokens: 1 });
  });
  await goAway();
  const twice = { account, feature: "chat", quantities: { requests: 2 } };
  await assert.rejects(client.authorize(twice), isClosed("open_amount_used"));
});

test("a settlement whose answer was lost counts once", async () => {
  const account = await world.open("lost-settlement");
  const client = through({ fallback: "open" });
  await client.hold({ account, ...CHAT }, (hold) => {
    proxy.next({ kind: "drop" });
    return hold.settle({ output_tokens: 60 });
  });
  proxy.next({ kind: "drop" });
  await client.record({ account, ...CHAT });
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
  assert.deepEqual(
    (await world.charges(account)).map((charge) => charge.price),
    ["0.12", "0.2"],
  );
});

test("a caller's own key has one effect without the server too", async () => {
  const account = await world.open("own-key");
  await goAway();
  const client = through({ fallback: "open" });
  for (let n = 0; n < 3; n += 1) await client.authorize({ account, ...CHAT }, { idempotencyKey: "mine" });
  const other = client.authorize({ account, feature: "chat", quantities: { output_tokens: 1 } }, { idempotencyKey: "mine" });
  await assert.rejects(other, (error) => error instanceof InvalidRequest && error.code === "idempotency_conflict");
  await comeBack();
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
  assert.equal(await world.spent(account), "0.2");
});

test("use that the server refuses is kept aside", async () => {
  const account = await world.open("aside");
  const told: Refused[] = [];
  const path = journal();
  const client = through({ fallback: new OpenUpTo(100), journal: { path, onRefused: (refused) => told.push(refused) } });
  await goAway();
  await client.authorize({ account, feature: "nothing", quantities: { output_tokens: 100 } });
  await client.authorize({ account, ...CHAT });
  await comeBack();
  await until(
    async () => told,
    (some) => some.length === 1,
  );
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
  assert.match(told[0]?.problem ?? "", /422 unknown_feature/);
  const kept: unknown[] = readFileSync(`${path}.refused`, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).entry.feature);
  assert.deepEqual(kept, ["nothing"]);
  assert.equal(readFileSync(path, "utf8"), "");
  assert.equal(await world.spent(account), "0.2");
});

test("a key that may not record is told, and the use waits", async () => {
  const account = await world.open("scope");
  const { secret } = await world.client().request("POST", "/v1/keys", { body: { scopes: ["decide"] } });
  const errors: unknown[] = [];
  const path = journal();
  const client = through({ apiKey: secret ?? "", fallback: "open", journal: { path, onError: (error) => errors.push(error) } });
  await goAway();
  await client.authorize({ account, ...CHAT });
  await comeBack();
  await until(
    async () => errors.at(-1),
    (error) => error instanceof Forbidden && error.code === "wrong_scope",
  );
  await client.close();
  const allowed = through({ journal: path });
  await until(
    () => allowed.flush(),
    ({ left }) => left === 0,
  );
  assert.equal(await world.spent(account), "0.2");
});

test("use of an account that is paused by now is recorded", async () => {
  const account = await world.open("paused");
  const client = through({ fallback: "open" });
  await goAway();
  await client.authorize({ account, ...CHAT });
  const direct = world.client();
  await direct.request("POST", "/v1/accounts/{id}/pause", { path: { id: account }, body: {} });
  await comeBack();
  assert.deepEqual(await client.flush(), { recorded: 1, refused: 0, left: 0 });
  assert.equal(await world.spent(account), "0.2");
});

test("a full journal closes", async () => {
  const account = await world.open("full");
  const path = journal();
  const client = through({ fallback: "open", journal: { path, maxBytes: 4000 } });
  await goAway();
  // The room for the end of a hold is kept from its beginning.
  const hold = await client.hold({ account, ...CHAT });
  let letIn = 0;
  const fill = async () => {
    for (; ; letIn += 1) await client.authorize({ account, ...CHAT });
  };
  await assert.rejects(fill(), isClosed("journal_full"));
  assert.ok(letIn > 0);
  await assert.rejects(client.hold({ account, ...CHAT }), isClosed("journal_full"));
  await hold.settle({ output_tokens: 100 });
  assert.ok(readFileSync(path).length <= 4000);
  await comeBack();
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
  assert.equal((await world.charges(account)).length, letIn + 1);
});

test("many uses are recorded in several batches, each once", async () => {
  const account = await world.open("many");
  await goAway();
  const client = through({ fallback: "open" });
  await Promise.all(
    Array.from({ length: 450 }, () => client.authorize({ account, feature: "chat", quantities: { output_tokens: 1 } })),
  );
  await comeBack();
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
  assert.equal(await world.spent(account), "0.9");
});

test("a flush without the server fails and loses nothing", async () => {
  const account = await world.open("flush");
  await goAway();
  const client = through({ fallback: "open" });
  await client.authorize({ account, ...CHAT });
  await assert.rejects(client.flush(), Unavailable);
  await comeBack();
  assert.deepEqual(
    await until(
      () => client.flush(),
      ({ left }) => left === 0,
    ).then(({ left }) => left),
    0,
  );
  assert.equal(await world.spent(account), "0.2");
});
