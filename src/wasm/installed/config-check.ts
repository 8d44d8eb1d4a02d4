import { CniError, code, messageOf } from "../../cni/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { compileSchema, explain } from "../../schema/index.ts";
import { isDeeper, textDepth } from "../call/answer.ts";

/**
 * What is wrong with a module's `config`, its key first: `pools.blue is 7, expected a list`; undefined when it fits.
 */
export type ConfigCheck = (config: unknown) => string | undefined;

/**
 * The source text of a module's config check, kept beside the module and pinned with it.
 *
 * @throws CniError 142 when the schema is none
 */
export async function compileConfigSchema(name: string, schema: JsonObject): Promise<string> {
  try {
    return await compileSchema(schema);
  } catch (cause) {
    const what = messageOf(cause);
    const expected = what.includes("expected") ? "" : ", expected JSON Schema draft 7";
    throw new CniError(code.moduleRefused, `Cannot use configSchema of module "${name}": ${what}${expected}`, {
      cause,
    });
  }
}

/** The check out of text that `compileConfigSchema` made and nobody has changed since. */
export function loadConfigCheck(text: string): ConfigCheck {
  // Its value is ajv's validating function: the text is ours, or pinned by its digest. Loading node:vm would take 7 ms,
  // and gives no more protection here: a script in a context of its own reaches the host's through what it is handed.
  const validate = new Function(`return ${text}`)() as Validate;
  return (config) => (validate(config) ? undefined : explain(validate.errors ?? []));
}

/**
 * Both at once, for a module that is not installed; 40 ms, but for a schema that says no more than that it is an
 * object.
 */
export async function configCheckOf(name: string, schema: JsonObject | undefined): Promise<ConfigCheck> {
  return schema === undefined || isAnyObject(schema)
    ? () => undefined
    : loadConfigCheck(await compileConfigSchema(name, schema));
}

/** A configuration's `config` is an object, as its own schema sees to. */
function isAnyObject(schema: JsonObject): boolean {
  return (
    schema["type"] === "object" && Object.keys(schema).every((key) => ["type", "title", "description"].includes(key))
  );
}

const configLimitBytes = 256 * 1024;
const deepestConfig = 64;

/**
 * What no module takes, whatever its schema says: the time of a check is bounded by it. Words as those of a
 * `ConfigCheck`.
 */
export function configProblem(config: object): string | undefined {
  let text: string;
  try {
    text = JSON.stringify(config);
  } catch {
    return `it nests too deep, expected at most ${deepestConfig} levels`; // the stack was used up: JSON holds no circle
  }
  if (text.length > configLimitBytes)
    return `it is ${text.length} characters long, expected at most ${configLimitBytes}`;
  return isDeeper(text, deepestConfig)
    ? `it nests ${textDepth(text)} levels deep, expected at most ${deepestConfig}`
    : undefined;
}

interface Validate {
  (value: unknown): boolean;
  readonly errors?: Parameters<typeof explain>[0] | null;
}
