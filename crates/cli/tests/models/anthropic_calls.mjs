// Calls through the gateway with the official SDK of Anthropic for npm. Argument: a JSON file with the URL, keys and rows of a trace.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import Anthropic from "@anthropic-ai/sdk";

const world = JSON.parse(readFileSync(process.argv[2], "utf8"));
let posts = 0;

function client(apiKey, more = {}) {
  const counted = (...request) => {
    posts += 1;
    return fetch(...request);
  };
  return new Anthropic({ baseURL: world.url, apiKey, fetch: counted, ...more });
}

// How the stand-in serves a call.
const served = (wish = {}) => ({ mock: { input_tokens: 3, output_tokens: 5, ...wish } });

// The error that a call ends with, and how many requests it took.
async function fails(kind, call) {
  posts = 0;
  try {
    await call();
  } catch (e) {
    assert(e instanceof kind, `${kind.name}, not ${e}`);
    return [e, posts];
  }
  assert.fail(`no ${kind.name}`);
}

async function all(stream) {
  const items = [];
  for await (const item of await stream) items.push(item);
  return items;
}

const acme = client(world.acme);
const hello = [{ role: "user", content: "hello" }];
const ask = { model: "small", max_tokens: 1_000, messages: hello };
const weather = { name: "weather", input_schema: { type: "object", properties: { city: { type: "string" } } } };
const FIVE = "tok ".repeat(5);

async function messages() {
  const { data, response } = await acme.messages.create({ ...ask, ...served() }).withResponse();
  assert(response.headers.get("x-headworks-decision"));
  assert.deepEqual([data.content[0].text, data.stop_reason], [FIVE, "end_turn"]);
  assert.deepEqual([data.usage.input_tokens, data.usage.output_tokens], [3, 5]);
  const events = await all(acme.messages.create({ ...ask, stream: true, ...served() }));
  assert.equal(events.filter((e) => e.type === "content_block_delta").map((e) => e.delta.text).join(""), FIVE);
  assert.deepEqual(events.filter((e) => e.type === "message_delta").map((e) => e.usage.output_tokens), [5]);
  const stream = acme.messages.stream({ ...ask, ...served() });
  let text = "";
  stream.on("text", (delta) => (text += delta));
  const last = await stream.finalMessage();
  assert.deepEqual([text, last.content[0].text, last.usage.input_tokens, last.usage.output_tokens], [FIVE, FIVE, 3, 5]);
  const beta = await acme.beta.messages.create({ ...ask, betas: ["some-beta"], ...served() });
  assert.deepEqual([beta.content[0].text, beta.usage.output_tokens], [FIVE, 5]);
  const limited = await acme.messages.create({ ...ask, max_tokens: 4, ...served() });
  assert.deepEqual([limited.stop_reason, limited.usage.output_tokens], ["max_tokens", 4]);
}

async function tools() {
  const oslo = { ...ask, tools: [weather], ...served({ tool_call: { name: "weather", arguments: { city: "Ås" } } }) };
  const whole = await acme.messages.create(oslo);
  assert.deepEqual([whole.stop_reason, whole.content[0].name, whole.content[0].input], ["tool_use", "weather", { city: "Ås" }]);
  const last = await acme.messages.stream(oslo).finalMessage();
  assert.deepEqual([last.stop_reason, last.content[0].input], ["tool_use", { city: "Ås" }]);
  // What is asked for reaches the upstream as it was sent.
  const sent = { ...ask, tools: [weather], output_config: { format: { type: "json_schema", schema: weather.input_schema } }, ...served({ echo: true }) };
  const echo = await acme.messages.create(sent);
  assert.deepEqual(JSON.parse(echo.content[0].text), sent);
}

async function others() {
  assert((await acme.messages.countTokens({ model: "small", messages: hello })).input_tokens > 0);
  const ids = (await all(acme.models.list())).map((model) => model.id);
  assert.deepEqual(ids.sort(), ["alias", "large", "long", "small"]);
  assert.equal((await acme.models.retrieve("small")).id, "small");
  const calls = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => acme.messages.create({ ...ask, ...served({ output_tokens: n }) }));
  assert.deepEqual((await Promise.all(calls)).map((whole) => whole.usage.output_tokens), [1, 2, 3, 4, 5, 6, 7, 8]);
}

