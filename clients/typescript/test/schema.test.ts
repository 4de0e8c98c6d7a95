/** The committed types are those of the server's own document, and the package says what it is. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { USER_AGENT } from "../dist/transport.js";
import { World } from "./world.js";

interface Generator {
  FILE: string;
  generate(document: unknown): Promise<string>;
}

test("the types are those of the running server's document", async () => {
  const world = await World.start();
  try {
    const document = await world.client().request("GET", "/v1/openapi.json" as "/v1/catalog/schema");
    const script: string = new URL("../scripts/schema.mjs", import.meta.url).href;
    const { FILE, generate } = (await import(script)) as Generator;
    assert.equal(await generate(document), readFileSync(FILE, "utf8"), "run npm run schema");
  } finally {
    await world.stop();
  }
});

test("the client names its version to servers", () => {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  assert.equal(USER_AGENT, `headworks-typescript/${version}`);
});

test("the promises of the sources name tests that exist", () => {
  const read = (folder: string) => {
    const home = new URL(`../${folder}/`, import.meta.url);
    const names = readdirSync(home).filter((name) => name.endsWith(".ts") && name !== "schema.ts");
    return names.map((name) => readFileSync(new URL(name, home), "utf8")).join("\n");
  };
  const tests = new Set([...read("test").matchAll(/^test\("(.*?)",/gm)].map((match) => match[1]));
  const comments = [...read("src").matchAll(/\/\*\*.*?\*\//gs)].map((match) => match[0].replace(/\s*\n \* /g, " "));
  const inBrackets = comments.flatMap((text) => [...text.matchAll(/\((`[^()]*`)\)/g)].map((match) => match[1] ?? ""));
  const named = inBrackets.flatMap((text) => [...text.matchAll(/`([^`]* [^`]*)`/g)].map((match) => match[1]));
  assert.ok(named.length >= 10, `${named.length}`);
  assert.deepEqual(
    named.filter((name) => !tests.has(name)),
    [],
  );
});
