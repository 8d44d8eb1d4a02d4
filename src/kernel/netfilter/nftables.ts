import { nft } from "../../netlink/index.ts";
import type { ChainName, NftChange, ValueOf } from "../../netlink/index.ts";
import { errnoNumber, inOrder, SystemCallError } from "../../os/index.ts";
import { isErrno, NetlinkError } from "../netlink-error.ts";
import type { SlowRequests } from "../slow-requests.ts";
import type { NetlinkSocket } from "../socket.ts";

export type { BaseChain, ChainName, NftChange } from "../../netlink/index.ts";

/** A rule as listed: what finding and deleting it needs. */
export interface NftRule {
  readonly handle: bigint;
  readonly comment?: string;
  /** What "add rule" was given to remember. */
  readonly mark?: string;
  /** The chain it jumps or goes to; rules that iptables made tell it too. */
  readonly jump?: string;
}

/** A rule as listed with all that it does; what our tables of expressions do not know is left as bytes. */
export interface WholeNftRule {
  readonly handle: bigint;
  readonly expressions: readonly ValueOf<typeof nft.expressionAttrs>[];
}

/** nftables of one namespace, over nfnetlink. */
export interface Nftables {
  /**
   * One transaction: all changes in order, or none.
   *
   * @throws NetlinkError naming the first change the kernel refused
   */
  commit(changes: readonly NftChange[]): Promise<void>;
  /**
   * Commits what `plan` makes of the rules it lists. If anyone else commits between the listing and our commit, the
   * plan is made anew, for half a minute at most; so a handle in it is never one that is gone.
   */
  update(plan: () => readonly NftChange[]): Promise<void>;
  /** The rules of a chain in order; undefined when the table or chain is missing. */
  rules(chain: ChainName): readonly NftRule[] | undefined;
  /** The rules of a whole table by their chains, each in order; a chain without any is absent, as is no table. */
  rulesByChain(table: Omit<ChainName, "chain">): ReadonlyMap<string, readonly NftRule[]>;
  /** The same rules by what they do, which takes longer to read. */
  wholeRules(chain: ChainName): readonly WholeNftRule[] | undefined;
  exists(chain: ChainName): boolean;
  /**
   * False when this kernel has no nf_tables or refuses a dry transaction in this namespace; what it cannot do just now
   * counts as usable.
   */
  usable(): boolean;
}

/** Every try that fails means that somebody else's transaction went through, of hundreds that may be under way. */
const maxUpdateMs = 30_000;
const maxPauseMs = 50;

/** The time that repeating an update takes. */
export interface UpdateTime {
  now(): number;
  sleep(ms: number): Promise<void>;
}

