/** What has changed from one look at the node to the next, a line for each. */
import type { NodeModel } from "./model.ts";
import { portWords, ruleWords } from "./words.ts";

/** `+` for what came, `-` for what went, in the order of the model. */
export function changeLines(before: NodeModel, after: NodeModel): readonly string[] {
  const [old, now] = [before, after].map((model) => new Set(lines(model)));
  return [
    ...[...(old ?? [])].filter((line) => now?.has(line) === false).map((line) => `- ${line}`),
    ...[...(now ?? [])].filter((line) => old?.has(line) === false).map((line) => `+ ${line}`),
  ];
}

function lines({ links, containers }: NodeModel): readonly string[] {
  return [
    ...links.flatMap(({ name, kind, up, addresses }) => [
      `link ${name} ${kind} ${up ? "up" : "down"}`, ...addresses.map((address) => `link ${name} ${address}`),
    ]),
    ...containers.flatMap(({ name, state, interfaces, ports, rules }) => [
      `container ${name}${state === "gone" ? " gone" : ""}`,
      ...interfaces.flatMap(({ name: ifName, state, on, addresses }) => [
        `container ${name} ${ifName} ${state === "unknown" ? "not ours" : state}${on === undefined ? "" : ` on ${on}`}`,
        ...addresses.map(({ address, isMissing }) =>
          `container ${name} ${ifName} ${address}${isMissing ? " missing" : ""}`),
      ]),
      ...ports.map((port) => `container ${name} port ${portWords(port)}`),
      ...rules.map((rule) => `container ${name} ${ruleWords(rule)}`),
    ]),
  ];
}
