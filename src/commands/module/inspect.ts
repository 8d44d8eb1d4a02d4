import type { LimitsConf } from "../../wasm/index.ts";
import { codeLimits, defaultLimits, fileLimits, inspectModule, printable } from "../../wasm/index.ts";
import { command } from "../command.ts";
import { jsonOption } from "../options.ts";
import { bytesText, countText } from "./figures.ts";
import { readModuleFile } from "./module-file.ts";

export const inspectCommand = command({
  parameters: { file: { count: "one", help: "a .wasm file", completes: "file" } },
  options: jsonOption,
  statuses: { 1: "it would be refused" },
  async run({ parameters: { file }, options, say, json }) {
    const inspection = inspectModule(readModuleFile(file));
    const { metadata, refused, exports, largest } = inspection;
    if (options.json === true) {
      json(inspection);
      return refused === undefined ? 0 : 1;
    }
    const rows: readonly (readonly [string, string | undefined])[] = [
      ["name", metadata === undefined ? "no metadata" : `${metadata.name} ${metadata.version}`],
      ["kind", metadata === undefined ? undefined : `${metadata.kind}, ABI ${metadata.abi}`],
      ["about", metadata?.description || undefined],
      ["ops", metadata?.ops.join(" ")],
      ["needs", metadata === undefined ? undefined : metadata.needs.join(" ") || "nothing"],
      ["config", metadata === undefined ? undefined : configKeys(metadata.configSchema)],
      ["sha256", inspection.sha256],
      ["size", `${bytesText(inspection.bytes)} of ${countText(fileLimits.hardBytes)}`],
      ["imports", "none"],
      ["exports", exports.map(({ name }) => name).join(" ")],
      [
        "functions",
        `${countText(inspection.functions)} of ${countText(codeLimits.functions)}, the longest ` +
          `${bytesText(largest.bodyBytes)} of ${countText(codeLimits.bodyBytes)}`,
      ],
      ["locals", `${largest.locals} of ${codeLimits.locals}`],
      ["budget", metadata === undefined ? undefined : budgetText(metadata.budget)],
      ["memory", `starts with ${inspection.initialPages} pages of ${defaultLimits.memoryPages}`],
    ];
    if (refused !== undefined) {
      for (const [key, value] of rows.filter(([key]) => ["name", "kind", "about", "sha256", "size"].includes(key)))
        if (value !== undefined) say(line(key, value));
      say(line("refused", `${refused.rule}${refused.offset === undefined ? "" : ` (byte ${refused.offset})`}`));
      return 1;
    }
    for (const [key, value] of rows) if (value !== undefined) say(line(key, value));
    say(line("verified", "yes: it may run in the sandbox"));
    return 0;
  },
});

function line(key: string, value: string): string {
  return `${key.padEnd(10)} ${value}`;
}

/** What its author says a call takes at most, and what a node allows unless it is told otherwise. */
function budgetText({ fuel, memoryMiB }: LimitsConf = {}): string {
  const said = [
    ...(fuel === undefined ? [] : [`${countText(fuel)} fuel`]),
    ...(memoryMiB === undefined ? [] : [`${memoryMiB} MiB`]),
  ].join(", ");
  return `${said === "" ? "none declared" : said}; a node allows ${countText(defaultLimits.fuel)} fuel, ` +
    `${defaultLimits.memoryPages / 16} MiB`;
}

/** Of one key: a schema may be 32 KiB. */
const shownChars = 200;

/** The keys a schema names, with their types. */
function configKeys(schema: object | undefined): string {
  // JSON Schema: properties is an object of schemas, whose type may be anything.
  const { properties = {} } = (schema ?? {}) as {
    readonly properties?: Readonly<Record<string, { readonly type?: unknown; readonly enum?: readonly unknown[] }>>;
  };
  const keys = Object.entries(properties).map(([key, { type, enum: values }]) =>
    printable(`${key} (${values === undefined ? String(type ?? "any") : values.join(", ")})`, shownChars),
  );
  return keys.length === 0 ? "no keys" : keys.join(", ");
}