const realTime: UpdateTime = {
  now: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

export interface NftablesOptions {
  /** Runs one update at a time of all who would make each other start over; absent: of this process only. */
  readonly alone?: <T>(work: () => Promise<T>) => Promise<T>;
  readonly time?: UpdateTime;
}

/**
 * nftables of the namespace that `socket` opens its NETLINK_NETFILTER socket in. It is asked at every use and
 * stays the owner of what it returns. Transactions go to `slow`.
 */
export function openNftables(
  socket: () => NetlinkSocket, slow: SlowRequests, { alone = inOrder(), time = realTime }: NftablesOptions = {},
): Nftables {
  return {
    commit: (changes) => commit(slow, changes),
    update: (plan) => alone(() => update(socket, slow, plan, time)),
    rules: (chain) => rules(socket(), chain),
    rulesByChain: (table) => rulesByChain(socket(), table),
    wholeRules: (chain) => wholeRules(socket(), chain),
    exists: (chain) => chainExists(socket(), chain),
    usable: () => usable(socket),
  };
}

async function commit(slow: SlowRequests, changes: readonly NftChange[], generation?: number): Promise<void> {
  const messages = nft.transaction(changes, generation === undefined ? {} : { generation });
  if (messages.length === 0) return;
  const refusal = (await slow.executeAll(messages)).find((error) => error !== undefined);
  if (refusal !== undefined) throw refusal;
}

async function update(
  socket: () => NetlinkSocket, slow: SlowRequests, plan: () => readonly NftChange[], time: UpdateTime,
): Promise<void> {
  const start = time.now();
  for (let tries = 1; ; tries++) {
    const generation = currentGeneration(socket());
    try {
      return await commit(slow, plan(), generation);
    } catch (error) {
      // Another generation by now.
      if (!isErrno(error, "ERESTART") || time.now() - start >= maxUpdateMs) throw error;
    }
    // By chance, so that those who came together do not try again together.
    await time.sleep(Math.random() * Math.min(tries, maxPauseMs));
  }
}

/** NFT_MSG_GETGEN: the number of the last transaction in the namespace. */
function currentGeneration(socket: NetlinkSocket): number {
  const operation = "read the nftables generation";
  const request = { operation, type: nft.nftMessage.getGen, body: nft.generationBody, header: {}, attributes: {} };
  const { id } = socket.get(request, nft.generationBody).attributes;
  if (id === undefined) throw new NetlinkError(operation, errnoNumber.EBADMSG, "the answer holds no NFTA_GEN_ID");
  return id;
}

/** A dump does not tell a missing chain from an empty one, so an empty list is looked at twice. */
function rules(socket: NetlinkSocket, chain: ChainName): readonly NftRule[] | undefined {
  // Kernels before 3.16 ignore the filter of a dump, and the comparison costs nothing.
  const listed = socket.dump(listing(chain), nft.listedRuleBody, ({ attributes }) => (
    attributes.table === chain.table && attributes.chain === chain.chain ? toRule(attributes) : undefined));
  return listed.length > 0 || chainExists(socket, chain) ? listed : undefined;
}

function rulesByChain(
  socket: NetlinkSocket, table: Omit<ChainName, "chain">,
): ReadonlyMap<string, readonly NftRule[]> {
  const byChain = new Map<string, NftRule[]>();
  socket.dump(listing(table), nft.listedRuleBody, ({ attributes }) => {
    const { chain } = attributes, rule = attributes.table === table.table ? toRule(attributes) : undefined;
    if (chain === undefined || rule === undefined) return undefined;
    const known = byChain.get(chain);
    if (known === undefined) byChain.set(chain, [rule]);
    else known.push(rule);
    return undefined;
  });
  return byChain;
}

function wholeRules(socket: NetlinkSocket, chain: ChainName): readonly WholeNftRule[] | undefined {
  const listed = socket.dump(listing(chain), nft.ruleBody, ({ attributes }) => {
    const { handle, expressions } = attributes;
    if (attributes.table !== chain.table || attributes.chain !== chain.chain || handle === undefined) return undefined;
    return { handle, expressions: expressions?.list ?? [] };
  });
  return listed.length > 0 || chainExists(socket, chain) ? listed : undefined;
}

/** Of a chain, or of a whole table. */
function listing({ family, table, chain }: Omit<ChainName, "chain"> & { readonly chain?: string }) {
  const whose = chain === undefined ? `table "${family} ${table}"` : nft.chainText({ family, table, chain });
  return {
    operation: `list the rules of ${whose}`,
    type: nft.nftMessage.getRule, body: nft.listedRuleBody, header: { family: nft.nfproto[family] },
    attributes: { table, chain },
  };
}

function toRule(listed: ValueOf<typeof nft.listedRuleAttrs>): NftRule | undefined {
  const { handle, userdata } = listed;
  if (handle === undefined) return undefined;
  for (const { data } of listed.expressions?.list ?? []) {
    const jump = data instanceof Uint8Array ? undefined : data?.data?.verdict?.chain;
    if (jump !== undefined) return { handle, ...userdata, jump };
  }
  return { handle, ...userdata };
}

function chainExists(socket: NetlinkSocket, chain: ChainName): boolean {
  const request = {
    operation: `find ${nft.chainText(chain)}`,
    type: nft.nftMessage.getChain, body: nft.chainBody, header: { family: nft.nfproto[chain.family] },
    attributes: { table: chain.table, name: chain.chain },
  };
  try {
    return socket.get(request, answered);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

/** That there is an answer is all that is asked. */
const answered = { read: () => true };

/** Tries to add a table and has the kernel undo it, as `nft --check` does. */
function usable(socket: () => NetlinkSocket): boolean {
  const messages = nft.transaction([{ do: "add table", family: "inet", table: "polynic-usable" }], { dry: true });
  try {
    return socket().executeAll(messages).every((error) => error === undefined || isPassing(error));
  } catch (error) {
    // Without NETLINK_NETFILTER in the kernel there is not even a socket.
    if (error instanceof NetlinkError || error instanceof SystemCallError) return isPassing(error);
    throw error;
  }
}

/**
 * What a kernel says that has nf_tables and cannot just now, or does not let us: nothing that was left may be taken for
 * absent then.
 */
function isPassing({ errnoName }: NetlinkError | SystemCallError): boolean {
  return ["EINTR", "EAGAIN", "ENOMEM", "ENOBUFS", "EBUSY", "ERESTART", "EMFILE", "ENFILE", "EPERM"].includes(errnoName);
}
