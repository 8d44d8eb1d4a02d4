import type { Result } from "../../../cni/index.ts";
import { CniError, code } from "../../../cni/index.ts";
import type { AllocateRequest, NodeIdentity, OfferedRange } from "../../../ipam/index.ts";
import { normaliseRangeSets } from "../../../ipam/index.ts";
import { addressToInteger, formatPrefix, parseAddress } from "../../../net/index.ts";
import type {
  AttachmentRequest,
  CallFigures,
  ConfigCheck,
  MergeInput,
  PolicyChange,
  ReviewRequest,
} from "../../../wasm/index.ts";
import {
  checkAllocation,
  checkChecked,
  checkFrame,
  checkMerge,
  checkRelease,
  checkReview,
  configCheckOf,
  allocateFrame,
  mergeFrame,
  op,
  readAnswer,
  releaseFrame,
  reviewFrame,
  seedOf,
  tryModule,
} from "../../../wasm/index.ts";
import type { Case, CaseRequest } from "./case.ts";
import { CaseError, differenceOf, parseSpan } from "./case.ts";
import type { Run, Taken } from "./pool.ts";
import { addressAt, runsView, united } from "./pool.ts";
import type { Subject } from "./subject.ts";

/** What one request came to. */
export interface CaseRun {
  /** The module's answer, or `{"error": {code, msg}}`, its own or the host's. */
  readonly answer: Readonly<Record<string, unknown>>;
  /** What the module logged, also when it refused. */
  readonly log?: readonly string[];
  /** Absent when the request was refused before the call. */
  readonly call?: CaseFigures;
}

/** What the call took, also when it trapped or used up its fuel. */
export interface CaseFigures {
  readonly fuel: number;
  readonly memoryBytes: number;
  readonly milliseconds: number;
}

export function caseFigures({ fuelUsed, memoryBytes, milliseconds }: CallFigures): CaseFigures {
  return { fuel: Number(fuelUsed), memoryBytes, milliseconds };
}

/** Asks a module one request as the host would: configuration and needs checked before, the answer after. */
export function runRequest(subject: Subject, request: CaseRequest, checkConfig: ConfigCheck): CaseRun {
  const refusal = refusalBefore(subject, request, checkConfig);
  if (refusal !== undefined) return { answer: { error: { code: code.invalidConfig, msg: refusal } } };
  const { number, frame, accept } = prepared(subject, request);
  const outcome = tryModule(subject.compiled, number, frame);
  const call = caseFigures(outcome);
  const log: string[] = [];
  try {
    if ("error" in outcome) throw outcome.error;
    const answer = readAnswer(subject.name, outcome.text, (line) => log.push(line));
    accept(answer);
    return { answer, call, log };
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    const { code: number, message: msg, details } = error;
    return { answer: { error: { code: number, msg, ...(details === undefined ? {} : { details }) } }, log, call };
  }
}

/** What differs between an answer and what a case expects; undefined when nothing does. */
export async function runCase(subject: Subject, one: Case): Promise<string | undefined> {
  const checkConfig = await configCheckOf(subject.name, subject.metadata.configSchema);
  return differenceOf(one.expect, runRequest(subject, one, checkConfig).answer);
}

/** What the host refuses with 7 before a module is asked. */
function refusalBefore(
  { name, metadata }: Subject,
  request: CaseRequest,
  checkConfig: ConfigCheck,
): string | undefined {
  const problem = checkConfig(request.config ?? {});
  if (problem !== undefined) return `Cannot use the configuration of module "${name}": ${problem}`;
  const has: Readonly<Record<string, boolean>> = {
    pod: request.pod !== undefined,
    mac: request.attachment?.mac !== undefined,
    node: request.node !== undefined,
    mine: true,
  };
  const missing = metadata.needs.find((need) => has[need] === false);
  return missing === undefined
    ? undefined
    : `Cannot use module "${name}": it needs ${missing}, which this request has not`;
}

interface Prepared {
  readonly number: number;
  readonly frame: Uint8Array;
  accept(answer: Readonly<Record<string, unknown>>): void;
}

function prepared({ name, metadata }: Subject, request: CaseRequest): Prepared {
  const wanted = request.op ?? metadata.ops[0];
  switch (wanted) {
    case "allocate": {
      const asked = allocateRequest(request);
      const { perSet } = metadata;
      return {
        number: op.allocate,
        frame: allocateFrame(asked),
        accept: (answer) => void checkAllocation(name, answer, asked, { perSet }),
      };
    }
    case "release": {
      const asked = owned(request);
      return {
        number: op.release,
        frame: releaseFrame(asked),
        accept: (answer) => void checkRelease(name, answer, asked),
      };
    }
    case "check": {
      const asked = { ...owned(request), prevResult: resultOf(request) };
      return { number: op.check, frame: checkFrame(asked), accept: (answer) => checkChecked(name, answer) };
    }
    case "merge": {
      const inputs = inputsOf(request);
      return {
        number: op.merge,
        frame: mergeFrame(inputs, request.config ?? {}),
        accept: (answer) => void checkMerge(name, answer, inputs),
      };
    }
    case "review": {
      const { config, pod, attachment } = owned(request);
      const asked: ReviewRequest = { config, pod, attachment, prevResult: resultOf(request) };
      return {
        number: op.review,
        frame: reviewFrame(asked),
        accept: (answer) => void checkReview(name, answer, asked, changesOf(request)),
      };
    }
  }
  throw new CaseError(
    `Cannot ask module "${name}" to ${wanted ?? "do anything"}: expected op to be one of ${metadata.ops.join(", ")}`,
  );
}

