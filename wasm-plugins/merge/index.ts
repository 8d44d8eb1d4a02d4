/**
 * merge: one CNI result of many.
 *
 * The default network comes first, the others in the order given; interfaces are renumbered by what stands before them.
 * Routes stay in order, except that one default route a family is left: that of the network which claims it, else the
 * first. DNS is the default network's. Entries are copied as they stand; only `interface` of an address is rewritten.
 */

import { Decision, Json, JsonWriter, Merge, Request, codeConfig, fail, register } from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

class OneOfMany extends Merge {
  merge(request: Request): Decision {
    if (!request.json.get("inputs").exists) return fail(codeConfig, "Cannot read the request: expected inputs");
    const decision = new Decision();
    merge(inOrder(request.inputs), decision.result);
    return decision;
  }
}

register(new OneOfMany());

/** One network's part. */
class Input {
  readonly interfaces: Array<Json>;
  readonly ips: Array<Json>;
  readonly routes: Array<Json>;
  readonly dns: Json;
  /** null: claims nothing; empty: claims the default routes of its own result. */
  readonly claimed: Array<Json> | null;

  constructor(readonly isDefault: bool, input: Json) {
    const result = input.get("result");
    const claimed = input.get("routesClaimed");
    this.interfaces = result.get("interfaces").children();
    this.ips = result.get("ips").children();
    this.routes = result.get("routes").children();
    this.dns = result.get("dns");
    this.claimed = claimed.exists ? claimed.children() : null;
  }
}

/** The default network first, the rest as given. */
function inOrder(list: Array<Json>): Array<Input> {
  const inputs = new Array<Input>();
  const others = new Array<Input>();
  for (let i = 0; i < list.length; i++) {
    const isDefault = list[i].get("default").boolean();
    (isDefault ? inputs : others).push(new Input(isDefault, list[i]));
  }
  return inputs.concat(others);
}

function merge(inputs: Array<Input>, answer: JsonWriter): void {
  answer.raw('{"cniVersion":"1.1.0","interfaces":[');
  let count = 0;
  for (let i = 0; i < inputs.length; i++) {
    for (let j = 0; j < inputs[i].interfaces.length; j++) copyEntry(answer, inputs[i].interfaces[j], count++);
  }
  answer.raw('],"ips":[');
  putIps(answer, inputs);
  answer.raw('],"routes":[');
  putRoutes(answer, inputs);
  answer.raw("]");
  if (inputs.length > 0 && inputs[0].isDefault && inputs[0].dns.exists) answer.raw(',"dns":').json(inputs[0].dns);
  answer.raw("}");
}

function copyEntry(answer: JsonWriter, entry: Json, position: i32): void {
  if (position > 0) answer.raw(",");
  answer.json(entry);
}

function putIps(answer: JsonWriter, inputs: Array<Input>): void {
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
function putIp(answer: JsonWriter, ip: Json, before: i32): void {
  const members = ip.children();
  answer.raw("{");
  for (let i = 0; i + 1 < members.length; i += 2) {
    if (i > 0) answer.raw(",");
    answer.json(members[i]).raw(":");
    const index = members[i].is("interface") ? members[i + 1].integer(-1) : -1;
    if (index >= 0) answer.number(index + before);
    else answer.json(members[i + 1]);
  }
  answer.raw("}");
}

function putRoutes(answer: JsonWriter, inputs: Array<Input>): void {
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
      answer.raw(isIpv6(claimed[j]) ? '{"dst":"::/0","gw":' : '{"dst":"0.0.0.0/0","gw":').json(claimed[j]).raw("}");
    }
  }
}

/** Which default route of the main table each family keeps. Those of other tables are each table's own affair. */
class DefaultRoutes {
  /** Input whose default route stays, or -1: IPv4, IPv6. */
  private readonly winner: StaticArray<i32> = [-1, -1];
  /** Whether the winner's comes from its claim instead of its result. */
  private readonly byGateway: StaticArray<bool> = [false, false];
  /** Tables whose default route was kept, as 2 × number + family. */
  private readonly kept: Array<i64> = new Array<i64>();

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
    const key = 2 * tableOf(route) + family;
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
  if (!dst.text().endsWith("/0")) return -1;
  return isIpv6(dst) ? 1 : 0;
}

const mainTable: i64 = 254;

function isMain(route: Json): bool {
  return tableOf(route) == mainTable;
}

/** Absent is the main table, RT_TABLE_MAIN. */
function tableOf(route: Json): i64 {
  return route.get("table").integer(mainTable);
}

function isIpv6(text: Json): bool {
  return text.text().includes(":");
}
