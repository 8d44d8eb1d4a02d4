import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Prefix } from "../../net/index.ts";
import { formatPrefix, isLoopback, networkOf, overlaps, parsePrefix } from "../../net/index.ts";
import { createWholeFile, findProgram, makeDirectory } from "../../os/index.ts";
import { builtIn } from "../../plugins/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { command } from "../command.ts";
import { CommandError, UsageError, requireRoot } from "../errors.ts";
import { configurationFiles, isReadable } from "../machine/configuration.ts";
import { confDirOption, confDirs, pluginPath, runtimes } from "../machine/directories.ts";
import { jsonOption } from "../options.ts";
import { bridgeName, conflistOf } from "./conflist.ts";
import { ensureLink, onHost, removeMade } from "./links.ts";
import { ownFileName } from "./rm.ts";
import type { Settings, SettingValues } from "./settings.ts";
import { settingOptions, settingsOf } from "./settings.ts";
import type { Subnet } from "./subnets.ts";
import { freeSubnet, subnetsOf, uniqueLocalSubnet } from "./subnets.ts";

export const createCommand = command({
  about:
    "The configuration is a plain list of plugins for podman, containerd, nerdctl, cnitool and everything else that " +
    "reads CNI configurations. It is written behind those that are there, since a cluster's runtime takes the first." +
    "\n\nWithout --subnet a bridge gets one of 10.89.0.0/24 to 10.255.255.0/24 that this machine does not use; " +
    "macvlan and ipvlan ask the network's DHCP server. Each subnet gives a container an address.\n\n" +
    "An overlay joins containers of several nodes, each of which has the network with the same --vni and --subnet, " +
    "an --ip-range of its own, and the other nodes as --peer. It has no way out.\n\n" +
    "--opt takes com.docker.network.bridge.name, .enable_icc, .enable_ip_masquerade, .host_binding_ipv4, " +
    ".gateway_mode_ipv4, .gateway_mode_ipv6 and .inhibit_ipv4, com.docker.network.driver.mtu, parent, macvlan_mode, " +
    "ipvlan_mode, com.docker.network.driver.overlay.vxlanid_list, and podman's mode, mtu and vlan.",
  parameters: { network: { count: "one", help: "its name" } },
  options: { ...settingOptions, ...confDirOption, ...jsonOption },
  examples: [
    { line: "polynic network create shop", help: "a bridge of its own" },
    { line: "polynic network create --subnet 10.7.0.0/24 --subnet fd07::/64 shop", help: "both families" },
    { line: "polynic network create -d macvlan -o parent=eth0.10 lan", help: "VLAN 10, addresses by DHCP" },
    {
      line: "polynic network create -d overlay --vni 7 --peer 10.0.0.2 --subnet 10.9.0.0/24 --ip-range 10.9.0.0/25 all",
      help: "on the first of two nodes",
    },
  ],
  async run({ parameters: { network }, options, ...output }) {
    requireRoot("create a network");
    const [directory = "/etc/cni/net.d"] = confDirs(options);
    const settings = settingsOf(network, options);
    refuseWithoutSubnet(options);
    const others = configurationFiles([directory]).filter(isReadable).map(({ configuration }) => configuration);
    refuseTaken(network, others);
    const subnets = settings.ipam === "host-local" ? choose(settings, options, others.map(({ json }) => json)) : [];
    const file = join(directory, ownFileName(network));
    const json = await written(file, settings, subnets);
    for (const note of notesOf(settings, options, directory)) output.warn(`polynic network create: ${note}`);
    if (options.json === true) output.json({ network, file, configuration: json });
    else output.say(`created ${network} (${[
      settings.driver, ...subnets.map(({ prefix }) => formatPrefix(prefix)),
      ...(settings.ipam === "dhcp" ? ["addresses by DHCP"] : []),
    ].join(", ")}): ${file}`);
    return 0;
  },
});

function refuseTaken(network: string, others: readonly { readonly name: string; readonly file: string | undefined }[]) {
  const taken = others.find(({ name }) => name === network);
  if (taken !== undefined)
    throw new CommandError(`Cannot create network "${network}": ${taken.file} has that name, expected another`);
}

