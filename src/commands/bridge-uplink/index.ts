/**
 * `polynic bridge-uplink`: makes a NIC the port of a bridge, with the machine's own addresses and routes moved to the
 * bridge: the step that loses people their ssh session.
 */
import { openOwnNamespace, openWholeState } from "../../kernel/index.ts";
import { withLock } from "../../os/index.ts";
import { command } from "../command.ts";
import { CommandError, requireRoot, whyFailed } from "../errors.ts";
import { jsonOption } from "../options.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import type { Tools } from "./carry-out.ts";
import { begin, finish, undo } from "./carry-out.ts";
import { silentGateways } from "./gateways.ts";
import { deafToSessions, lockLimitMs, postGuard, recover, settleRecord, standGuard } from "./guard.ts";
import type { Move } from "./move.ts";
import { gatewaysOf, rolesOf } from "./move.ts";
import { planBack, planOver } from "./plan.ts";
import { loadRecord, lockPath, saveRecord } from "./record.ts";
import { asJson, doneLines, notesOf, planLines, shownGateways } from "./report.ts";

const withinSeconds = 15;

export const bridgeUplinkCommand = command({
  about:
    "The bridge is made when it is missing, and gets the NIC's MAC address, by which DHCP servers and neighbours " +
    "know the machine; addresses keep lifetimes and flags, routes their metrics and tables, of IPv4 and IPv6. Then " +
    "the gateway has to answer over the bridge, or all of it is undone. A second process sees to that when this one " +
    "is killed; a session that ends stops neither.\n\n" +
    "The machine's next start undoes it: its network's own configuration has to say the same. Firewall rules that " +
    "name the NIC have to name the bridge.",
  parameters: {
    bridge: { count: "one", help: "what gets the addresses; made when it is missing" },
    nic: { count: "one", help: "the link that has them, as eth0" },
  },
  options: {
    within: {
      kind: "count", value: "SECONDS",
      help: `the gateway answers within that time, or all is undone; default: ${withinSeconds}`,
    },
    undo: { kind: "switch", help: "move back, and delete the bridge where it was made and has no other ports" },
    "dry-run": { kind: "switch", help: "print what would be done, and do nothing" },
    guard: { kind: "switch", help: "be the second process, which the command starts by itself" },
    ...jsonOption,
  },
  examples: [
    { line: "polynic bridge-uplink --dry-run br0 eth0", help: "what would be moved" },
    { line: "polynic bridge-uplink br0 eth0", help: "do it" },
    { line: "polynic attach web br0 dhcp", help: "a container on the machine's own network" },
    { line: "polynic bridge-uplink --undo br0 eth0", help: "and back" },
  ],
  statuses: { 1: "it cannot be done, and everything is as it was" },
  async run({ parameters, options, environment, ...output }) {
    requireRoot("move the machine's addresses");
    if (options.guard === true) {
      await standGuard(parameters.nic, output);
      return 0;
    }
    const work = async () => await moveAsked({ ...parameters, ...options }, environment, output);
    if (options["dry-run"] === true) await work();
    else await withLock(lockPath, { timeoutMs: lockLimitMs, directoryMode: 0o700 }, work);
    return 0;
  },
});

interface Asked {
  readonly bridge: string;
  readonly nic: string;
  readonly within: number | undefined;
  readonly undo: boolean | undefined;
  readonly "dry-run": boolean | undefined;
  readonly json: boolean | undefined;
}

