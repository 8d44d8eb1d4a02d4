import { interfaceNameProblem } from "../net/index.ts";
import { isLabel, labelWords } from "./object-name.ts";
import { Refusal } from "./refusal.ts";
import type { NetworkSelection, ReadingContext } from "./selection.ts";

/**
 * One item of the comma form, `[namespace/]name[@interface]`. Parts are trimmed. Without `strict` an empty namespace or
 * interface beside its sign counts as absent, as in Multus.
 *
 * @throws Refusal
 */
export function parseCommaItem(item: string, { namespace: ownNamespace, strict }: ReadingContext): NetworkSelection {
  if (item.trim() === "") throw new Refusal([], "it is empty, expected [namespace/]name[@interface]");
  const [network = "", ifName, ...ifRest] = item.split("@").map((part) => part.trim());
  const [first = "", second, ...rest] = network.split("/").map((part) => part.trim());
  if (ifRest.length > 0) throw new Refusal([], 'it has more than one "@", expected [namespace/]name[@interface]');
  if (rest.length > 0) throw new Refusal([], 'it has more than one "/", expected [namespace/]name[@interface]');
  const [namespace, name] = second === undefined ? [undefined, first] : [first, second];
  if (strict && namespace === "") throw new Refusal([], 'it has no namespace before the "/", expected namespace/name');
  if (strict && ifName === "") throw new Refusal([], 'it has no interface after the "@", expected name@interface');
  requireLabel("namespace", namespace || ownNamespace);
  requireLabel("name", name);
  const problem = ifName ? interfaceNameProblem(ifName) : undefined;
  if (problem !== undefined) throw new Refusal([], `interface ${JSON.stringify(ifName)} cannot be used: ${problem}`);
  return { namespace: namespace || ownNamespace, name, ...(ifName ? { ifName } : {}) };
}

function requireLabel(what: string, text: string): void {
  if (text === "") throw new Refusal([], `its ${what} is empty, expected [namespace/]name[@interface]`);
  if (!isLabel(text)) throw new Refusal([], `its ${what} is ${JSON.stringify(text)}, expected ${labelWords}`);
}
