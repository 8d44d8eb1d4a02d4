/**
 * merge: one CNI result of many.
 *
 * The default network comes first, the others in the order given; interfaces are renumbered by what stands before them.
 * Routes stay in order, except that one default route a family is left: that of the network which claims it, else the
 * first. DNS is the default network's. Entries are copied as they stand; only `interface` of an address is rewritten.
 */

import { Answer, fail } from "../abi/answer";
import { Frame } from "../abi/frame";
import { handOver } from "../abi/hand-over";
import { Json, Kind, member, parseJson } from "../abi/json-reader";

export { abi, alloc } from "../abi/hand-over";
export { fault } from "../abi/fault";

const opMerge = 16;
const codeUnknownOp = 4;
const codeBadFrame = 7;

export function call(op: i32, start: i32, bytes: i32): i64 {
  return handOver(answer(op, new Frame(<usize><u32>start, <usize><u32>bytes)));
}

function answer(op: i32, frame: Frame): Answer {
  if (op != opMerge) return fail(codeUnknownOp, "Cannot run op " + op.toString() + ": merge knows 16");
  const request = frame.sound ? parseJson(frame.json, frame.jsonBytes) : null;
  const inputs = member(request, "inputs");
  if (inputs === null) return fail(codeBadFrame, "Cannot read the request: expected a frame of ABI 1 with inputs");
  return merge(inOrder(inputs));
}

/** One network's part. */
class Input {
  readonly interfaces: Array<Json>;
  readonly ips: Array<Json>;
  readonly routes: Array<Json>;
  readonly dns: Json | null;
  /** null: claims nothing; empty: claims the default routes of its own result. */
  readonly claimed: Array<Json> | null;

  constructor(readonly isDefault: bool, input: Json) {
    const result = input.get("result");
    this.interfaces = listOf(result, "interfaces");
    this.ips = listOf(result, "ips");
    this.routes = listOf(result, "routes");
    this.dns = member(result, "dns");
    this.claimed = input.get("routesClaimed") === null ? null : listOf(input, "routesClaimed");
  }
}

function listOf(object: Json | null, name: string): Array<Json> {
  const list = member(object, name);
  return list === null ? new Array<Json>() : list.children();
}

/** The default network first, the rest as given. */
function inOrder(list: Json): Array<Input> {
  const inputs = new Array<Input>();
  const others = new Array<Input>();
  const children = list.children();
  for (let i = 0; i < children.length; i++) {
    const flag = children[i].get("default");
    const isDefault = flag !== null && flag.kind == Kind.True;
    if (isDefault) inputs.push(new Input(true, children[i]));
    else others.push(new Input(false, children[i]));
  }
  return inputs.concat(others);
}

function merge(inputs: Array<Input>): Answer {
  const answer = new Answer().raw('{"result":{"cniVersion":"1.1.0","interfaces":[');
  let count = 0;
  for (let i = 0; i < inputs.length; i++) {
    for (let j = 0; j < inputs[i].interfaces.length; j++) copyEntry(answer, inputs[i].interfaces[j], count++);
  }
  answer.raw('],"ips":[');
  putIps(answer, inputs);
  answer.raw('],"routes":[');
  putRoutes(answer, inputs);
  answer.raw("]");
  const dns = dnsOfDefault(inputs);
  if (dns !== null) answer.raw(',"dns":').copy(dns.start, dns.bytes);
  return answer.raw("}}");
}

function dnsOfDefault(inputs: Array<Input>): Json | null {
  return inputs.length > 0 && inputs[0].isDefault ? inputs[0].dns : null;
}

function copyEntry(answer: Answer, entry: Json, position: i32): void {
  if (position > 0) answer.raw(",");
  answer.copy(entry.start, entry.bytes);
}

function putIps(answer: Answer, inputs: Array<Input>): void {
  let before = 0;
  let count = 0;
  for (let i = 0; i < inputs.length; i++) {
    for (let j = 0; j < inputs[i].ips.length; j++) {
      if (count++ > 0) answer.raw(",");
      putIp(answer, inputs[i].ips[j], before);
    }
    before += inputs[i].interfaces.length;
  }
}

