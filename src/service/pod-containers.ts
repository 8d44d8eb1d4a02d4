import { CniError, code, newestVersion, splitArgPairs } from "../cni/index.ts";
import { knownAttachment } from "../mux/index.ts";
import type { Multiplexer, ScratchFile } from "../store/index.ts";
import { listScratch } from "../store/index.ts";
import type { Remains } from "./reconcile.ts";

/** What a scratch file has told. */
interface Seen {
  /** Another one: the file is not the same any more. */
  readonly stamp: string;
  /** Undefined for what says nothing about a pod. */
  readonly multiplexer: Multiplexer | undefined;
  readonly uid: string;
}

/**
 * Which containers are whose pod's, as far as it is written down. Each file is read once, and again where it has been
 * written anew: a node may have a thousand containers of other pods.
 */
export class PodContainers {
  readonly #stateDirs: readonly string[];
  /** Where executables are looked for. */
  readonly #path: readonly string[];
  /** By directory, then by container and interface. */
  readonly #seen = new Map<string, ReadonlyMap<string, Seen>>();

  constructor(stateDirs: readonly string[], path: readonly string[]) {
    this.#stateDirs = stateDirs;
    this.#path = path;
  }

  /**
   * Attachments of those pods, with all that is known of them; of a container whose scratch file is damaged there is
   * none.
   *
   * @param uids  as the runtime said them, `K8S_POD_UID`
   * @throws CniError 5 when a directory cannot be read
   */
  of(uids: ReadonlySet<string>): readonly (Remains & { readonly uid: string })[] {
    return this.#stateDirs.flatMap((stateDir) => this.#look(stateDir).flatMap(({ containerId, uid, multiplexer }) => {
      if (multiplexer === undefined || !uids.has(uid)) return [];
      const conf = { cniDir: stateDir, binDir: "", cniVersion: newestVersion, name: multiplexer.network,
        runtimeConfig: {}, runtimeConfigToAll: false };
      const known = knownAttachment({ ...multiplexer, containerId, path: this.#path }, conf);
      return known === undefined ? [] : [{ ...known, stateDir, uid }];
    }));
  }

  #look(stateDir: string): readonly (Seen & { readonly containerId: string })[] {
    const before = this.#seen.get(stateDir), now = new Map<string, Seen>();
    const files = listScratch(stateDir).flatMap((file) => {
      const key = `${file.containerId}@${file.ifName ?? ""}`, known = before?.get(key), stamp = file.stamp();
      const seen = known !== undefined && known.stamp === stamp ? known : read(file, stamp);
      if (seen === undefined) return [];
      now.set(key, seen);
      return [{ ...seen, containerId: file.containerId }];
    });
    this.#seen.set(stateDir, now);
    return files;
  }
}

/** Undefined for what cannot be read at the moment, or is gone. */
function read(file: ScratchFile, stamp: string | undefined): Seen | undefined {
  if (stamp === undefined) return undefined;
  try {
    const multiplexer = file.load()?.multiplexer;
    return { stamp, multiplexer, uid: new Map(splitArgPairs(multiplexer?.args ?? "")).get("K8S_POD_UID") ?? "" };
  } catch (error) {
    const isDamaged = error instanceof CniError && error.code === code.decodingFailure;
    return isDamaged ? { stamp, multiplexer: undefined, uid: "" } : undefined;
  }
}
