// Calls through the gateway with the official SDK of OpenAI for npm. Argument: a JSON file with the URL, keys and rows of a trace.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import OpenAI, { toFile } from "openai";

const world = JSON.parse(readFileSync(process.argv[2], "utf8"));
let posts = 0;

function client(apiKey, more = {}) {
  const counted = (...request) => {
    // The SDK tries what `fetch` can do before it sends a form.
    posts += String(request[0]).startsWith("data:") ? 0 : 1;
    return fetch(...request);
  };
  return new OpenAI({ baseURL: `${world.url}/v1`, apiKey, fetch: counted, ...more });
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
const chat = { model: "small", messages: hello };
const ask = { model: "small", input: "hello" };
const weather = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const oslo = served({ tool_call: { name: "weather", arguments: { city: "Ås" } } });
const FIVE = "tok ".repeat(5);
const text = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");

async function chats() {
  const { data, response } = await acme.chat.completions.create({ ...chat, ...served() }).withResponse();
  assert(response.headers.get("x-headworks-decision"));
  assert.equal(data.choices[0].message.content, FIVE);
  assert.deepEqual([data.choices[0].finish_reason, data.usage.prompt_tokens, data.usage.completion_tokens], ["stop", 3, 5]);
  // The report comes only if it is asked for.
  for (const [options, reports] of [[{}, 0], [{ stream_options: { include_usage: true } }, 1], [{ stream_options: { include_usage: false } }, 0]]) {
    const chunks = await all(acme.chat.completions.create({ ...chat, stream: true, ...options, ...served() }));
    assert.equal(text(chunks), FIVE);
    assert.equal(chunks.filter((chunk) => chunk.choices.length === 0).length, reports);
    assert.deepEqual(chunks.filter((chunk) => chunk.usage).map((chunk) => chunk.usage.completion_tokens), Array(reports).fill(5));
  }
  const stream = acme.chat.completions.stream({ ...chat, stream_options: { include_usage: true }, ...served() });
  let deltas = "";
  stream.on("content", (delta) => (deltas += delta));
  const last = await stream.finalChatCompletion();
  assert.deepEqual([deltas, last.choices[0].message.content, (await stream.totalUsage()).completion_tokens], [FIVE, FIVE, 5]);
  const completion = await acme.completions.create({ model: "small", prompt: "hello", ...served() });
  assert.deepEqual([completion.choices[0].text, completion.usage.total_tokens], [FIVE, 8]);
  const several = await acme.chat.completions.create({ ...chat, n: 3, ...served() });
  assert.deepEqual([several.choices.map((choice) => choice.message.content), several.usage.completion_tokens], [[FIVE, FIVE, FIVE], 15]);
}

async function tools() {
  const tool = { type: "function", function: { name: "weather", strict: true, parameters: weather } };
  const whole = await acme.chat.completions.create({ ...chat, tools: [tool], ...oslo });
  const call = whole.choices[0].message.tool_calls[0].function;
  assert.deepEqual([whole.choices[0].finish_reason, call.name, JSON.parse(call.arguments)], ["tool_calls", "weather", { city: "Ås" }]);
  const last = await acme.chat.completions.stream({ ...chat, tools: [tool], ...oslo }).finalChatCompletion();
  assert.deepEqual(JSON.parse(last.choices[0].message.tool_calls[0].function.arguments), { city: "Ås" });
  let told;
  const run = { ...tool.function, parse: JSON.parse, function: (given) => (told = given) };
  const runner = acme.chat.completions.runTools({ ...chat, tools: [{ type: "function", function: run }], ...oslo }, { maxChatCompletions: 1 });
  await runner.done();
  assert.deepEqual(told, { city: "Ås" });
  const asked = { ...ask, tools: [{ type: "function", name: "weather", strict: true, parameters: weather }], ...oslo };
  assert.deepEqual(JSON.parse((await acme.responses.create(asked)).output[0].arguments), { city: "Ås" });
  const response = await acme.responses.stream(asked).finalResponse();
  assert.deepEqual([response.output[0].name, JSON.parse(response.output[0].arguments)], ["weather", { city: "Ås" }]);
}

async function formats() {
  const schema = { type: "json_schema", json_schema: { name: "place", strict: true, schema: weather } };
  const parsed = await acme.chat.completions.parse({ ...chat, response_format: schema, ...served({ text: '{"city":"Oslo"}' }) });
  assert.equal(parsed.choices[0].message.content, '{"city":"Oslo"}');
  // The format reaches the upstream as it was sent.
  for (const response_format of [{ type: "json_object" }, schema]) {
    const echo = await acme.chat.completions.create({ ...chat, response_format, seed: 7, ...served({ echo: true }) });
    const got = JSON.parse(echo.choices[0].message.content);
    assert.deepEqual(got, { ...chat, response_format, seed: 7, ...served({ echo: true }) });
  }
  const echo = await acme.chat.completions.create({ ...chat, model: "alias", ...served({ echo: true }) });
  assert.equal(JSON.parse(echo.choices[0].message.content).model, "large");
}

async function responses() {
  const whole = await acme.responses.create({ ...ask, ...served() });
  assert.deepEqual([whole.status, whole.output_text, whole.usage.input_tokens, whole.usage.output_tokens], ["completed", FIVE, 3, 5]);
  const events = await all(acme.responses.create({ ...ask, stream: true, ...served() }));
  assert.equal(events.filter((e) => e.type === "response.output_text.delta").map((e) => e.delta).join(""), FIVE);
  assert.deepEqual([events.at(-1).type, events.at(-1).response.usage.output_tokens], ["response.completed", 5]);
  const stream = acme.responses.stream({ ...ask, ...served() });
  let snapshot;
  stream.on("response.output_text.delta", (event) => (snapshot = event.snapshot));
  const last = await stream.finalResponse();
  assert.deepEqual([snapshot, last.output_text, last.usage.output_tokens], [FIVE, FIVE, 5]);
}

async function others() {
  const made = await acme.embeddings.create({ model: "small", input: ["hello"], ...served() });
  assert.deepEqual([made.data[0].embedding, made.usage.prompt_tokens], [[0, 1], 3]);
  const ids = (await all(acme.models.list())).map((model) => model.id);
  assert.deepEqual(ids.sort(), ["alias", "large", "listener", "long", "painter", "small", "speaker"]);
  assert.equal((await acme.models.retrieve("small")).id, "small");
  const calls = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => acme.chat.completions.create({ ...chat, ...served({ output_tokens: n }) }));
  assert.deepEqual((await Promise.all(calls)).map((whole) => whole.usage.completion_tokens), [1, 2, 3, 4, 5, 6, 7, 8]);
}

