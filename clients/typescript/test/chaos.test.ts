/** Under faults at random, every use that was let in counts exactly once, and no hold stays open. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Headworks } from "@headworks/client";
import { type Fault, Proxy } from "./proxy.js";
import { World, until } from "./world.js";

const CALLS = 120;
const WORKERS = 8;
/** A machine that is busy with other work takes its time. */
const SLOW_MS = 120_000;

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function fault(random: number): Fault | undefined {
  if (random < 0.25) return { kind: "drop" };
  if (random < 0.4) return { kind: "instead", status: 503, headers: { "retry-after-ms": "5" } };
  if (random < 0.5) return { kind: "answer", status: 502, headers: { "retry-after-ms": "5" } };
  if (random < 0.52) return { kind: "late", ms: 3000 };
  return undefined;
}

/** One piece of work that uses `tokens`, by one of the ways to charge it. */
async function use(client: Headworks, account: string, way: number, tokens: number): Promise<void> {
  const request = { account, feature: "chat", quantities: { output_tokens: tokens } };
  if (way === 0) assert.ok((await client.authorize(request)).allowed);
  else if (way === 1) await client.record(request);
  else {
    const estimate = { account, feature: "chat", quantities: { output_tokens: 50 } };
    await client.hold(estimate, async (hold) => {
      if (way === 2) await hold.settle({ output_tokens: tokens });
      else hold.report({ output_tokens: tokens });
    });
  }
}

test("what was let in under faults counts exactly once", async () => {
  const seed = Number(process.env["CHAOS_SEED"] ?? Date.now() % 2 ** 31);
  const random = numbers(seed);
  const world = await World.start();
  const proxy = await Proxy.start(() => world.url);
  const account = await world.open("chaos", "open", "1000");
  const journal = world.path("journal");
  const client = world.client({ baseUrl: proxy.url, journal, fallback: "open", maxRetries: 1, timeout: 1000 });
  try {
    proxy.fault = () => fault(random());
    let sum = 0;
    let next = 0;
    const work = async () => {
      while (next < CALLS) {
        next += 1;
        const tokens = 1 + Math.floor(random() * 50);
        sum += tokens;
        await use(client, account, Math.floor(random() * 4), tokens);
      }
    };
    const working = Promise.all(Array.from({ length: WORKERS }, work));
    // The server dies on the way, and comes back.
    await until(
      async () => next,
      (begun) => begun > CALLS / 3,
      SLOW_MS,
    );
    await world.kill();
    await world.serve();
    await working;
    proxy.fault = () => undefined;
    await until(
      () => client.flush().catch(String),
      (flushed) => typeof flushed === "object" && flushed.left === 0,
      SLOW_MS,
    );
    const lines = (await world.charges(account)).flatMap((charge) => charge.usage.lines);
    const charged = lines.filter((line) => line.meter === "output_tokens").reduce((total, line) => total + line.quantity, 0);
    assert.equal(charged, sum, `CHAOS_SEED=${seed}`);
    assert.deepEqual(await world.holds(account), [], `CHAOS_SEED=${seed}`);
  } finally {
    await client.close();
    await proxy.disconnect();
    await world.stop();
  }
});
