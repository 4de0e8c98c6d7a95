/** Holds end once, whatever happens to their work, and live as long as it does. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Conflict, type Headworks, Unavailable } from "@headworks/client";
import { KeepAlive } from "../dist/keep_alive.js";
import { Proxy } from "./proxy.js";
import { World, until } from "./world.js";

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

const CHAT = { feature: "chat", quantities: { input_tokens: 1000, output_tokens: 1000 } };

test("a hold is settled at the actual use", async () => {
  const account = await world.open("settled");
  const charge = await client.hold({ account, ...CHAT }, async (hold) => {
    assert.equal((await world.client().balances(account)).held, "3");
    return hold.settle({ input_tokens: 1000, output_tokens: 300 });
  });
  assert.ok(!charge.fallback);
  // 1 + 0.6 of 3.
  assert.deepEqual([charge.price, charge.returned, charge.late], ["1.6", "1.4", false]);
});

test("a hold is released on an exception", async () => {
  const account = await world.open("exception");
  const failure = new Error("the work failed");
  const work = client.hold({ account, ...CHAT }, () => {
    throw failure;
  });
  await assert.rejects(work, failure);
  assert.deepEqual(await world.holds(account), []);
  assert.deepEqual((await client.balances(account)).available, "100");
});

test("a hold that is left is released, also by await using", async () => {
  const account = await world.open("left");
  await client.hold({ account, ...CHAT }, () => {});
  {
    await using hold = await client.hold({ account, ...CHAT });
    assert.ok(hold.allowed);
    assert.equal((await world.holds(account)).length, 1);
  }
  assert.deepEqual(await world.holds(account), []);
  assert.equal(await world.spent(account), "0");
});

test("what was reported as used is charged, also on an exception", async () => {
  const account = await world.open("reported");
  const failure = new Error("broke off");
  const work = client.hold({ account, ...CHAT }, (hold) => {
    hold.report({ input_tokens: 1000 });
    hold.report({ input_tokens: 1000, output_tokens: 250 });
    throw failure;
  });
  await assert.rejects(work, failure);
  assert.equal(await world.spent(account), "1.5");
  assert.deepEqual(await world.holds(account), []);
});

test("a hold ends once", async () => {
  const account = await world.open("ends");
  await client.hold({ account, ...CHAT }, async (hold) => {
    const charge = await hold.settle({ output_tokens: 10 });
    assert.equal(await hold.settle({ output_tokens: 999 }), charge);
    await assert.rejects(hold.release(), /settled already/);
    assert.throws(() => hold.report({ output_tokens: 1 }), /settled already/);
  });
  assert.equal(await world.spent(account), "0.02");
  await client.hold({ account, ...CHAT }, async (hold) => {
    await assert.rejects(hold.settle(), /nothing was reported/);
    await hold.release();
    await hold.release();
    await assert.rejects(hold.settle({ output_tokens: 1 }), /released already/);
  });
});

test("a hold grows through the waterfall, and a denial leaves it as it was", async () => {
  const account = await world.open("grows", "open", "4");
  await client.hold({ account, ...CHAT }, async (hold) => {
    assert.ok((await hold.extend({ quantities: { output_tokens: 500 } })).allowed);
    const denied = await hold.extend({ quantities: { output_tokens: 1 } });
    assert.deepEqual([denied.allowed, denied.reason], [false, "insufficient_credits"]);
    const charge = await hold.settle({ input_tokens: 1000, output_tokens: 1500 });
    assert.ok(!charge.fallback && charge.price === "4");
  });
});

test("a use that turned out otherwise is settled at its own dimensions", async () => {
  const account = await world.open("model");
  const charge = await client.hold({ account, ...CHAT, dimensions: { model: "large" } }, (hold) => {
    return hold.settle({ output_tokens: 100 }, { dimensions: { model: "small" } });
  });
  assert.ok(!charge.fallback && charge.price === "0.2");
});

test("a hold longer than its life stays alive", async () => {
  const account = await world.open("long");
  // Two seconds, and the feature allows three at most.
  await client.hold({ account, feature: "job", quantities: { steps: 5 } }, async (hold) => {
    const first = (await world.holds(account))[0];
    assert.ok(first);
    const deadline = Date.parse(first.expires_at);
    const alive = await until(
      async () => (await world.holds(account))[0],
      (now) => now === undefined || Date.parse(now.expires_at) > deadline + 3000,
    );
    assert.ok(alive !== undefined && alive.id === hold.id && alive.extensions >= 2, JSON.stringify(alive));
    await until(
      async () => Date.now(),
      (now) => now > deadline + 1000,
    );
    const charge = await hold.settle({ steps: 3 });
    assert.ok(!charge.fallback && !charge.late && charge.price === "3");
  });
});

test("a hold is kept alive through an outage that is shorter than its life", async () => {
  const account = await world.open("outage");
  await client.hold({ account, ...CHAT, life: "8s" }, async (hold) => {
    // At four seconds, at six, and then once more, under the same key.
    proxy.next({ kind: "answer", status: 503 }, { kind: "drop" });
    const sent = () => proxy.seen.filter((one) => one.url === "/v1/extend" && one.body.includes(account));
    await until(
      async () => sent().length,
      (times) => times === 3,
      30_000,
    );
    assert.equal(new Set(sent().map((one) => one.key)).size, 1);
    assert.equal((await world.holds(account))[0]?.extensions, 1);
    const charge = await hold.settle({ output_tokens: 1 });
    assert.ok(!charge.fallback && !charge.late);
  });
});

test("lives double, are asked for at their half, and end with the hold's last extension", async () => {
  const asked: { life?: string | undefined; at: number }[] = [];
  const begun = Date.now();
  const ended = new Conflict("409 too_many_extensions", { status: 409, code: "too_many_extensions" });
  const alive = new KeepAlive(1000, async ({ life }) => {
    asked.push({ life, at: Date.now() - begun });
    if (asked.length === 4) throw ended;
    return 800;
  });
  await until(
    async () => asked.length,
    (times) => times === 4,
  );
  assert.deepEqual(
    asked.map(({ life }) => life),
    ["2s", "4s", "8s", "16s"],
  );
  // After the half of a second, then of 0.8 s each, counted from the question.
  for (const [n, { at }] of asked.entries()) assert.ok(at >= 490 + 390 * n, `${n}: ${at}`);
  alive.stop();
});

test("a deadline that was moved by hand is not moved back", async () => {
  const asked: unknown[] = [];
  const alive = new KeepAlive(400, async ({ life }) => {
    asked.push(life);
    return 60_000;
  });
  alive.lives(1_000);
  await until(async () => asked.length, Boolean);
  // Twice the life that was set by hand, not twice the first one.
  assert.deepEqual(asked, ["2s"]);
  alive.lives(3_600_000);
  await until(
    async () => Date.now(),
    (
      (end) => (now) =>
        now > end
    )(Date.now() + 300),
  );
  assert.equal(asked.length, 1);
  alive.stop();
});

test("nothing is sent for a hold that has ended, or that is not kept alive", async () => {
  const account = await world.open("quiet");
  await client.hold({ account, feature: "job", quantities: { steps: 1 } }, (hold) => hold.release());
  const left = await client.hold({ account, feature: "job", quantities: { steps: 1 } }, { keepAlive: false });
  await until(
    () => world.holds(account),
    (holds) => holds.length === 0,
  );
  assert.deepEqual(
    proxy.seen.filter((one) => one.url === "/v1/extend" && one.body.includes(account)),
    [],
  );
  const charge = await left.settle({ steps: 1 });
  assert.ok(!charge.fallback && charge.late);
});

test("a settlement in doubt is not followed by a release", async () => {
  const account = await world.open("doubt");
  const lost = client.hold({ account, ...CHAT }, (hold) => {
    proxy.next({ kind: "drop" });
    return hold.settle({ output_tokens: 500 }, { maxRetries: 0 });
  });
  await assert.rejects(lost, Unavailable);
  assert.equal(await world.spent(account), "1");
  assert.deepEqual(
    proxy.seen.filter((one) => one.url === "/v1/release" && one.body.includes(account)),
    [],
  );
});

test("progress is sent, and a hold that is left alone ends as its feature says", async () => {
  const account = await world.open("progress");
  const task = { account, feature: "task", quantities: { steps: 5 } };
  const hold = await client.hold(task);
  hold.report({ steps: 2 });
  await until(async () => proxy.seen.some((one) => one.body.includes('"progress":{"steps":2}')), Boolean);
  // Left alone like that of a dead client; then its estimate of steps is charged at its end.
  await client.hold(task, { keepAlive: false });
  await until(
    () => world.spent(account),
    (spent) => spent === "5",
  );
  await hold.release();
});

test("work that fails after its hold has expired fails with its own error", async () => {
  const account = await world.open("expired");
  const failure = new Error("its own");
  const work = client.hold(
    { account, feature: "task", quantities: { steps: 1 } },
    async () => {
      await until(
        () => world.holds(account),
        (holds) => holds.length === 0,
      );
      throw failure;
    },
    { keepAlive: false },
  );
  await assert.rejects(work, failure);
});

test("a hold that was forgotten is not kept alive", async () => {
  const account = await world.open("forgotten");
  await client.hold({ account, feature: "job", quantities: { steps: 1 } });
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  await until(
    async () => {
      collect();
      return world.holds(account);
    },
    (holds) => holds.length === 0,
  );
});