// The same for a call that is sent as a form.
const form = (wish = {}) => ({ mock: JSON.stringify(served(wish).mock) });
const file = (name, type) => toFile(Buffer.from(Array.from({ length: 10_240 }, (_, n) => n % 256)), name, { type });

async function pictures() {
  const ask = { model: "painter", prompt: "a cat" };
  const made = await acme.images.generate({ ...ask, n: 2, size: "1536x1024", quality: "high", ...served() });
  assert.deepEqual([made.data.length, made.size, made.quality], [2, "1536x1024", "high"]);
  assert.deepEqual([made.usage.input_tokens, made.usage.output_tokens], [3, 10]);
  let events = await all(acme.images.generate({ ...ask, stream: true, partial_images: 2, ...served() }));
  assert.deepEqual(events.map((event) => event.type), [..."12"].map(() => "image_generation.partial_image").concat("image_generation.completed"));
  assert.deepEqual([events[1].partial_image_index, events.at(-1).usage.output_tokens], [1, 5]);
  const image = await file("cat.png", "image/png");
  const edited = await acme.images.edit({ ...ask, image: [image, image], mask: image, n: 2, ...form({ input_tokens: 8 }) });
  assert.deepEqual([edited.data.length, edited.usage.input_tokens_details.image_tokens, edited.usage.output_tokens], [2, 4, 10]);
  events = await all(acme.images.edit({ ...ask, image, stream: true, partial_images: 1, ...form() }));
  assert.deepEqual(events.map((event) => event.type), ["image_edit.partial_image", "image_edit.completed"]);
  const varied = await acme.images.createVariation({ model: "painter", image, n: 3, ...form({ no_usage: true }) });
  assert.deepEqual([varied.data.length, varied.usage], [3, undefined]);
  for (const fault of ["cut_after", "end_after", "malformed_after", "error_after"]) {
    const broken = served({ fault: { [fault]: 1 } });
    await fails(OpenAI.APIError, () => all(acme.images.generate({ ...ask, stream: true, partial_images: 3, ...broken })));
  }
  const empty = client(world.empty);
  for (const call of [() => empty.images.generate(ask), () => empty.images.edit({ ...ask, image })]) {
    const [e, sent] = await fails(OpenAI.RateLimitError, call);
    assert.deepEqual([e.code, sent], ["insufficient_quota", 1]);
  }
}

