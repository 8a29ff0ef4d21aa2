// SPDX-License-Identifier: Apache-2.0
// Holds documents against public validators: validate.mjs KIND YAML JSON...
// prints one line of JSON for each, with what is wrong with it; kinds are
// openapi and asyncapi. JSON must say what YAML says.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { Validator } from "@seriousme/openapi-schema-validator";
import asyncapi from "@asyncapi/parser";
import { parse } from "yaml";

// That there is a newer version of AsyncAPI is no fault of the document.
const IGNORED = new Set(["asyncapi-latest-version"]);

async function openapi(text) {
  const validator = new Validator();
  const result = await validator.validate(text);
  if (!result.valid) return [JSON.stringify(result.errors)];
  validator.resolveRefs();
  return validator.version === "3.1" ? [] : [`version ${validator.version}`];
}

async function asynchronous(text) {
  const found = await new asyncapi.Parser().validate(text);
  return found
    .filter((each) => !IGNORED.has(each.code))
    .map((each) => `${each.path.join(".")}: ${each.message}`);
}

const words = process.argv.slice(2);
for (let i = 0; i + 2 < words.length; i += 3) {
  const [kind, yaml, json] = words.slice(i, i + 3);
  const text = readFileSync(yaml, "utf8");
  const faults = await (kind === "openapi" ? openapi : asynchronous)(text);
  if (!isDeepStrictEqual(parse(text), JSON.parse(readFileSync(json, "utf8"))))
    faults.push("the JSON is another document");
  console.log(JSON.stringify({ yaml, faults }));
}
