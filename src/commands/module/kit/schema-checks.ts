import type { ConfigCheck } from "../../../wasm/index.ts";
import { configCheckOf } from "../../../wasm/index.ts";
import type { Check, Trial } from "./check.ts";
import { KitFailure } from "./report.ts";

/** Item 9 of the conformance kit. */
export const schemaChecks: readonly Check[] = [
  { title: "configSchema compiles, examples fit it, a wrong key is named", run: schemaAndExamples },
];

async function schemaAndExamples({ subject: { name, metadata } }: Trial): Promise<string> {
  const { configSchema, examples } = metadata;
  if (configSchema === undefined) return "no configSchema";
  const check = await configCheckOf(name, configSchema);
  for (const { title, config } of examples) {
    const problem = check(config);
    if (problem !== undefined)
      throw new KitFailure(`example "${title}" of the metadata does not fit configSchema: ${problem}`);
  }
  const wrong = wrongConfigs(configSchema, examples[0]?.config ?? {});
  for (const [key, config] of wrong) refuses(check, key, config);
  return `${examples.length} examples, ${wrong.length} wrong configs`;
}

/**
 * A right configuration with each typed key of the schema in turn of another type, and an unknown key where none is
 * allowed.
 */
function wrongConfigs(schema: object, right: object): readonly (readonly [string, object])[] {
  // A schema is JSON, whose keys may hold anything; what is looked at is checked here.
  const { properties, additionalProperties } = schema as {
    readonly properties?: Readonly<Record<string, { readonly type?: unknown }>>;
    readonly additionalProperties?: unknown;
  };
  const wrong: (readonly [string, object])[] = [];
  for (const [key, { type }] of Object.entries(properties ?? {})) {
    if (typeof type === "string")
      wrong.push([key, { ...right, [key]: type === "object" ? [7] : { unexpected: true } }]);
  }
  if (additionalProperties === false) wrong.push(["noSuchKey", { ...right, noSuchKey: 1 }]);
  return wrong;
}

function refuses(check: ConfigCheck, key: string, config: object): void {
  const problem = check(config);
  if (problem === undefined)
    throw new KitFailure(`configSchema accepts ${JSON.stringify(config)}, expected it to refuse "${key}"`);
  if (!problem.includes(key))
    throw new KitFailure(`the error for ${JSON.stringify(config)} is "${problem}", expected it to name "${key}"`);
}