async function sounds() {
  const ask = { model: "speaker", voice: "alloy", input: "grüß dich" };
  const spoken = Buffer.from(await (await acme.audio.speech.create({ ...ask, ...served() })).arrayBuffer());
  assert.deepEqual([spoken.length, [...spoken.subarray(0, 3)]], [500, [0xff, 0xf3, 0x84]]);
  const long = await acme.audio.speech.create({ ...ask, ...served({ output_tokens: 50_000, tokens_per_event: 100 }) });
  assert.equal((await all(long.body)).reduce((sum, part) => sum + part.length, 0), 5_000_000);
  const lines = await (await acme.audio.speech.create({ ...ask, stream_format: "sse", ...served() })).text();
  const events = lines.split("\n").filter((line) => line.startsWith("data: ")).map((line) => JSON.parse(line.slice(6)));
  assert.deepEqual([events.length, events.at(-1).type, events.at(-1).usage.output_tokens], [6, "speech.audio.done", 5]);
  // Bytes that are not all are an error.
  const broken = await acme.audio.speech.create({ ...ask, ...served({ fault: { cut_after: 3 } }) });
  await assert.rejects(() => broken.arrayBuffer());
  const hear = { model: "listener", file: await file("cat.mp3", "audio/mpeg") };
  const heard = await acme.audio.transcriptions.create({ ...hear, ...form() });
  assert.deepEqual([heard.text, heard.usage.type, heard.usage.input_tokens, heard.usage.output_tokens], [FIVE, "tokens", 3, 5]);
  const timed = await acme.audio.transcriptions.create({ ...hear, ...form({ seconds: 7 }) });
  assert.deepEqual(timed.usage, { type: "duration", seconds: 7 });
  const verbose = { response_format: "verbose_json", timestamp_granularities: ["word", "segment"] };
  assert.equal((await acme.audio.transcriptions.create({ ...hear, ...verbose, ...form({ seconds: 7 }) })).duration, 7);
  for (const response_format of ["text", "srt", "vtt"]) {
    assert((await acme.audio.transcriptions.create({ ...hear, response_format, ...form() })).includes(FIVE));
  }
  const stream = await all(acme.audio.transcriptions.create({ ...hear, stream: true, ...form() }));
  assert.equal(stream.filter((e) => e.type === "transcript.text.delta").map((e) => e.delta).join(""), FIVE);
  assert.deepEqual([stream.at(-1).type, stream.at(-1).text, stream.at(-1).usage.output_tokens], ["transcript.text.done", FIVE, 5]);
  assert.equal((await acme.audio.translations.create({ ...hear, ...form() })).text, FIVE);
  for (const fault of ["cut_after", "end_after", "malformed_after", "error_after"]) {
    const faulty = form({ output_tokens: 40, fault: { [fault]: 5 } });
    await fails(OpenAI.APIError, () => all(acme.audio.transcriptions.create({ ...hear, stream: true, ...faulty })));
  }
}