async function moveAsked(asked: Asked, environment: ProcessEnvironment, output: Output): Promise<void> {
  const { bridge, nic, within = withinSeconds, json: isJson } = asked, isDry = asked["dry-run"] === true;
  const left = loadRecord(nic);
  if (left !== undefined && left.stage !== "done" && !isDry)
    output.warn(`polynic bridge-uplink: a move of ${nic} that was left in the middle is ${await recover(left)}`);
  const host = openOwnNamespace(), tools: Tools = { host, openState: openWholeState };
  try {
    const earlier = loadRecord(nic)?.move;
    const move = asked.undo === true ? planBack({ bridge, nic }, earlier, tools) : planOver({ bridge, nic }, tools);
    if (move === undefined) {
      if (isJson === true) output.json({ bridge, nic, moved: false });
      else output.say(`${bridge} has everything of ${nic} already`);
      return;
    }
    await refuseSilent(move, tools);
    if (isDry) return tell(output, isJson, asJson(move), planLines(move, within));
    const waiting = (): void => tolerantly(() => {
      output.warn(`polynic bridge-uplink: waiting for ${shownGateways(gatewaysOf(move))}, ${within} s at most`);
    });
    await carriedOut({ move, earlier, withinMs: within * 1_000, waiting }, tools, environment);
    for (const note of notesOf(move)) output.warn(`polynic bridge-uplink: ${note}`);
    tell(output, isJson, { ...asJson(move), moved: true }, doneLines(move));
  } finally {
    host.close();
  }
}

function tell({ json, say }: Output, isJson: boolean | undefined, value: object, lines: readonly string[]): void {
  if (isJson === true) json(value);
  else lines.forEach((line) => say(line));
}

/** A terminal that is gone is no reason to stop half-way. */
function tolerantly(work: () => void): void {
  try {
    work();
  } catch {
    // There is nowhere to say it.
  }
}

/** As long as the kernel asks by itself. */
const beforeMs = 3_000;

/** Who does not answer now would not afterwards, either. */
async function refuseSilent(move: Move, { host }: Tools): Promise<void> {
  const { from } = rolesOf(move), gateways = gatewaysOf(move), { signal } = new AbortController();
  const silent = await silentGateways({ index: move.from, gateways, withinMs: beforeMs, signal }, host);
  if (silent.length === 0) return;
  throw new CommandError(
    `Cannot move anything of "${from}": there is no answer from ${shownGateways(silent)} over it now, so that nobody ` +
      "could tell afterwards whether it has worked, expected a gateway that answers",
  );
}

interface Wanted {
  readonly move: Move;
  readonly earlier: Move | undefined;
  readonly withinMs: number;
  /** Called when it takes longer than one expects. */
  waiting(): void;
}

/** All of it, or nothing. */
async function carriedOut(
  { move, earlier, withinMs, waiting }: Wanted,
  tools: Tools,
  environment: ProcessEnvironment,
): Promise<void> {
  const stopping = new AbortController(), { to } = rolesOf(move);
  const recorded = { move, ...(earlier === undefined || move.direction === "over" ? {} : { earlier }) };
  deafToSessions();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stopping.abort());
  const guard = await postGuard(move, environment);
  saveRecord({ stage: "moving", ...recorded });
  try {
    begin(move, tools);
    const question = {
      index: tools.host.links.get(to).index, gateways: gatewaysOf(move), withinMs, signal: stopping.signal, waiting,
    };
    const silent = await silentGateways(question, tools.host);
    if (stopping.signal.aborted) throw new CommandError("it was interrupted");
    if (silent.length > 0) throw new SilentError(`${shownGateways(silent)} did not answer over ${to}`);
    saveRecord({ stage: "answered", ...recorded });
    await finish(move, tools);
  } catch (error) {
    await undo(move, tools);
    settleRecord({ stage: "moving", ...recorded });
    guard.dismiss();
    throw failed(move, error, withinMs / 1_000);
  }
  settleRecord({ stage: "answered", ...recorded });
  guard.dismiss();
}

/** No gateway answered. */
class SilentError extends CommandError {}

function failed(move: Move, cause: unknown, withinSeconds: number): CommandError {
  const { from, to } = rolesOf(move);
  const expected = cause instanceof SilentError
    ? `, expected an answer within ${withinSeconds} s (--within); a bridge with STP lets nothing through for 30 s`
    : "";
  return new CommandError(
    `Cannot move what "${from}" has to "${to}": ${whyFailed(cause)}, and everything is as it was${expected}`, { cause },
  );
}
