/** What an ADD that is only planned gets in place of what it must not touch. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { OpenHandles } from "../../call/index.ts";
import { handlesWith } from "../../call/index.ts";
import type { Result } from "../../cni/index.ts";
import { CniError, code, toWireResult } from "../../cni/index.ts";
import { findExecutable } from "../../exec/index.ts";
import type { Namespace, Nftables, NftRule } from "../../kernel/index.ts";
import type { ChainName } from "../../netlink/index.ts";
import type { Plugin } from "../../plugins/index.ts";
import type { Recorder } from "../steps/step.ts";
import type { RuleMarks } from "./rules.ts";
import { chainKey } from "./rules.ts";

export interface InsteadOptions {
  readonly recorder: Recorder;
  /** A directory that may be written to. */
  readonly memory: string;
  /** The directories that copies in memory stand for, by the copy's path; filled here. */
  readonly copies: Map<string, string>;
  readonly marks: RuleMarks;
  /** Takes what cannot be foreseen. */
  note(text: string): void;
}

export function plannedHandles(opened: OpenHandles, options: InsteadOptions): OpenHandles {
  const { memory, copies, marks } = options;
  const copied = (directory: string): string => {
    const copy = copyOf(directory, memory);
    copies.set(copy, directory);
    return copy;
  };
  let host: Namespace | undefined;
  const planned = handlesWith(opened, {
    close: () => opened.close(),
    leases(choice: Parameters<OpenHandles["leases"]>[0]) {
      if (choice.type !== "files")
        throw unforeseeable(`addresses are kept in ${choice.type}, which nodes share`, "a store in files");
      return opened.leases({ ...choice, dataDir: copied(choice.dataDir), trusted: true });
    },
    nodeSubnets: async (choice: Parameters<OpenHandles["nodeSubnets"]>[0]) =>
      await opened.nodeSubnets(choice, { isDry: true }),
    dhcpDaemon(): never {
      throw unforeseeable("a DHCP server gives the address", "polynic trace, which asks it");
    },
    attachmentFiles: (directory: string) => opened.attachmentFiles(copied(directory)),
    containerFiles: (directory: string) => opened.containerFiles(copied(directory)),
    plugin(...asked: Parameters<OpenHandles["plugin"]>) {
      const plugin = opened.plugin(...asked);
      // Only of an executable does nobody know what it is to addresses.
      return plugin.ipam === undefined ? plannedProgram(plugin, options) : plugin;
    },
  });
  return Object.defineProperty(planned, "host", { get: () => (host ??= markedHost(opened.host, marks)) });
}

/** With the marks of rules, which no tool prints and thus none has copied. */
function markedHost(host: Namespace, marks: RuleMarks): Namespace {
  const withMarks = (chain: ChainName, rules: readonly NftRule[]): readonly NftRule[] => {
    const known = marks.get(chainKey(chain));
    return known?.length !== rules.length ? rules : rules.map((rule, index) => {
      const mark = rule.mark ?? known[index];
      return mark === undefined ? rule : { ...rule, mark };
    });
  };
  const marked: Nftables = {
    ...host.nftables,
    rules(chain) {
      const rules = host.nftables.rules(chain);
      return rules === undefined ? undefined : withMarks(chain, rules);
    },
    rulesByChain: (table) => new Map([...host.nftables.rulesByChain(table)].map(([chain, rules]) => (
      [chain, withMarks({ ...table, chain }, rules)] as const))),
  };
  return Object.create(host, { nftables: { value: marked, configurable: true } }) as Namespace;
}

function unforeseeable(why: string, expected: string): CniError {
  return new CniError(code.invalidConfig, `Cannot plan this network: ${why}, expected ${expected}`);
}

/** As it is now, to be changed as if it were the one. */
function copyOf(directory: string, memory: string): string {
  const copy = join(memory, "copies", createHash("sha256").update(directory).digest("hex").slice(0, 16));
  if (existsSync(copy)) return copy;
  mkdirSync(copy, { recursive: true, mode: 0o700 });
  if (existsSync(directory)) cpSync(directory, copy, { recursive: true, preserveTimestamps: true });
  return copy;
}

/** Listed with what it would be given, and not run. Nobody knows what it would answer. */
function plannedProgram(plugin: Plugin, { recorder, note }: InsteadOptions): Plugin {
  const { type } = plugin;
  return {
    ...plugin,
    step: ({ attachment, conf }) => ({
      async add(prevResult) {
        const { containerId, ifName, args, path } = attachment;
        const stdin = JSON.stringify({
          ...conf, ...(prevResult === undefined ? {} : { prevResult: toWireResult(prevResult, conf.cniVersion) }),
        });
        const file = findExecutable(type, path) ?? type;
        const variables = `CNI_COMMAND=ADD CNI_CONTAINERID=${containerId} CNI_NETNS=$NETNS CNI_IFNAME=${ifName} ` +
          `CNI_ARGS='${args}' CNI_PATH=${path.join(":")}`;
        recorder.step(() => ({
          kind: "request", where: "node", what: `run ${file} with ${stdin}`,
          commands: [`${variables} ${file} <<< '${stdin.replaceAll("'", String.raw`'\''`)}'`],
        }), () => undefined);
        note(`${type} is not run: what it does and answers cannot be foreseen; what follows goes on from what was ` +
          "there before it");
        return prevResult ?? bare(attachment);
      },
    }),
  };
}

/** That there is an interface is all that can be said. */
function bare({ ifName, netns }: { readonly ifName: string; readonly netns: string }): Result {
  return { interfaces: [{ name: ifName, sandbox: netns }], ips: [], routes: [], dns: {} };
}