const defaults = { containerId: "container-1", ifName: "net1", network: "network-1" };

/** What every op of an ipam module is told. */
function owned(request: CaseRequest): AttachmentRequest {
  const [namespace = "", name = ""] = request.pod?.split("/") ?? [];
  return {
    config: request.config ?? {},
    pod: request.pod === undefined ? undefined : { namespace, name, uid: "00000000-0000-4000-8000-000000000001" },
    attachment: { ...defaults, mac: null, ...request.attachment },
    mine: (request.mine ?? []).map(parseAddress),
    held: (request.held ?? []).map(parseAddress),
  };
}

/** The allocate request a case stands for, with defaults as in a network's configuration. */
export function allocateRequest(request: CaseRequest): AllocateRequest {
  const base = owned(request);
  const attempt = request.attempt ?? 0;
  const { containerId, ifName } = base.attachment;
  const seed = request.seed ?? seedOf({ containerId, ifName, attempt });
  return { ...base, attempt, seed, ...nodeOf(request), requested: request.requested ?? [], ranges: rangesOf(request) };
}

function nodeOf({ node }: CaseRequest): { readonly node?: NodeIdentity } {
  return node === undefined ? {} : { node: { name: node.name, index: node.index ?? null } };
}

/** The ranges of a case, as the host would offer them. */
export function rangesOf(request: CaseRequest): readonly OfferedRange[] {
  const sets = normaliseRangeSets(setsOf(request.ranges), "1.1.0");
  const taken = united([...(request.taken ?? []), ...(request.mine ?? [])].map(parseSpan).map(keyed));
  const held = new Set((request.held ?? []).map((text) => keyed(parseSpan(text)).first));
  const cursors = (request.last ?? []).map(parseAddress);
  return sets.flatMap((set, index) =>
    set.map(({ first, last, subnet, gateway }): OfferedRange => {
      const { family } = first;
      const span = keyed({ family, first: addressToInteger(first), last: addressToInteger(last) });
      const own = withoutSome(within(span, united([...taken, point(keyOf(family, addressToInteger(gateway)))])), held);
      const cursor = cursors.find(
        (address) =>
          address.family === family &&
          addressToInteger(first) <= addressToInteger(address) &&
          addressToInteger(address) <= addressToInteger(last),
      );
      const runs = own.map((run) => ({ first: run.first & addressMask, last: run.last & addressMask }));
      return {
        set: index,
        first,
        last,
        gateway,
        subnet: formatPrefix(subnet),
        prefixBits: subnet.prefixBits,
        view: runsView(family, runs),
        ...(cursor === undefined ? {} : { cursor: addressAt(family, addressToInteger(cursor)) }),
      };
    }),
  );
}

function changesOf({ allow = [] }: CaseRequest): readonly PolicyChange[] {
  return allow.map((word) => {
    const known = (["routes", "dns", "ips-remove"] as const).find((change) => change === word);
    if (known === undefined) throw new CaseError(`Cannot allow "${word}": expected routes, dns or ips-remove`);
    return known;
  });
}

/** Families apart from each other on one line of numbers. */
const addressMask = (1n << 128n) - 1n;

function keyOf(family: 4 | 6, value: bigint): bigint {
  return (BigInt(family) << 130n) | value;
}

function keyed({ family, first, last }: Run & { readonly family: 4 | 6 }): Run {
  return { first: keyOf(family, first), last: keyOf(family, last) };
}

function point(value: bigint): Run {
  return { first: value, last: value };
}

function within(span: Run, runs: Taken): Taken {
  return runs
    .map(({ first, last }) => ({
      first: first < span.first ? span.first : first,
      last: last > span.last ? span.last : last,
    }))
    .filter(({ first, last }) => first <= last);
}

function withoutSome(runs: Taken, values: ReadonlySet<bigint>): Taken {
  return runs.flatMap((run) => {
    const inside = [...values]
      .filter((value) => run.first <= value && value <= run.last)
      .sort((a, b) => (a < b ? -1 : 1));
    const edges = [run.first, ...inside.map((value) => value + 1n)];
    return edges
      .map((first, index) => ({ first, last: inside[index] === undefined ? run.last : inside[index] - 1n }))
      .filter(({ first, last }) => first <= last);
  });
}

/** A range, a list of ranges or a list of sets. */
function setsOf(ranges: unknown): readonly (readonly { readonly subnet?: string }[])[] {
  // normaliseRangeSets checks each field's text; what is not an object there has no subnet and is refused.
  const list = (ranges === undefined ? [] : Array.isArray(ranges) ? ranges : [ranges]) as readonly unknown[];
  if (list.length === 0)
    throw new CaseError(
      'Cannot ask for addresses: ranges is missing, expected one such as { "subnet": "10.0.0.0/24" }',
    );
  return (list.every((entry) => Array.isArray(entry)) ? list : [list]) as readonly (readonly {
    readonly subnet?: string;
  }[])[];
}

function resultOf({ prevResult }: CaseRequest): Result {
  return filled(prevResult ?? {});
}

function inputsOf({ inputs = [] }: CaseRequest): readonly MergeInput[] {
  return inputs.map((input, index) => {
    // An author's JSON: missing keys get the values a lone network would have, the module and the host check the rest.
    const given = input as Partial<MergeInput>;
    return {
      network: `network-${index}`,
      ifName: index === 0 ? "eth0" : `net${index}`,
      default: index === 0,
      routesClaimed: null,
      ...given,
      result: filled(given.result ?? {}),
    };
  });
}

function filled(result: Partial<Result>): Result {
  return { interfaces: [], ips: [], routes: [], dns: {}, ...result };
}