/** The address with its interface counted from all networks' first one. */
function putIp(answer: Answer, ip: Json, before: i32): void {
  const members = ip.children();
  answer.raw("{");
  for (let i = 0; i + 1 < members.length; i += 2) {
    if (i > 0) answer.raw(",");
    answer.copy(members[i].start, members[i].bytes).raw(":");
    const index = members[i].is("interface") ? members[i + 1].index32 : -1;
    if (index >= 0) answer.number(index + before);
    else answer.copy(members[i + 1].start, members[i + 1].bytes);
  }
  answer.raw("}");
}

function putRoutes(answer: Answer, inputs: Array<Input>): void {
  const defaults = new DefaultRoutes(inputs);
  let count = 0;
  for (let i = 0; i < inputs.length; i++) {
    const routes = inputs[i].routes;
    for (let j = 0; j < routes.length; j++) {
      if (defaults.keep(i, routes[j])) copyEntry(answer, routes[j], count++);
    }
    const claimed = inputs[i].claimed;
    if (claimed === null) continue;
    for (let j = 0; j < claimed.length; j++) {
      if (!defaults.adds(i, claimed[j])) continue;
      if (count++ > 0) answer.raw(",");
      answer.raw(isIpv6(claimed[j]) ? '{"dst":"::/0","gw":' : '{"dst":"0.0.0.0/0","gw":').copy(claimed[j].start, claimed[j].bytes).raw("}");
    }
  }
}

/** Which default route of the main table each family keeps. Those of other tables are each table's own affair. */
class DefaultRoutes {
  /** Input whose default route stays, or -1: IPv4, IPv6. */
  private readonly winner: StaticArray<i32> = [-1, -1];
  /** Whether the winner's comes from its claim instead of its result. */
  private readonly byGateway: StaticArray<bool> = [false, false];
  /** Tables whose default route was kept, as family and number. */
  private readonly kept: Array<string> = new Array<string>();

  constructor(inputs: Array<Input>) {
    for (let family = 0; family < 2; family++) this.choose(inputs, family);
  }

  private choose(inputs: Array<Input>, family: i32): void {
    for (let i = 0; i < inputs.length; i++) {
      const claimed = inputs[i].claimed;
      if (claimed === null) continue;
      for (let j = 0; j < claimed.length; j++) {
        if (isIpv6(claimed[j]) != (family == 1)) continue;
        this.winner[family] = i;
        this.byGateway[family] = true;
        return;
      }
      if (claimed.length == 0 && hasDefault(inputs[i], family)) {
        this.winner[family] = i;
        return;
      }
    }
    for (let i = 0; i < inputs.length; i++) {
      if (!hasDefault(inputs[i], family)) continue;
      this.winner[family] = i;
      return;
    }
  }

  /** Whether a route of a result stays. */
  keep(input: i32, route: Json): bool {
    const family = familyOfDefault(route);
    if (family < 0) return true;
    if (isMain(route) && (this.winner[family] != input || this.byGateway[family])) return false;
    return this.first(family, route);
  }

  /** Whether a claimed gateway becomes the default route of its family: the winner's first. */
  adds(input: i32, gateway: Json): bool {
    const family = isIpv6(gateway) ? 1 : 0;
    if (this.winner[family] != input || !this.byGateway[family]) return false;
    this.winner[family] = -1;
    return true;
  }

  private first(family: i32, route: Json): bool {
    const key = family.toString() + " " + tableOf(route);
    if (this.kept.includes(key)) return false;
    this.kept.push(key);
    return true;
  }
}

function hasDefault(input: Input, family: i32): bool {
  for (let i = 0; i < input.routes.length; i++) {
    if (familyOfDefault(input.routes[i]) == family && isMain(input.routes[i])) return true;
  }
  return false;
}

/** 0 for an IPv4 default route, 1 for an IPv6 one, -1 for any other route. */
function familyOfDefault(route: Json): i32 {
  const dst = route.get("dst");
  if (dst === null || !dst.text.endsWith("/0")) return -1;
  return isIpv6(dst) ? 1 : 0;
}

const mainTable = "254";

function isMain(route: Json): bool {
  return tableOf(route) == mainTable;
}

/** As it is written; absent is the main table, RT_TABLE_MAIN. */
function tableOf(route: Json): string {
  const table = route.get("table");
  return table === null ? mainTable : table.index32.toString();
}

function isIpv6(text: Json): bool {
  return text.text.includes(":");
}
