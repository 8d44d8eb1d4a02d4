import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Spot } from "./spot.ts";

type Step = string | number;

/**
 * Where in a configuration an error of ADD points, and what it says once the place is known. Errors name a key's path
 * or repeat its value; where neither is found it is the whole configuration.
 */
export function blame(
  message: string,
  config: JsonObject,
  spot: Spot,
): { readonly spot: Spot; readonly message: string } {
  const said = message.replace(
    /^Cannot (?:read (?:the network configuration|(?:network )?"[^"]*"|it)|set the default route): /,
    "",
  );
  // A name that is missing or none: it is not in the text.
  if (said.startsWith("Cannot use the network's name: ")) return { spot: spot.at("name"), message: said };
  const [, named] = keyPathFirst.exec(said) ?? [];
  const steps = named === undefined || named === "it" ? undefined : stepsOf(named);
  if (named !== undefined && steps !== undefined && (steps.length === 1 || hasFirst(config, steps))) {
    return { spot: spot.at(...steps), message: `it${said.slice(named.length)}` };
  }
  const mentioned = mentionedPath(said, config) ?? quotedValue(said, config);
  return { spot: mentioned === undefined ? spot : spot.at(...mentioned), message: said };
}

/** `ipam.ranges[0][0].subnet is ...` */
const keyPathFirst = /^([A-Za-z_][\w-]*(?:\.[\w-]+|\[\d+\])*) (?:is|has|holds) /;

function stepsOf(path: string): readonly Step[] {
  return path.split(/[.[\]]+/).filter((step) => step !== "").map((step) => /^\d+$/.test(step) ? Number(step) : step);
}

function hasFirst(config: JsonObject, [first]: readonly Step[]): boolean {
  return Object.keys(config).some((key) => key.toLowerCase() === String(first).toLowerCase());
}

/** The longest path of keys in the text that the configuration has. */
function mentionedPath(text: string, config: JsonObject): readonly Step[] | undefined {
  const paths = [...text.matchAll(/[A-Za-z_][\w-]*(?:\.[\w-]+|\[\d+\])*/g)].map(([path]) => stepsOf(path));
  return paths
    .filter((steps) => !(steps.length === 1 && tooCommon.has(String(steps[0]))))
    .flatMap((steps) => [steps, ["ipam", ...steps]])
    .filter((steps) => valueAt(config, steps) !== undefined)
    .sort((a, b) => b.length - a.length)[0];
}

/** Words of any sentence that are keys too. */
const tooCommon: ReadonlySet<string> = new Set([
  "type",
  "name",
  "args",
  "plugins",
  "bridge",
  "device",
  "ipam",
  "address",
  "routes",
  "gateway",
]);

/** The path of the first string that the text repeats. */
function quotedValue(text: string, config: JsonObject): readonly Step[] | undefined {
  const words = new Set(text.split(/[\s",;]+|:(?=\s|$)/).filter((word) => word.length > 1));
  return leaves(config, []).find(({ steps, value }) => words.has(value) && !unsayingKeys.has(String(steps.at(-1))))
    ?.steps;
}

/** Most messages name the network and its plugin, whatever they are about. */
const unsayingKeys: ReadonlySet<string> = new Set(["type", "name"]);

function leaves(
  value: unknown,
  steps: readonly Step[],
): readonly { readonly steps: readonly Step[]; readonly value: string }[] {
  if (Array.isArray(value)) return value.flatMap((entry, index) => leaves(entry, [...steps, index]));
  if (isJsonObject(value)) return Object.entries(value).flatMap(([key, entry]) => leaves(entry, [...steps, key]));
  return typeof value === "string" ? [{ steps, value }] : [];
}

function valueAt(value: unknown, steps: readonly Step[]): unknown {
  return steps.reduce<unknown>((here, step) => {
    if (Array.isArray(here)) return here[Number(step)];
    return isJsonObject(here) && Object.hasOwn(here, step) ? here[step] : undefined;
  }, value);
}
