import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../cni/index.ts";
import type { GivenLease, LeaseTerms } from "../../dhcp/index.ts";
import { formatAddress, parseAddress } from "../../net/index.ts";
import {
  bootId, makeDirectory, readText, refuseForeignDirectory, removeIfPresent, removeStaleTemporaries, writeWholeFile,
} from "../../os/index.ts";
import type { LinkIdentity, LinkPlace } from "./container-link.ts";

/** All that is needed to go on with a lease after a restart of the daemon. */
export interface SavedLease {
  /** `<container>/<network>/<interface>` */
  readonly name: string;
  readonly place: LinkPlace;
  readonly identity: LinkIdentity;
  readonly terms: LeaseTerms;
  readonly lease: GivenLease;
  /** Whence the server's answer came: the server's MAC, or that of the router or relay between. */
  readonly serverMac: string;
  readonly priority?: number;
}

/** Leases on disk, a file each, written whole or not at all. Those of an earlier boot are none any more. */
export interface LeaseFiles {
  save(lease: SavedLease): void;
  remove(name: string): void;
  /** @param problem  is told what is wrong with files that cannot be read; they are taken away */
  load(problem: (line: string) => void): readonly SavedLease[];
}

const fileBytesMax = 256 * 1024;
const format = 1;

/** @throws CniError when others could put files there, the file system's error when the directory cannot be made */
export function openLeaseFiles(directory: string): LeaseFiles {
  makeDirectory(directory, 0o700);
  refuseForeignDirectory(directory, "Cannot keep DHCP leases");
  const pathOf = (name: string): string =>
    join(directory, `${createHash("sha256").update(name).digest("hex").slice(0, 32)}${suffix}`);
  return {
    save: (lease) => writeWholeFile(pathOf(lease.name), `${JSON.stringify(toJson(lease))}\n`),
    remove: (name) => void removeIfPresent(pathOf(name)),
    load(problem) {
      removeStaleTemporaries(directory);
      return readdirSync(directory).filter((file) => file.endsWith(suffix)).flatMap((file) => {
        const path = join(directory, file);
        try {
          const saved = fromJson(JSON.parse(readText(path, fileBytesMax)) as SavedJson);
          if (saved !== undefined) return [saved];
        } catch (error) {
          problem(`cannot use ${path}: ${messageOf(error)}`);
        }
        removeIfPresent(path);
        return [];
      });
    },
  };
}

const suffix = ".json";

/** The same with bytes and addresses as text. What is infinite is null in JSON. */
interface SavedJson {
  readonly format: number;
  readonly boot: string;
  readonly name: string;
  readonly place: LinkPlace;
  readonly identity: LinkIdentity;
  readonly serverMac: string;
  readonly priority?: number;
  readonly terms: Omit<LeaseTerms, "clientId" | "provided" | "wanted"> & {
    readonly clientId: string;
    readonly provided: OptionsJson;
  };
  readonly lease: Pick<GivenLease, "prefixBits" | "givenAtMs"> & {
    readonly address: string;
    readonly server: string;
    readonly options: OptionsJson;
    readonly renewAtMs: number | null;
    readonly rebindAtMs: number | null;
    readonly expiresAtMs: number | null;
  };
}

type OptionsJson = readonly (readonly [code: number, hex: string])[];

function toJson({ terms, lease, ...rest }: SavedLease): SavedJson {
  const { wanted: _, ...kept } = terms;
  return {
    format,
    boot: bootId(),
    ...rest,
    terms: { ...kept, clientId: hexOf(terms.clientId), provided: optionsJson(terms.provided) },
    lease: {
      ...lease,
      address: formatAddress(lease.address),
      server: formatAddress(lease.server),
      options: optionsJson(lease.options),
    },
  };
}

/** Undefined for a lease of an earlier boot, whose clock and whose namespaces are gone. */
function fromJson({ format: given, boot, terms, lease, ...rest }: SavedJson): SavedLease | undefined {
  if (boot !== bootId()) return undefined;
  if (given !== format) throw new Error(`its format is ${given}, expected ${format}`);
  const never = Number.POSITIVE_INFINITY;
  return {
    ...rest,
    terms: { ...terms, clientId: bytesOf(terms.clientId), provided: optionsOf(terms.provided) },
    lease: {
      ...lease,
      address: parseAddress(lease.address),
      server: parseAddress(lease.server),
      options: optionsOf(lease.options),
      renewAtMs: lease.renewAtMs ?? never,
      rebindAtMs: lease.rebindAtMs ?? never,
      expiresAtMs: lease.expiresAtMs ?? never,
    },
  };
}

function optionsJson(options: ReadonlyMap<number, Uint8Array>): OptionsJson {
  return [...options].map(([number, value]) => [number, hexOf(value)] as const);
}

function optionsOf(options: OptionsJson): ReadonlyMap<number, Uint8Array> {
  return new Map(options.map(([number, hex]) => [number, bytesOf(hex)]));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
