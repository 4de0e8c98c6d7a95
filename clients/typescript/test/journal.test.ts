/** The journal across processes, crashes and damage. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Headworks, Unavailable } from "@headworks/client";
import { STALE_MS } from "../dist/lock.js";
import { Proxy } from "./proxy.js";
import { World, until } from "./world.js";

let world: World;
let away: Proxy;
before(async () => {
  world = await World.start();
  away = await Proxy.start(() => world.url);
  await away.disconnect();
});
after(() => world.stop());

const CHAT = { feature: "chat", quantities: { output_tokens: 100 } };

/** Starts a process whose server is away, and waits until it has let its requests in. */
async function child(journal: string, account: string, times: number): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("child.js", import.meta.url));
  const running = spawn(process.execPath, [script, away.url, world.apiKey, journal, account, `${times}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = 0;
  for await (const line of createInterface({ input: running.stdout })) {
    assert.equal(line, "let in");
    said += 1;
    if (said === times) return running;
  }
  throw new Error(`the process ended after ${said} lines`);
}

async function kill(running: ChildProcess): Promise<void> {
  running.kill("SIGKILL");
  await once(running, "exit");
}

/** A client without a server. */
function offline(journal: string): Headworks {
  return world.client({ baseUrl: away.url, maxRetries: 0, fallback: "open", journal });
}

function isClosed(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Unavailable && error.code === code;
}

test("the journal of a process that was killed is recorded once", async () => {
  const account = await world.open("killed");
  const journal = world.path("killed");
  await kill(await child(journal, account, 5));
  assert.equal(readFileSync(journal, "utf8").trim().split("\n").length, 5);
  copyFileSync(journal, `${journal}.copy`);
  {
    await using client = world.client({ journal });
    await until(
      () => world.spent(account),
      (spent) => spent === "1",
    );
    assert.equal((await client.flush()).left, 0);
  }
  // As if it had been killed again, after it sent and before it deleted.
  copyFileSync(`${journal}.copy`, journal);
  await using client = world.client({ journal });
  assert.deepEqual(await client.flush(), { recorded: 5, refused: 0, left: 0 });
  assert.equal((await world.charges(account)).length, 5);
  assert.equal(await world.spent(account), "1");
});

test("a restart knows what was let in before", async () => {
  const account = await world.open("restart");
  const journal = world.path("restart");
  await kill(await child(journal, account, 3));
  const { OpenUpTo } = await import("@headworks/client");
  await using client = offline(journal);
  const upTo = { fallback: new OpenUpTo(400) };
  assert.ok((await client.authorize({ account, ...CHAT }, upTo)).allowed);
  await assert.rejects(client.authorize({ account, ...CHAT }, upTo), isClosed("open_amount_used"));
});

test("one process has a journal; the next takes it over when that one was killed", async () => {
  const account = await world.open("two");
  const journal = world.path("two");
  const other = await child(journal, account, 2);
  await using client = offline(journal);
  await assert.rejects(client.authorize({ account, ...CHAT }), (error) => {
    return isClosed("journal_locked")(error) && String(error).includes(`process ${other.pid}`);
  });
  await kill(other);
  assert.ok((await client.authorize({ account, ...CHAT })).allowed);
  await client.close();
  await using online = world.client({ journal });
  await until(
    () => online.flush(),
    ({ left }) => left === 0,
  );
  assert.equal(await world.spent(account), "0.6");
});

test("two processes with journals of their own are both recorded", async () => {
  const account = await world.open("both");
  const journals = [world.path("both-1"), world.path("both-2")];
  for (const running of await Promise.all(journals.map((journal) => child(journal, account, 4)))) await kill(running);
  for (const journal of journals) {
    await using client = world.client({ journal });
    assert.equal((await client.flush()).left, 0);
  }
  assert.equal(await world.spent(account), "1.6");
});

test("two clients of one process do not share a journal", async () => {
  const journal = world.path("shared");
  await using first = offline(journal);
  await first.record({ account: "a", ...CHAT });
  await using second = offline(journal);
  await assert.rejects(second.record({ account: "a", ...CHAT }), isClosed("journal_locked"));
});

test("the lock of a process that was killed is taken over", async () => {
  const journal = world.path("stale");
  const lock = `${journal}.lock`;
  const owner = (more: object) => JSON.stringify({ token: "t", host: hostname(), pid: process.pid, began: "before", ...more });
  const writes = async () => {
    await using client = offline(journal);
    return (await client.record({ account: "a", ...CHAT })) as unknown;
  };
  // Its number is that of another process by now, here of this one.
  writeFileSync(lock, owner({}));
  await writes();
  assert.equal(existsSync(lock), false);
  // Of another host nothing is known but when it last touched the lock.
  writeFileSync(lock, owner({ host: "elsewhere" }));
  await assert.rejects(writes(), isClosed("journal_locked"));
  const old = new Date(Date.now() - STALE_MS - 1000);
  utimesSync(lock, old, old);
  await writes();
  assert.equal(readFileSync(journal, "utf8").trim().split("\n").length, 2);
});

test("who lost the lock writes nothing more", async () => {
  const journal = world.path("usurped");
  await using client = offline(journal);
  await client.record({ account: "a", ...CHAT });
  const { size } = statSync(journal);
  writeFileSync(`${journal}.lock`, "another");
  await assert.rejects(client.record({ account: "a", ...CHAT }), isClosed("journal_locked"));
  assert.equal(statSync(journal).size, size);
  // It goes on when the other has ended.
  rmSync(`${journal}.lock`);
  await client.record({ account: "a", ...CHAT });
  assert.equal(readFileSync(journal, "utf8").trim().split("\n").length, 2);
});

test("a write that fails half way closes, and loses nothing", async () => {
  const account = await world.open("disk");
  const journal = world.path("disk");
  // No file of this process grows beyond a few blocks, as on a full disk.
  const script = fileURLToPath(new URL("child.js", import.meta.url));
  const args = [process.execPath, script, away.url, world.apiKey, journal, account, "50"];
  const running = spawn("sh", ["-c", 'ulimit -f 4; exec "$0" "$@"', ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const said: string[] = [];
  for await (const line of createInterface({ input: running.stdout })) if (said.push(line) === 50) break;
  await kill(running);
  const letIn = said.indexOf("closed");
  assert.ok(letIn > 0, said.join());
  assert.deepEqual(
    said,
    [...said.keys()].map((n) => (n < letIn ? "let in" : "closed")),
  );
  await using client = world.client({ journal });
  await until(
    () => client.flush(),
    ({ left }) => left === 0,
  );
  assert.equal((await world.charges(account)).length, letIn);
});

test("a torn last line is dropped, a damaged one is named", async () => {
  const account = await world.open("torn");
  const journal = world.path("torn");
  await kill(await child(journal, account, 3));
  truncateSync(journal, statSync(journal).size - 10);
  {
    await using client = offline(journal);
    await client.authorize({ account, ...CHAT });
  }
  const lines = readFileSync(journal, "utf8").trim().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).kind),
    ["record", "record", "record"],
  );
  writeFileSync(journal, [lines[0], "{", lines[2], ""].join("\n"));
  await using client = offline(journal);
  await assert.rejects(client.authorize({ account, ...CHAT }), (error) => {
    return isClosed("journal_damaged")(error) && /line 2/.test(String(error));
  });
  assert.equal(readFileSync(journal, "utf8").split("\n").length, 4);
  writeFileSync(journal, `${lines[0]}\n`);
  appendFileSync(journal, "\0\0\0\0");
  await using mended = world.client({ journal });
  assert.deepEqual(await mended.flush(), { recorded: 1, refused: 0, left: 0 });
});
