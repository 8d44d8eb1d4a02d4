/** The model as an SVG picture that stands alone: no script, nothing loaded, light and dark by the viewer's wish. */
import type { NodeModel } from "../model.ts";
import type { Box, Card, Layout, Line, PlacedLink, Row } from "./layout.ts";
import { addressesMax, layOut, size } from "./layout.ts";
import type { Markup } from "./markup.ts";
import { element, joined, ours, text } from "./markup.ts";
import { colours, fonts, railCount } from "./theme.ts";

export function svgOf(model: NodeModel): string {
  return `${drawing(model)}\n`;
}

/** The `svg` element. */
export function drawing(model: NodeModel): Markup {
  const layout = layOut(model), { width, height, hostBox, links, cards } = layout;
  const label = `Node ${model.node}: ${counted(model.containers.length, "container")}`;
  return element(
    "svg",
    { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
      "aria-label": label, class: "node" },
    element("title", {}, text(label)),
    element("style", {}, ours(style)),
    element("rect", { class: "page", width, height, rx: 8 }),
    ...(hostBox === undefined ? [] : [hostPanel(model.node, hostBox)]),
    ...links.flatMap((link) => wires(link, links)),
    ...layout.rails.map(({ lines }, rail) => railLines(lines, rail)),
    ...links.map(linkBox),
    ...cards.map(card),
    ...emptyNote(model, layout),
  );
}

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

const style = [
  colours(".node"),
  `.node{font:12px ${fonts.text};fill:var(--ink)}`,
  ".node .page{fill:var(--page)}.node .host{fill:var(--host);stroke:var(--edge)}",
  ".node .box{fill:var(--panel);stroke:var(--edge)}.node .head{fill:var(--head)}",
  ".node .name{font-weight:600;font-size:13px}.node .soft{fill:var(--soft)}.node .small{font-size:11px}",
  `.node .fixed{font-family:${fonts.fixed};font-size:12px}.node .wrong{fill:var(--wrong)}`,
  ".node .bold{font-weight:600}.node .end{text-anchor:end}",
  ".node .wire{fill:none;stroke:var(--soft);stroke-width:1.5}.node .halo{fill:none;stroke:var(--page);stroke-width:5}",
  ".node .rail{fill:none;stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}",
  ".node .shared{stroke-dasharray:4 4}",
  ...Array.from({ length: railCount }, (_, i) =>
    `.node .r${i}{stroke:var(--rail${i})}.node .f${i}{fill:var(--rail${i})}`),
].join("");

function write(x: number, y: number, value: string, classes = "", full = value): Markup {
  const title = full === value ? [] : [element("title", {}, text(full))];
  return element("text", { x, y, class: classes === "" ? undefined : classes }, text(value), ...title);
}

/** Fonts are not measured here: letters of a word are taken to be so wide at most. */
const letterWidth = { name: 7.6, text: 6.4, small: 5.9, fixed: 7.3 } as const;

function fitting(value: string, width: number, letters: keyof typeof letterWidth): string {
  const room = Math.max(1, Math.floor(width / letterWidth[letters])), all = [...value];
  return all.length <= room ? value : `${all.slice(0, room - 1).join("")}…`;
}

function rounded({ x, y, width, height }: Box, classes: string): Markup {
  return element("rect", { x, y, width, height, rx: 7, class: classes });
}

function hostPanel(node: string, box: Box): Markup {
  const name = fitting(node, box.width - 80, "name");
  return joined(
    rounded(box, "host"),
    write(box.x + size.pad, box.y + 22, name, "name", node),
    write(box.x + box.width - size.pad, box.y + 22, "host", "soft small end"),
  );
}

function linkBox(place: PlacedLink): Markup {
  const { link: { name, kind, detail, up, addresses }, x, y, width, height, rail } = place;
  const what = [kind, detail, up ? "" : "down"].filter((word) => word !== "").join(" · ");
  const room = width - 24;
  const shown = addresses.slice(0, addressesMax);
  const more = addresses.length - shown.length;
  return element(
    "g", {},
    rounded(place, "box"),
    ...(rail === undefined ? [] : [
      element("rect", { x, y: y + 6, width: 4, height: height - 12, rx: 2, class: `f${rail % railCount}` }),
    ]),
    write(x + 12, y + 18, fitting(name, room, "name"), "name", name),
    write(x + 12, y + 33, fitting(what, room, "small"), up ? "soft small" : "wrong small", what),
    ...shown.map((address, index) => {
      const value = index === shown.length - 1 && more > 0 ? `${address} and ${more} more` : address;
      return write(x + 12, y + 50 + index * 16, fitting(value, room, "fixed"), "fixed", addresses.join(", "));
    }),
  );
}

