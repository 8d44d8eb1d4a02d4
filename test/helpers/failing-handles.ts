/** Kernel handles that fail at a chosen request, to prove that whatever step fails leaves nothing behind. */
import * as assert from "uvu/assert";
import type { Namespace } from "../../src/kernel/index.ts";
import { NetlinkError } from "../../src/kernel/index.ts";
import type { Handles } from "../../src/plugins/index.ts";
import type { Driven } from "./handles.ts";
import { add, del, reservations } from "./handles.ts";
import type { TestNetns } from "./netns.ts";
import { run } from "./netns.ts";

/** Links, addresses, routes and rules of both namespaces, equal only when these are. */
export function kernelState(container: TestNetns): unknown {
  // One process for the lists of a namespace; the routes are those of both families.
  const script = "printf '%s\\n' 'link show' 'addr show' 'route show table all' 'rule show' | ip -j -b -";
  const rules = run("nft", "list", "ruleset").split("\n").filter((line) => /^\t\t(?!type )/.test(line));
  return { host: settled(run("sh", "-c", script)), container: settled(container.exec("sh", "-c", script)), rules };
}

interface Entry {
  readonly dst?: string;
  readonly type?: string;
  readonly addr_info?: readonly { readonly scope: string }[];
}

/**
 * What still changes by itself a moment after a link came or went is left out: timers, carrier, IPv6's own addresses
 * and routes, and the routes of table local, which follow an address once its duplicates have been looked for.
 */
function settled(text: string): unknown {
  const volatile = new Set(["valid_life_time", "preferred_life_time", "operstate", "tentative", "flags"]);
  // One list for each command.
  const lists = text.trim().split("\n").map((line) => JSON.parse(line,
    (key, value) => (volatile.has(key) ? undefined : value)) as readonly Entry[]);
  return lists.map((list) => list.filter(({ dst = "", type }) => !/^(fe80|ff00)::/.test(dst) && type !== "anycast"
    && type !== "local").map((entry) => (
    entry.addr_info === undefined ? entry : { ...entry,
      addr_info: entry.addr_info.filter(({ scope }) => scope !== "link") })));
}

/**
 * Makes the ADD fail at its first request, its second, and so on until it succeeds, each `times`, and compares the
 * state before and after. The reservations are counted as well.
 *
 * @returns how many requests could be made to fail
 */
export async function failures(driven: Driven, state: () => unknown, { times = 2 } = {}): Promise<number> {
  for (let failing = 0; ; failing++) {
    for (let round = 0; round < times; round++) {
      const before = state();
      const fuse: Fuse = { left: failing, blown: "" };
      const outcome = await add({ ...driven, through: (handles) => fused(handles, fuse) }).then(() => "added" as const,
        (error: unknown) => error);
      if (outcome === "added") {
        await del(driven);
        if (fuse.blown === "") return failing;
        continue; // A request that need not succeed.
      }
      assert.ok(outcome instanceof Error && outcome.message.includes("made to fail"),
        `step ${failing} (${fuse.blown}): ${String(outcome)}`);
      assert.equal(state(), before, `after ${fuse.blown} failed (step ${failing})`);
      assert.is(reservations.size, 0, `after ${fuse.blown} failed (step ${failing})`);
    }
  }
}

interface Fuse {
  /** Requests that still succeed. */
  left: number;
  blown: string;
  /** What the request fails with; absent: an error of its own. */
  readonly error?: (what: string) => Error;
}

function fused(handles: Handles, fuse: Fuse, isFused = (_: string): boolean => true): Partial<Handles> {
  return {
    get host() { return fusedNamespace(handles.host, "host", fuse, isFused); },
    get container() { return fusedNamespace(handles.container, "container", fuse, isFused); },
    get containerIfPresent() {
      const container = handles.containerIfPresent;
      return container && fusedNamespace(container, "container", fuse, isFused);
    },
  };
}

/** Everything but the namespace's own identity, which other requests are made of. */
function fusedNamespace(
  namespace: Namespace, name: string, fuse: Fuse, isFused: (key: string) => boolean,
): Namespace {
  const rooms = ["links", "addresses", "routes", "rules", "neighbours", "qdiscs", "bridgeVlans", "sysctl",
    "nftables"] as const;
  const replaced = Object.fromEntries(rooms.map((room) => (
    [room, fusedRoom(namespace[room], `${name}.${room}`, fuse, isFused)])));
  return { ...namespace, ...replaced };
}

function fusedRoom<T extends object>(room: T, name: string, fuse: Fuse, isFused: (key: string) => boolean): T {
  return new Proxy(room, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key);
      if (typeof method !== "function" || !isFused(String(key))) return method;
      return (...args: readonly unknown[]): unknown => {
        // Once blown it is whole again, so that undoing works.
        if (fuse.blown === "" && fuse.left-- === 0) {
          fuse.blown = `${name}.${String(key)}`;
          throw fuse.error?.(fuse.blown) ?? new Error(`${fuse.blown} was made to fail`);
        }
        return Reflect.apply(method, target, args);
      };
    },
  });
}

/**
 * Has the kernel interrupt what DEL lists, its first list, its second, and so on until it lists no more: each DEL takes
 * everything away or fails, the second one interrupted at the same place as well, and one left alone makes good.
 *
 * @param state  equal before the ADD and after what takes everything away
 * @returns how many lists could be interrupted
 */
export async function interruptions(driven: Driven, state: () => unknown): Promise<number> {
  for (let failing = 0; ; failing++) {
    const before = state(), prevResult = await add(driven), fuses: Fuse[] = [];
    const interrupted = async (): Promise<"deleted" | Error> => {
      const fuse: Fuse = { left: failing, blown: "", error: interruption };
      fuses.push(fuse);
      const one = { ...driven, prevResult, through: (handles: Handles) => fused(handles, fuse, isList) };
      return await del(one).then(() => "deleted" as const, (error: Error) => error);
    };
    for (let time = 1; time <= 2; time++) {
      const outcome = await interrupted(), place = `list ${failing} (${fuses.at(-1)?.blown}), DEL ${time}`;
      if (outcome === "deleted") assert.equal(state(), before, `${place} says that all is gone`);
      else assert.match(outcome.message, "kernel said EINTR", place);
    }
    await del({ ...driven, prevResult });
    assert.equal(state(), before, `after list ${failing}`);
    if (fuses[0]?.blown === "") return failing;
  }
}

const isList = (key: string): boolean => /^(list|rules|wholeRules|redirections|update)/.test(key);

function interruption(what: string): Error {
  return new NetlinkError(what, 4, "the list changed while it was read");
}
