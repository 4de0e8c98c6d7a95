/** The examples and the code of the README, run against the real server. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { World, until } from "./world.js";

const HOME = fileURLToPath(new URL("..", import.meta.url));
let world: World;
let app: ChildProcess;
let url: string;
before(async () => {
  world = await World.start();
  const env = { ...process.env, HEADWORKS_URL: world.url, HEADWORKS_API_KEY: world.apiKey };
  app = spawn(process.execPath, ["examples/express_app.mjs"], { cwd: HOME, env, stdio: ["ignore", "pipe", "ignore"] });
  assert.ok(app.stdout);
  const [line] = (await once(createInterface({ input: app.stdout }), "line")) as [string];
  url = line;
});
after(async () => {
  app.kill("SIGKILL");
  await world.stop();
});

function ask(path: string, account: string): Promise<Response> {
  return fetch(url + path, { headers: { "x-account": account } });
}

/** The use of an account when none of its requests is running. */
async function used(account: string): Promise<number[]> {
  await until(
    () => world.holds(account),
    (holds) => holds.length === 0,
  );
  const lines = (await world.charges(account)).flatMap((charge) => charge.usage.lines);
  return lines.filter((line) => line.meter === "output_tokens").map((line) => line.quantity);
}

test("express: a stream is charged for what was sent", async () => {
  const account = await world.open("words");
  const answer = await ask("/words/50", account);
  assert.equal(answer.status, 200);
  assert.equal((await answer.text()).trim().split(" ").length, 50);
  assert.deepEqual(await used(account), [50]);
});

test("express: a caller that leaves is charged for what was sent", async () => {
  const account = await world.open("leaves");
  let words = 0;
  await new Promise<void>((done) => {
    const request = get(`${url}/words/100000`, { headers: { "x-account": account } }, (answer) => {
      answer.on("data", (part: Buffer) => {
        words += part.toString().split("word").length - 1;
        if (words >= 60) request.destroy();
      });
      answer.on("close", done);
      answer.on("error", () => {});
    });
  });
  const [charged = 0] = await used(account);
  assert.ok(charged >= words && charged < words + 500, `${words} came, ${charged} are charged`);
});

test("express: a stream ends where nobody pays for more", async () => {
  // 0.1 credits pay for the input, 0.01, and for 45 tokens, so for two steps of 20.
  const account = await world.open("ends", "open", "0.1");
  const text = await (await ask("/words/1000", account)).text();
  assert.equal(text.trim().split(" ").length, 40);
});

test("express: an answer is charged at its length, and one that fails costs nothing", async () => {
  const account = await world.open("answer");
  assert.equal((await ask("/answer", account)).status, 200);
  assert.equal((await ask("/answer?fail=1", account)).status, 500);
  assert.deepEqual(await used(account), [42]);
});

test("express: denials say why and when", async () => {
  const poor = await ask("/answer", await world.open("poor", "open", "0"));
  assert.equal(poor.status, 402);
  assert.match(poor.headers.get("content-type") ?? "", /problem\+json/);
  const body: unknown = await poor.json();
  assert.ok(typeof body === "object" && body !== null && "reason" in body && body.reason === "insufficient_credits");
  const slow = await world.open("slow", "slow");
  assert.equal((await ask("/answer", slow)).status, 200);
  const limited = await ask("/answer", slow);
  assert.equal(limited.status, 429);
  assert.ok(Number(limited.headers.get("retry-after")) > 3000);
});

test("the code of the README works", async () => {
  const tour = await World.start(readFileSync(`${HOME}/../../examples/catalog.toml`, "utf8"));
  const file = `${HOME}/build/readme.mjs`;
  try {
    await tour.open("acme", "plus", "5");
    const blocks = [...readFileSync(`${HOME}/README.md`, "utf8").matchAll(/^```js\n(.*?)^```$/gms)].map(
      (match) => match[1] ?? "",
    );
    assert.ok(blocks.length >= 3);
    // The first is a program; the others go on with its client.
    writeFileSync(file, blocks.join("\n").replace("./headworks.journal", tour.path("headworks.journal")));
    const env = { ...process.env, HEADWORKS_URL: tour.url, HEADWORKS_API_KEY: tour.apiKey };
    const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: HOME, env });
    assert.match(stdout, /^hello\n/);
    assert.deepEqual(await tour.holds("acme"), []);
    // 1,000 at 1 and 120 at 5, for a million tokens: of the first program.
    assert.equal((await tour.charges("acme"))[0]?.price, "0.0016");
  } finally {
    rmSync(file, { force: true });
    await tour.stop();
  }
});