/** From what a link hangs on down to it. */
function wires(upper: PlacedLink, links: readonly PlacedLink[]): readonly Markup[] {
  return upper.under.flatMap((name) => {
    const lower = links.find(({ link }) => link.name === name);
    if (lower === undefined) return [];
    const from = lower.x + lower.width / 2, to = upper.x + upper.width / 2;
    const start = lower.y + lower.height, turn = upper.y - size.boxRowGap / 2;
    const path = lower.y < upper.y
      ? `M${from} ${start}V${turn}H${to}V${upper.y}`
      : `M${from} ${lower.y}V${lower.y - 8}H${to}V${upper.y}`;
    return [element("path", { d: path, class: "wire" })];
  });
}

function railLines(lines: readonly Line[], rail: number): Markup {
  const d = lines.map((line) => line.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x} ${y}`).join("")).join("");
  return joined(
    element("path", { d, class: "halo" }),
    element("path", { d, class: `rail r${rail % railCount}` }),
  );
}

function card(place: Card): Markup {
  const { container: { name, containerId, state }, x, y, width, rows } = place;
  const id = state === "gone" ? "gone" : containerId === name ? "" : containerId;
  const shownId = fitting(id, 110, "fixed");
  return element(
    "g", {},
    ...rows.flatMap((row) => stopLines(row, x)),
    rounded(place, "box"),
    element("path", { class: "head", d: headPath(place) }),
    write(x + size.pad, y + 18, fitting(name, width - 24 - (id === "" ? 0 : 118), "name"), "name", name),
    ...(id === "" ? [] : [
      write(x + width - size.pad, y + 18, shownId, state === "gone" ? "wrong end" : "soft fixed end", id),
    ]),
    ...rows.flatMap((row) => rowTexts(row, place)),
  );
}

/** With the card's own round corners on top. */
function headPath({ x, y, width }: Box): string {
  const right = x + width - 0.5, left = x + 0.5, top = y + 0.5;
  return `M${left} ${y + size.head - 5}V${top + 7}Q${left} ${top} ${left + 7} ${top}H${right - 7}` +
    `Q${right} ${top} ${right} ${top + 7}V${y + size.head - 5}Z`;
}

function stopLines({ y, stop }: Row, x: number): readonly Markup[] {
  if (stop === undefined) return [];
  const { rail, railX, isShared } = stop, colour = rail % railCount;
  const d = `M${railX} ${y}H${x}`;
  return [
    element("path", { d: `M${railX + 4} ${y}H${x}`, class: "halo" }),
    element("path", { d, class: `rail r${colour}${isShared ? " shared" : ""}` }),
    element("circle", { cx: railX, cy: y, r: 3.5, class: `f${colour}` }),
  ];
}

function rowTexts({ y, kind, lead, text: value, isWrong, stop }: Row, { x, width }: Card): readonly Markup[] {
  const line = y + 4, inner = x + 26, room = width - 38;
  const wrong = isWrong ? " wrong" : "";
  switch (kind) {
    case "interface": {
      const name = fitting(lead, 120, "name"), at = inner + Math.max(48, [...name].length * letterWidth.name + 8);
      const dot = stop === undefined
        ? element("circle", { cx: x + 14, cy: y, r: 4, class: "wire" })
        : element("circle", { cx: x + 14, cy: y, r: 4, class: `f${stop.rail % railCount}` });
      const words = fitting(value, x + width - size.pad - at, "text");
      return [dot, write(inner, line, name, "bold", lead), write(at, line, words, `soft${wrong}`, value)];
    }
    case "address": return [write(inner, line, fitting(value, room, "fixed"), `fixed${wrong}`, value)];
    case "origin": return [write(inner, line, fitting(value, room, "small"), "soft small", value)];
    case "port": {
      const name = fitting(lead, 170, "fixed"), at = inner + Math.max(48, [...name].length * letterWidth.fixed + 8);
      return [
        element("path", { d: `M${x + 10} ${y}h8m-3 -3l3 3l-3 3`, class: "wire" }),
        write(inner, line, name, "fixed bold", lead), write(at, line, value, "soft"),
      ];
    }
    case "note": return [write(inner, line, fitting(value, room, "small"), "soft small", value)];
  }
}

function emptyNote({ containers, node }: NodeModel, { height }: Layout): readonly Markup[] {
  if (containers.length > 0) return [];
  return [write(size.margin, height - 4, fitting(`${node} has no attached container`, 320, "text"), "soft")];
}
