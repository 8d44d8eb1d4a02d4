/** Kernel handles that fail at a chosen request, to prove that whatever step fails leaves nothing behind. */
import * as assert from "uvu/assert";
import type { Namespace } from "../../src/kernel/index.ts";
import type { Handles } from "../../src/plugins/index.ts";
import type { Driven } from "./handles.ts";
import { add, del, reservations } from "./handles.ts";
import type { TestNetns } from "./netns.ts";
import { run } from "./netns.ts";

/** Links, addresses, routes and rules of both namespaces, as text that is equal only when they are. */
export function kernelState(container: TestNetns): unknown {
  const shows = [["link"], ["addr"], ["-4", "route"], ["-6", "route"], ["rule"]].map((words) => ["ip", "-j", ...words, "show"]);
  const read = (execute: (program: string, ...args: readonly string[]) => string): unknown => shows.map(([program = "", ...args]) => parsed(execute(program, ...args)));
  const rules = run("nft", "list", "ruleset").split("\n").filter((line) => /^\t\t(?!type )/.test(line));
  return { host: read(run), container: read(container.exec), rules };
}

/** What changes by itself is left out: timers of addresses and routes, and what carrier and duplicate detection still do. */
function parsed(text: string): unknown {
  const volatile = new Set(["valid_life_time", "preferred_life_time", "expires", "operstate", "tentative"]);
  const list: readonly Record<string, unknown>[] = text.trim() === "" ? [] : JSON.parse(text, (key, value) => (volatile.has(key) ? undefined : value));
  // Routes to link-local and multicast come a moment after the link.
  return list.filter((entry) => entry["dst"] !== "fe80::/64").map((entry) => (
    Array.isArray(entry["addr_info"]) ? { ...entry, addr_info: entry["addr_info"].filter((info) => info.scope !== "link"), flags: undefined } : { ...entry, flags: undefined }));
}

/**
 * Makes the ADD fail at its first request, its second, and so on until it succeeds, each twice, and compares the state
 * before and after. The reservations are counted as well.
 *
 * @returns how many requests could be made to fail
 */
export async function failures(driven: Driven, state: () => unknown): Promise<number> {
  for (let failing = 0; ; failing++) {
    for (let round = 0; round < 2; round++) {
      const before = state();
      const fuse: Fuse = { left: failing, blown: "" };
      const outcome = await add({ ...driven, through: (handles) => fused(handles, fuse) }).then(() => "added" as const, (error: unknown) => error);
      if (outcome === "added") {
        await del(driven);
        if (fuse.blown === "") return failing;
        continue; // A request that need not succeed.
      }
      assert.ok(outcome instanceof Error && outcome.message.includes("made to fail"), `step ${failing} (${fuse.blown}): ${String(outcome)}`);
      assert.equal(state(), before, `after ${fuse.blown} failed (step ${failing})`);
      assert.is(reservations.size, 0, `after ${fuse.blown} failed (step ${failing})`);
    }
  }
}

interface Fuse {
  /** Requests that still succeed. */
  left: number;
  blown: string;
}

function fused(handles: Handles, fuse: Fuse): Partial<Handles> {
  return {
    get host() { return fusedNamespace(handles.host, "host", fuse); },
    get container() { return fusedNamespace(handles.container, "container", fuse); },
  };
}

/** Everything but the namespace's own identity, which other requests are made of. */
function fusedNamespace(namespace: Namespace, name: string, fuse: Fuse): Namespace {
  const rooms = ["links", "addresses", "routes", "bridgeVlans", "sysctl", "nftables"] as const;
  const replaced = Object.fromEntries(rooms.map((room) => [room, fusedRoom(namespace[room], `${name}.${room}`, fuse)]));
  return { ...namespace, ...replaced };
}

function fusedRoom<T extends object>(room: T, name: string, fuse: Fuse): T {
  return new Proxy(room, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key);
      if (typeof method !== "function") return method;
      return (...args: readonly unknown[]): unknown => {
        // Once blown it is whole again, so that undoing works.
        if (fuse.blown === "" && fuse.left-- === 0) {
          fuse.blown = `${name}.${String(key)}`;
          throw new Error(`${fuse.blown} was made to fail`);
        }
        return Reflect.apply(method, target, args);
      };
    },
  });
}