/** @throws CommandError for a bridge's subnet that is used elsewhere on this machine */
function choose(settings: Settings, given: SettingValues, others: readonly JsonObject[]): readonly Subnet[] {
  const bridge = settings.driver === "bridge" ? (settings.bridge ?? bridgeName(settings.name)) : undefined;
  // Of a link that is shared, the subnet is the one of its network.
  const taken = bridge === undefined ? [] : takenPrefixes(others, bridge);
  const wanted = [...given.subnet];
  if (wanted.length === 0) wanted.push(chosenSubnet(settings.driver, taken));
  if (given.ipv6 === true && !wanted.some((text) => text.includes(":")))
    wanted.push(formatPrefix(uniqueLocalSubnet(randomBytes(5))));
  const subnets = subnetsOf({ ...given, subnet: wanted });
  for (const { prefix } of subnets) {
    const other = taken.find((one) => overlaps(one, prefix));
    if (other !== undefined)
      throw new CommandError(
        `Cannot create network "${settings.name}": subnet ${formatPrefix(prefix)} overlaps ${formatPrefix(other)}, ` +
          "which this machine or another network uses, expected one beside it",
      );
  }
  return subnets;
}

/** Nobody knows which one will be chosen. */
function refuseWithoutSubnet(given: SettingValues): void {
  const within = (["gateway", "ip-range", "aux-address"] as const).find((key) => [given[key] ?? []].flat().length > 0);
  if (within === undefined || given.subnet.length > 0) return;
  throw new UsageError(`Cannot use --${within} without --subnet: it is a part of one, expected --subnet PREFIX`);
}

function chosenSubnet(driver: Settings["driver"], taken: readonly Prefix[]): string {
  if (driver !== "bridge")
    throw new UsageError(`Cannot choose a subnet for ${driver}: only its network knows, expected --subnet`);
  const chosen = freeSubnet(taken);
  if (chosen === undefined) throw new CommandError("Cannot choose a subnet: all are in use, expected --subnet");
  return formatPrefix(chosen);
}

/** Of other networks, and of this machine's links but the bridge itself. */
function takenPrefixes(others: readonly JsonObject[], bridge: string): readonly Prefix[] {
  const own = onHost((host) => {
    const index = host.links.find(bridge)?.index;
    const addresses = host.addresses.list().filter((one) => one.index !== index && !isLoopback(one.address));
    const routes = host.routes.list(4).filter((one) => one.index !== index && one.dst.prefixBits > 0);
    return [...addresses, ...routes.map(({ dst }) => dst)].map(networkOf);
  });
  return [...own.filter((one) => !isLinkLocal(one)), ...others.flatMap(subnetsIn)];
}

function isLinkLocal({ address }: Prefix): boolean {
  return address.family === 6 && address.bytes[0] === 0xfe;
}

/** Wherever they stand: of lists, of multiplexers' networks. */
function subnetsIn(value: unknown): readonly Prefix[] {
  if (Array.isArray(value)) return value.flatMap(subnetsIn);
  if (!isJsonObject(value)) return [];
  const { subnet, ...rest } = value;
  try {
    return [...(typeof subnet === "string" ? [networkOf(parsePrefix(subnet))] : []), ...subnetsIn(Object.values(rest))];
  } catch {
    return subnetsIn(Object.values(rest)); // no ADD could use it either
  }
}

/** The VLAN is made last before the file, and goes again when that cannot be written. */
async function written(file: string, settings: Settings, subnets: readonly Subnet[]): Promise<JsonObject> {
  const { name, driver, parent, bridge } = settings;
  const isMade = parent !== undefined && ensureLink(parent);
  const ownBridge = bridge ?? bridgeName(name);
  const isNew = driver === "bridge" && onHost((host) => host.links.find(ownBridge)) === undefined;
  const made = isMade ? parent : isNew ? ownBridge : undefined;
  const json = conflistOf(settings, { subnets, made, hasFirewall: hasPlugin("firewall") });
  try {
    makeDirectory(join(file, ".."), 0o755);
    if (createWholeFile(file, `${JSON.stringify(json, null, 2)}\n`, { mode: 0o644 })) return json;
    throw new CommandError(`Cannot create network "${name}": ${file} is there already, expected another name`);
  } catch (error) {
    if (isMade) await removeMade(parent);
    throw error;
  }
}

function hasPlugin(type: string): boolean {
  return builtIn.has(type) || findProgram(type, pluginPath(process.env)) !== undefined;
}

/** What is worth knowing, and no reason not to do it. */
function notesOf({ name, icc, driver, ipam }: Settings, given: SettingValues, directory: string): readonly string[] {
  const [first] = configurationFiles([directory]);
  const cluster = runtimes().find((one) => {
    return one.name !== "podman" && one.confDir === directory && one.idle === undefined;
  });
  return [
    ...(icc ? [] : ["containers are kept apart by portIsolation, which the reference's bridge has since 1.6.0 only"]),
    ...(driver === "overlay" && ipam === "host-local" && given["ip-range"].length === 0
      ? ["other nodes give the same addresses, unless --ip-range says on each which part of the subnet is its own"]
      : []),
    ...(cluster !== undefined && first?.file.endsWith(ownFileName(name)) === true
      ? [`it comes first in ${directory}, and ${cluster.name} takes it for its own`]
      : []),
  ];
}
