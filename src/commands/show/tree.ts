/** The model as a tree of text: links of the host with what hangs on them, then containers with all they have. */
import { printable } from "../../wasm/index.ts";
import type { Style } from "../style.ts";
import type { Container, HostLink, Interface, NodeModel, Port } from "./model.ts";
import { portWords, ruleWords } from "./words.ts";

export interface TreeOptions {
  readonly style: Style;
  /** Characters of a line; what is longer is cut. */
  readonly columns: number;
}

/** Lines without their ends. */
export function treeLines(model: NodeModel, { style, columns }: TreeOptions): readonly string[] {
  const { node, links, containers, otherRules } = model;
  const rules = otherRules.map((rule): Branch => ({ words: [dim(ruleWords(rule))], branches: [] }));
  const roots: readonly Branch[] = [
    ...links.filter(({ on, portOf }) => (on ?? portOf) === undefined).map((link) => linkBranch(link, model)),
    ...containers.map(containerBranch),
    ...(containers.length === 0 ? [{ words: [dim("no container is attached")], branches: [] }] : []),
    ...(rules.length === 0 ? [] : [{ words: [plain("rules of no container that is known")], branches: rules }]),
  ];
  const root: Branch = { words: [bold(node)], branches: roots };
  return linesOf(root, { first: "", rest: "" }).map((line) => shown(line, style, columns));
}

interface Word {
  readonly text: string;
  readonly paint?: keyof Style;
}

interface Branch {
  readonly words: readonly Word[];
  readonly branches: readonly Branch[];
}

const plain = (text: string): Word => ({ text });
const bold = (text: string): Word => ({ text, paint: "bold" });
const dim = (text: string): Word => ({ text, paint: "dim" });
const when = (is: boolean, ...words: readonly Word[]): readonly Word[] => (is ? words : []);

function linkBranch(link: HostLink, model: NodeModel): Branch {
  const { name, kind, detail, up, addresses, on, portOf } = link;
  const above = model.links.filter((one) => one.portOf === name || (one.on === name && one.portOf === undefined));
  const carried = model.containers.flatMap(({ name: container, interfaces }) =>
    interfaces.filter((one) => one.on === name).map((one): Branch => ({
      words: [bold(container), plain(one.name), ...when(one.through !== undefined && one.through !== name,
        dim(`through ${one.through ?? ""}`))],
      branches: [],
    })),
  );
  return {
    words: [
      bold(name), plain([kind, detail].filter((word) => word !== "").join(" ")), stateWord(up ? "up" : "down"),
      ...when(on !== undefined && portOf !== undefined, dim(`on ${on ?? ""}`)), ...addresses.map(plain),
    ],
    branches: [...above.map((one) => linkBranch(one, model)), ...carried],
  };
}

function containerBranch({ name, state, netns, interfaces, ports, rules }: Container): Branch {
  return {
    words: [
      bold(name), ...when(state === "gone", { text: "gone", paint: "yellow" }), ...when(netns !== "", dim(netns)),
    ],
    branches: [
      ...interfaces.map(interfaceBranch),
      ...ports.map(portBranch),
      ...rules.map((rule): Branch => ({ words: [dim(ruleWords(rule))], branches: [] })),
    ],
  };
}

function interfaceBranch(one: Interface): Branch {
  const { name, state, kind, detail, on, through, network, addresses, mac } = one;
  const hangs = on === undefined ? "" : through === undefined || through === on ? `on ${on}` : `on ${on} by ${through}`;
  return {
    words: [
      bold(name), ...when(network !== "", plain(network)),
      ...when(kind !== "", plain([kind, detail].filter((word) => word !== "").join(" "))),
      ...when(hangs !== "", plain(hangs)), stateWord(state), ...when(mac !== undefined, dim(mac ?? "")),
    ],
    branches: addresses.map(({ address, origin, isMissing }): Branch => ({
      words: [
        plain(address), ...when(isMissing, { text: "missing", paint: "red" }),
        ...when(origin !== "", dim(`from ${origin}`)),
      ],
      branches: [],
    })),
  };
}

function portBranch(port: Port): Branch {
  return { words: [plain("port"), plain(portWords(port)), dim(port.network)], branches: [] };
}

function stateWord(state: Interface["state"]): Word {
  switch (state) {
    case "up": return { text: "up", paint: "green" };
    case "down": return { text: "down", paint: "yellow" };
    case "missing": return { text: "missing", paint: "red" };
    case "unknown": return { text: "not ours", paint: "dim" };
  }
}

interface Line {
  readonly lead: string;
  readonly words: readonly Word[];
}

/** @param lead  of its own line, and of those below it */
function linesOf(
  { words, branches }: Branch,
  lead: { readonly first: string; readonly rest: string },
): readonly Line[] {
  return [
    { lead: lead.first, words },
    ...branches.flatMap((branch, index) => {
      const isLast = index === branches.length - 1;
      const [own, below] = isLast ? ["└─ ", "   "] : ["├─ ", "│  "];
      return linesOf(branch, { first: `${lead.rest}${own}`, rest: `${lead.rest}${below}` });
    }),
  ];
}

/** Words with a space between them, as many letters as the line holds. */
function shown({ lead, words }: Line, style: Style, columns: number): string {
  let left = columns - lead.length, line = lead;
  for (const [index, { text, paint }] of words.entries()) {
    const word = [...printable(text, textChars)], gap = index === 0 ? 0 : 1;
    if (left <= gap) break;
    const fits = word.length + gap <= left;
    const cut = fits ? word.join("") : `${word.slice(0, left - gap - 1).join("")}…`;
    line += " ".repeat(gap) + (paint === undefined ? cut : style[paint](cut));
    left -= gap + [...cut].length;
  }
  return line;
}

/** Of one name or rule: the longest line of a terminal. */
const textChars = 1_000;
