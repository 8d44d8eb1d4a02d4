/** Gathers what the node knows of its containers: from disk what was attached, from the kernel what is there. */
import { hostname } from "node:os";
import type { Namespace } from "../../../kernel/index.ts";
import { openNamespaceIfPresent, openOwnNamespace } from "../../../kernel/index.ts";
import { multiplexerTypes } from "../../../mux/index.ts";
import type { Remembered, StateOptions } from "../../machine/known.ts";
import { rememberedAttachments, stateDirs } from "../../machine/known.ts";
import type { ProcessEnvironment } from "../../output.ts";
import type { ContainerFacts, NamespaceFacts, NodeFacts } from "../facts.ts";
import { namespaceFacts } from "./namespace.ts";
import { networkFacts } from "./network.ts";
import { ruleOwners } from "./rules.ts";

/** A container that is there, whether anything is remembered of it or not. */
export interface Present {
  readonly containerId: string;
  readonly name: string;
  readonly netns: string;
}

/** libcni's own memory: what runtimes have attached without a multiplexer. */
const runtimesDirectory = "/var/lib/cni";

/** What is remembered, by the multiplexer and by runtimes. */
export function allRemembered(options: StateOptions, environment: ProcessEnvironment): readonly Remembered[] {
  const directories = options["state-dir"] === undefined
    ? [...new Set([...stateDirs(options), runtimesDirectory])]
    : stateDirs(options);
  return directories.flatMap((directory) => rememberedAttachments({ "state-dir": directory }, environment));
}

/** @param more  containers to be told of beside those that are remembered */
export function gather(remembered: readonly Remembered[], more: readonly Present[]): Omit<NodeFacts, "rules"> {
  const host = openOwnNamespace();
  try {
    const known = Map.groupBy(remembered, ({ containerId }) => containerId);
    const strangers = more.filter(({ containerId }) => !known.has(containerId));
    return {
      node: hostname(),
      host: namespaceFacts(host),
      containers: [
        ...[...known.values()].map((attachments) => rememberedFacts(attachments, host)),
        ...strangers.map((one) => ({ ...one, inside: insideOf(one.netns, host), networks: [], ruleOwners: [] })),
      ],
    };
  } finally {
    host.close();
  }
}

function rememberedFacts(attachments: readonly Remembered[], host: Namespace): ContainerFacts {
  const networks = attachments.flatMap((one) => one.networks);
  const own = networks.filter(({ attachment: { delegate } }) => {
    return !delegate.network.plugins.some(({ type }) => multiplexerTypes.has(type));
  });
  const [first] = attachments, containerId = first?.containerId ?? "";
  const netns = attachments.find((one) => one.netns !== "")?.netns ?? "";
  return {
    containerId,
    name: attachments.find(({ label }) => label !== containerId)?.label ?? containerId,
    netns,
    inside: insideOf(netns, host),
    // What both remember is one network.
    networks: [...new Map(own.map((one) => [`${one.attachment.ifName} ${one.attachment.delegate.network.name}`, one]))
      .values()].map(networkFacts),
    ruleOwners: ruleOwners(containerId, networks.map(({ attachment: { ifName } }) => ifName)),
  };
}

/** Undefined where there is no namespace any more. */
function insideOf(netns: string, host: Namespace): NamespaceFacts | undefined {
  let namespace: Namespace | undefined;
  try {
    namespace = openNamespaceIfPresent(netns);
    return namespace === undefined ? undefined : namespaceFacts(namespace, host);
  } catch {
    return undefined; // a file that is no namespace, as docker stop leaves one
  } finally {
    namespace?.close();
  }
}
