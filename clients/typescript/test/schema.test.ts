/** The committed types are those of the server's own document, and the package says what it is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
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