async function denials() {
  // A limit that lifts by itself is sat out.
  const slow = client(world.slow);
  await slow.messages.create({ ...ask, ...served() });
  posts = 0;
  const begun = performance.now();
  const whole = await slow.messages.create({ ...ask, ...served() });
  assert.deepEqual([whole.usage.output_tokens, posts], [5, 2]);
  const waited = performance.now() - begun;
  assert(waited > 1_000 && waited < 20_000, "waits as long as it is told");
  const [limited] = await fails(Anthropic.RateLimitError, () => client(world.slow, { maxRetries: 0 }).messages.create(ask));
  assert.equal(limited.error.error.details.error_code, "rate_limit");
  // What waiting does not lift is tried once.
  const capped = client(world.capped);
  await capped.messages.create({ ...ask, max_tokens: 40, ...served({ output_tokens: 40 }) });
  const [cap, capSent] = await fails(Anthropic.RateLimitError, () => capped.messages.create(ask));
  assert.deepEqual([cap.status, cap.type, capSent, cap.error.error.details.error_code], [429, "rate_limit_error", 1, "spend_cap"]);
  for (const stream of [false, true]) {
    const [e, sent] = await fails(Anthropic.APIError, () => client(world.empty).messages.create({ ...ask, stream }));
    assert.deepEqual([e.status, e.type, sent, e.error.error.details.error_code], [402, "billing_error", 1, "insufficient_credits"]);
  }
  const [, asked] = await fails(Anthropic.NotFoundError, () => acme.messages.create({ ...ask, model: "none" }));
  assert.equal(asked, 1);
  await fails(Anthropic.NotFoundError, () => acme.models.retrieve("none"));
  const [wrong, tried] = await fails(Anthropic.AuthenticationError, () => client("hw_wrong").messages.create(ask));
  assert.deepEqual([wrong.type, tried], ["authentication_error", 1]);
}

async function cuts() {
  const wish = { output_tokens: 20_000, tokens_per_event: 8, tokens_per_second: 10_000 };
  const long = { model: "long", max_tokens: 30_000, messages: hello };
  const events = await all(client(world.poor.pop()).messages.create({ ...long, stream: true, ...served(wish) }));
  assert.deepEqual(events.slice(-3).map((e) => e.type), ["content_block_stop", "message_delta", "message_stop"]);
  assert.equal(events.at(-2).delta.stop_reason, "max_tokens");
  const stream = client(world.poor.pop()).messages.stream({ ...long, ...served(wish) });
  let text = "";
  stream.on("text", (delta) => (text += delta));
  const last = await stream.finalMessage();
  const words = text.length / 4;
  // More than was held at first, less than was asked for.
  assert(text === "tok ".repeat(words) && words > 1_000 && words < 1_400, `${words}`);
  assert.deepEqual([last.content[0].text, last.stop_reason, last.usage.output_tokens], [text, "max_tokens", words]);
  const call = served({ ...wish, tool_call: { name: "write", arguments: { words: Array(20_000).fill("tok") } } });
  const tool = await client(world.poor.pop()).messages.stream({ ...long, tools: [{ ...weather, name: "write" }], ...call }).finalMessage();
  const written = tool.content[0].input.words;
  assert(tool.stop_reason === "max_tokens" && written.length > 500 && written.length < 1_000, `${written.length}`);
}

async function breaks() {
  for (const fault of ["cut_after", "end_after", "malformed_after", "error_after"]) {
    const broken = { ...ask, ...served({ output_tokens: 40, fault: { [fault]: 5 } }) };
    await fails(Anthropic.APIError, () => all(acme.messages.create({ ...broken, stream: true })));
    await fails(Anthropic.APIError, () => acme.messages.stream(broken).finalMessage());
  }
}

async function trace() {
  for (const [number, [prompt, output]] of world.rows.entries()) {
    const wish = served({ input_tokens: prompt, output_tokens: output, tokens_per_event: 16 });
    const row = { ...ask, model: ["small", "large", "alias"][number % 3], ...wish };
    await (number % 2 ? acme.messages.create(row) : acme.messages.stream(row).finalMessage());
  }
}

for (const part of [messages, tools, others, denials, cuts, breaks, trace]) {
  const begun = performance.now();
  await part();
  console.log(`${part.name}: ${((performance.now() - begun) / 1_000).toFixed(2)} s`);
}