async function denials() {
  // A limit that lifts by itself is sat out.
  const slow = client(world.slow);
  await slow.chat.completions.create({ ...chat, ...served() });
  posts = 0;
  const begun = performance.now();
  const whole = await slow.chat.completions.create({ ...chat, ...served() });
  assert.deepEqual([whole.usage.completion_tokens, posts], [5, 2]);
  const waited = performance.now() - begun;
  assert(waited > 1_000 && waited < 20_000, "waits as long as it is told");
  const once = client(world.slow, { maxRetries: 0 });
  const [limited] = await fails(OpenAI.RateLimitError, () => once.chat.completions.create(chat));
  assert.deepEqual([limited.code, limited.error.details.error_code], ["rate_limit_exceeded", "rate_limit"]);
  // What waiting does not lift is tried once.
  const capped = client(world.capped);
  await capped.chat.completions.create({ ...chat, max_tokens: 40, ...served({ output_tokens: 40 }) });
  for (const [there, reason] of [[capped, "spend_cap"], [client(world.empty), "insufficient_credits"]]) {
    for (const stream of [false, true]) {
      const [e, sent] = await fails(OpenAI.RateLimitError, () => there.chat.completions.create({ ...chat, stream }));
      assert.deepEqual([e.status, e.code, e.type, sent], [429, "insufficient_quota", "insufficient_quota", 1]);
      assert.equal(e.error.details.error_code, reason);
    }
    const [e, sent] = await fails(OpenAI.RateLimitError, () => there.responses.create(ask));
    assert.deepEqual([e.code, sent], ["insufficient_quota", 1]);
  }
  const [none, asked] = await fails(OpenAI.NotFoundError, () => acme.chat.completions.create({ ...chat, model: "none" }));
  assert.deepEqual([none.code, asked], ["model_not_found", 1]);
  await fails(OpenAI.NotFoundError, () => acme.models.retrieve("none"));
  const [wrong, tried] = await fails(OpenAI.AuthenticationError, () => client("hw_wrong").chat.completions.create(chat));
  assert.deepEqual([wrong.code, tried], ["invalid_api_key", 1]);
}

// Text of a stream that was cut: more than was held at first, less than was asked for.
function cut(text) {
  const words = text.length / 4;
  assert(text === "tok ".repeat(words) && words > 1_000 && words < 1_400, `${words}`);
}

async function cuts() {
  const wish = { output_tokens: 20_000, tokens_per_event: 8, tokens_per_second: 10_000 };
  const call = { ...wish, tool_call: { name: "write", arguments: { text: "tok ".repeat(20_000) } } };
  const long = { ...chat, model: "long" };
  for (const [options, reports] of [[{}, 0], [{ stream_options: { include_usage: true } }, 1], [{ stream_options: { include_usage: false } }, 0]]) {
    const poor = client(world.poor.pop());
    const chunks = await all(poor.chat.completions.create({ ...long, stream: true, ...options, ...served(wish) }));
    cut(text(chunks));
    assert.equal(chunks.filter((chunk) => chunk.choices.length).at(-1).choices[0].finish_reason, "length");
    assert.equal(chunks.filter((chunk) => chunk.choices.length === 0).length, reports);
    assert.equal(chunks.filter((chunk) => chunk.usage).length, reports);
  }
  const helped = await client(world.poor.pop()).chat.completions.stream({ ...long, ...served(wish) }).finalChatCompletion();
  cut(helped.choices[0].message.content);
  assert.equal(helped.choices[0].finish_reason, "length");
  const called = client(world.poor.pop()).chat.completions.stream({ ...long, ...served(call) });
  const pieces = await all(called);
  const given = pieces.map((chunk) => chunk.choices[0]?.delta.tool_calls?.[0].function.arguments ?? "").join("");
  assert(given.startsWith('{"text":"tok tok ') && pieces.some((chunk) => chunk.choices[0]?.finish_reason === "length"), given);
  const asked = { ...ask, model: "long" };
  const events = await all(client(world.poor.pop()).responses.create({ ...asked, stream: true, ...served(wish) }));
  assert.deepEqual([events.at(-1).type, events.at(-1).response.incomplete_details.reason], ["response.incomplete", "max_output_tokens"]);
  let stream = client(world.poor.pop()).responses.stream({ ...asked, ...served(wish) });
  let snapshot;
  stream.on("response.output_text.delta", (event) => (snapshot = event.snapshot));
  let last = await stream.finalResponse();
  cut(snapshot);
  assert.deepEqual([last.status, last.output_text, last.incomplete_details.reason], ["incomplete", snapshot, "max_output_tokens"]);
  assert.equal(last.usage.output_tokens, snapshot.length / 4);
  stream = client(world.poor.pop()).responses.stream({ ...asked, ...served(call) });
  stream.on("response.function_call_arguments.delta", (event) => (snapshot = event.snapshot));
  last = await stream.finalResponse();
  assert.deepEqual([last.status, last.output[0].arguments], ["incomplete", snapshot]);
}

