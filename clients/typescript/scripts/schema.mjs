// Makes src/schema.ts from the API's OpenAPI document: `npm run schema`, or `npm run schema -- http://127.0.0.1:8080/v1/openapi.json`.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const HERE = (path) => fileURLToPath(new URL(path, import.meta.url));
export const FILE = HERE("../src/schema.ts");

/** The types of a document, as text. */
export async function generate(document) {
  for (const operation of Object.values(document.paths).flatMap(Object.values)) {
    // Several operations may have one name; types are found by path and method.
    delete operation.operationId;
  }
  const header = "// Made by `npm run schema` from the OpenAPI document of the server. Do not edit.\n\n";
  return header + astToString(await openapiTS(document, { emptyObjectsUnknown: true }));
}

async function load(place) {
  return JSON.parse(/^https?:/.test(place) ? await (await fetch(place)).text() : await readFile(place, "utf8"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(FILE, await generate(await load(process.argv[2] ?? HERE("../../../docs/reference/openapi.json"))));
}