const wait = () => new Promise((done) => setTimeout(done, 20));

async function later() {
  const slow = { ...ask, background: true, ...served({ tokens_per_second: 25 }) };
  const begun = await acme.responses.create(slow);
  assert.deepEqual([begun.status, begun.usage], ["queued", null]);
  let now = begun;
  while (["queued", "in_progress"].includes(now.status)) {
    await wait();
    now = await acme.responses.retrieve(begun.id);
  }
  assert.deepEqual([now.id, now.status, now.output_text, now.usage.output_tokens], [begun.id, "completed", FIVE, 5]);
  const follows = await acme.responses.create({ ...ask, previous_response_id: begun.id, ...served() });
  assert.equal(follows.output_text, FIVE);
  await acme.responses.delete(begun.id);
  await fails(OpenAI.NotFoundError, () => acme.responses.retrieve(begun.id));
  const stopped = await acme.responses.create({ ...slow, ...served({ first_token_ms: 60_000 }) });
  assert.equal((await acme.responses.cancel(stopped.id)).status, "cancelled");
  const events = await all(acme.responses.create({ ...slow, stream: true }));
  assert.deepEqual([events[0].type, events.at(-1).type], ["response.created", "response.completed"]);
  assert.equal((await acme.responses.retrieve(events[0].response.id)).output_text, FIVE);
  // A batch of one, so that the upstream's record and the ledger have one use each.
  const body = { model: "alias", max_tokens: 9, messages: hello, ...served({ output_tokens: 7 }) };
  const line = JSON.stringify({ custom_id: "one", method: "POST", url: "/v1/chat/completions", body });
  const file = await acme.files.create({ file: await toFile(Buffer.from(line), "requests.jsonl"), purpose: "batch" });
  const batch = await acme.batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" });
  let done = batch;
  while (done.status === "in_progress") {
    await wait();
    done = await acme.batches.retrieve(batch.id);
  }
  assert.deepEqual([done.id, done.status, done.usage.output_tokens], [batch.id, "completed", 7]);
  const answer = JSON.parse(await (await acme.files.content(done.output_file_id)).text());
  assert.deepEqual([answer.custom_id, answer.response.body.usage.completion_tokens], ["one", 7]);
}

async function breaks() {
  for (const fault of ["cut_after", "end_after", "malformed_after", "error_after"]) {
    const broken = served({ output_tokens: 40, fault: { [fault]: 5 } });
    await fails(OpenAI.APIError, () => all(acme.chat.completions.create({ ...chat, stream: true, ...broken })));
    await fails(OpenAI.APIError, () => all(acme.responses.create({ ...ask, stream: true, ...broken })));
    await fails(OpenAI.APIError, () => acme.chat.completions.stream({ ...chat, ...broken }).finalChatCompletion());
    await fails(OpenAI.APIError, () => acme.responses.stream({ ...ask, ...broken }).finalResponse());
  }
}

async function trace() {
  for (const [number, [prompt, output]] of world.rows.entries()) {
    const wish = served({ input_tokens: prompt, output_tokens: output, tokens_per_event: 16 });
    const row = { model: ["small", "large", "alias"][number % 3], ...wish };
    if (number % 4 === 0) await acme.chat.completions.create({ messages: hello, ...row });
    if (number % 4 === 1) await all(acme.chat.completions.create({ messages: hello, stream: true, ...row }));
    if (number % 4 === 2) await acme.responses.create({ input: "hello", ...row });
    if (number % 4 === 3) await all(acme.responses.create({ input: "hello", stream: true, ...row }));
  }
}

for (const part of [chats, tools, formats, responses, others, pictures, sounds, later, denials, cuts, breaks, trace]) {
  const begun = performance.now();
  await part();
  console.log(`${part.name}: ${((performance.now() - begun) / 1_000).toFixed(2)} s`);
}
