/**
 * Where everything stands in the picture, in pixels. The host's links are boxes in rows on top, outermost first. Below
 * them each link that containers hang on has a rail of its own colour: across as a lane, then down beside the columns
 * of containers, where interfaces stop at it.
 */
import type { Container, HostLink, Interface, NodeModel } from "../model.ts";

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Around the host's links; undefined where there are none to be drawn. */
  readonly hostBox: Box | undefined;
  readonly links: readonly PlacedLink[];
  readonly rails: readonly Rail[];
  readonly cards: readonly Card[];
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedLink extends Box {
  readonly link: HostLink;
  /** Index of its rail; undefined where no container hangs on it. */
  readonly rail: number | undefined;
  /** Those that it hangs on. */
  readonly under: readonly string[];
}

/** Points one after the other, as corners of a line. */
export type Line = readonly (readonly [x: number, y: number])[];

export interface Rail {
  readonly name: string;
  readonly lines: readonly Line[];
}

export interface Card extends Box {
  readonly container: Container;
  readonly rows: readonly Row[];
}

/** A line of a card. */
export interface Row {
  readonly y: number;
  readonly kind: "interface" | "address" | "origin" | "port" | "note";
  readonly lead: string;
  readonly text: string;
  readonly isWrong: boolean;
  /** Of an interface that hangs on a rail. */
  readonly stop?: Stop;
}

export interface Stop {
  /** Index of the rail. */
  readonly rail: number;
  readonly railX: number;
  /** The link itself is used by several, as a macvlan's parent: no pair of its own leads there. */
  readonly isShared: boolean;
}

export const size = {
  margin: 20, boxWidth: 178, boxGap: 30, boxRowGap: 26, lane: 9, cardWidth: 372, cardGap: 14, head: 30,
  row: 18, interfaceGap: 5,
  hostHead: 34, pad: 12,
} as const;

/** Containers stand in so many columns at most: what is wider fits no screen. */
const columnsMax = 3;
/** A column that is higher is made two of. */
const columnHeight = 380;
/** Beside each other rails take no more room than this. */
const railsWidth = 12 * size.lane;

export function layOut(model: NodeModel): Layout {
  const drawn = model.links.filter((link) => !isPairEnd(link, model));
  const carriers = carriersOf(model, drawn);
  const columns = columnsOf(model.containers);
  const step = Math.min(size.lane, railsWidth / carriers.length);
  const gutter = 16 + carriers.length * step;
  const host = placeLinks(drawn, carriers);
  const hostHeight = host.links.length === 0 ? 0 : host.height;
  const lanesY = size.margin + hostHeight + 14;
  const cardsY = lanesY + carriers.length * step + 16;
  const pitch = gutter + size.cardWidth + 14;
  const cards = columns.flatMap((column, index) =>
    placeCards(column, { x: size.margin + index * pitch + gutter, y: cardsY, gutter, step, carriers }),
  );
  const wide = Math.max(columns.length * pitch - 14, host.width, size.boxWidth * 2);
  return {
    width: size.margin * 2 + wide,
    height: Math.max(cardsY - 16, ...cards.map(({ y, height }) => y + height)) + size.margin,
    hostBox: drawn.length === 0 ? undefined : { x: size.margin, y: size.margin, width: wide, height: hostHeight },
    links: host.links,
    cards,
    rails: carriers.map((name, rail) => ({
      name,
      lines: railLines(rail, {
        from: host.links.find(({ link }) => link.name === name), lane: lanesY + rail * step, cards,
        bottom: size.margin + hostHeight,
      }),
    })),
  };
}

/** The host's end of a pair that is no bridge's port: the container's only. */
function isPairEnd({ name, on, portOf }: HostLink, { containers }: NodeModel): boolean {
  return on === undefined && portOf === undefined &&
    containers.some(({ interfaces }) => interfaces.some((one) => one.through === name && one.on === name));
}

/** Names of links with a rail, in the order in which they are drawn. */
function carriersOf({ containers }: NodeModel, links: readonly HostLink[]): readonly string[] {
  const names = new Set(containers.flatMap(({ interfaces }) => interfaces.flatMap(({ on }) => on ?? [])));
  return links.map(({ name }) => name).filter((name) => names.has(name));
}

/** Filled one after the other, so that containers stand in their order, to about the same height. */
function columnsOf(containers: readonly Container[]): readonly (readonly Container[])[] {
  const heights = containers.map((one) => heightOf(rowsOf(one)) + size.cardGap);
  const total = heights.reduce((sum, height) => sum + height, 0);
  const count = Math.max(1, Math.min(columnsMax, Math.ceil(total / columnHeight)));
  const columns: Container[][] = Array.from({ length: count }, () => []);
  let passed = 0;
  for (const [index, container] of containers.entries()) {
    const middle = passed + (heights[index] ?? 0) / 2;
    columns[Math.min(count - 1, Math.floor((middle / total) * count))]?.push(container);
    passed += heights[index] ?? 0;
  }
  return columns;
}

interface HostPlaces {
  readonly links: readonly PlacedLink[];
  readonly width: number;
  readonly height: number;
}

/** Rows by how many links stand between one and the outside; what containers hang on stands as low as it can. */
function placeLinks(links: readonly HostLink[], carriers: readonly string[]): HostPlaces {
  const under = new Map(links.map(({ name, on }) => [
    name,
    [...(on === undefined ? [] : [on]), ...links.filter(({ portOf }) => portOf === name).map((port) => port.name)],
  ]));
  const levels = levelsOf(under);
  const last = Math.max(0, ...levels.values());
  const carriesLinks = new Set([...under.values()].flat());
  const rowOf = ({ name }: HostLink): number => (carriesLinks.has(name) ? levels.get(name) ?? 0 : last);
  const levelRows = Array.from({ length: last + 1 }, (_, row) => links.filter((link) => rowOf(link) === row));
  const rows = levelRows.flatMap(wrapped);
  const placed: PlacedLink[] = [];
  let y: number = size.margin + size.hostHead;
  for (const row of rows) {
    const height = 44 + Math.max(0, ...row.map(({ addresses }) => Math.min(addresses.length, addressesMax))) * 16;
    for (const [column, link] of row.entries()) {
      const x = size.margin + size.pad + column * (size.boxWidth + size.boxGap);
      const rail = carriers.indexOf(link.name);
      placed.push({
        link, x, y, height,
        width: size.boxWidth,
        under: under.get(link.name) ?? [],
        rail: rail < 0 ? undefined : rail,
      });
    }
    y += height + size.boxRowGap;
  }
  const widest = Math.max(0, ...rows.map(({ length }) => length));
  return {
    links: placed,
    width: 2 * size.pad + widest * (size.boxWidth + size.boxGap) - 8,
    height: y - size.boxRowGap + size.pad - size.margin,
  };
}

/** As wide as the columns of containers, so that no node has a picture that fits no screen. */
const boxesInRow = 6;

function wrapped(row: readonly HostLink[]): readonly (readonly HostLink[])[] {
  const count = Math.ceil(row.length / boxesInRow);
  return Array.from({ length: count }, (_, index) => row.slice(index * boxesInRow, (index + 1) * boxesInRow));
}

/** Of one link so many are shown. */
export const addressesMax = 4;

/** 0 for those that hang on none; a circle, which no kernel lets anybody make, ends somewhere. */
function levelsOf(under: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, number> {
  const levels = new Map<string, number>();
  const levelOf = (name: string, depth: number): number => {
    const known = levels.get(name);
    if (known !== undefined || depth > 16) return known ?? 0;
    const level = Math.max(-1, ...(under.get(name) ?? []).map((lower) => levelOf(lower, depth + 1))) + 1;
    levels.set(name, level);
    return level;
  };
  for (const name of under.keys()) levelOf(name, 0);
  return levels;
}

type RowText = Pick<Row, "kind" | "lead" | "text" | "isWrong"> & { readonly of?: Interface };

function rowsOf({ interfaces, ports, rules }: Container): readonly RowText[] {
  const mapped = ports.map(({ hostAddress, hostPort, protocol, containerPort }): RowText => ({
    kind: "port", lead: `${hostAddress}:${hostPort}`, text: `${protocol} to ${containerPort}`, isWrong: false,
  }));
  const note = rules.length === 0 ? [] : [{
    kind: "note", lead: "", isWrong: false, text: `${rules.length} firewall ${rules.length === 1 ? "rule" : "rules"}`,
  } as const];
  return [...interfaces.flatMap(interfaceRows), ...mapped, ...note];
}

function interfaceRows(one: Interface): readonly RowText[] {
  const { name, state, kind, detail, network, on = "", addresses } = one;
  const stateWord = state === "up" ? "" : state === "unknown" ? "not ours" : state;
  const words = [network, `${kind} ${detail}`.trim(), on === "" ? "" : `on ${on}`, stateWord];
  const isWrong = state === "missing" || state === "down";
  return [
    { kind: "interface", lead: name, text: words.filter((word) => word !== "").join(" · "), isWrong, of: one },
    ...addresses.flatMap(({ address, origin, isMissing }): readonly RowText[] => [
      { kind: "address", lead: "", text: `${address}${isMissing ? " is missing" : ""}`, isWrong: isMissing },
      ...(origin === "" ? [] : [{ kind: "origin", lead: "", text: `from ${origin}`, isWrong: false } as const]),
    ]),
  ];
}

function heightOf(rows: readonly RowText[]): number {
  return size.head + rows.length * size.row + gapsBefore(rows, rows.length) * size.interfaceGap + 10;
}

/** Between interfaces is a little more room than between lines. */
function gapsBefore(rows: readonly RowText[], index: number): number {
  return rows.slice(1, index + 1).filter(({ kind }) => kind === "interface").length;
}

interface Column {
  readonly x: number;
  readonly y: number;
  readonly gutter: number;
  /** From one rail to the next. */
  readonly step: number;
  readonly carriers: readonly string[];
}

function placeCards(containers: readonly Container[], { x, y: top, gutter, step, carriers }: Column): readonly Card[] {
  let y = top;
  return containers.map((container) => {
    const texts = rowsOf(container), start = y;
    y += heightOf(texts) + size.cardGap;
    return {
      container, x, y: start,
      width: size.cardWidth,
      height: heightOf(texts),
      rows: texts.map(({ of: one, ...row }, index): Row => {
        const rail = carriers.indexOf(one?.on ?? "");
        const gaps = gapsBefore(texts, index) * size.interfaceGap;
        const place = { ...row, y: start + size.head + index * size.row + gaps + 12 };
        if (one === undefined || rail < 0) return place;
        return { ...place, stop: { rail, railX: x - gutter + 4 + rail * step, isShared: one.through === undefined } };
      }),
    };
  });
}

interface RailPlaces {
  readonly from: PlacedLink | undefined;
  readonly lane: number;
  readonly cards: readonly Card[];
  /** Of the host's box. */
  readonly bottom: number;
}

/** Down from its box, across all columns that have stops, and down each of these to the last. */
function railLines(rail: number, { from, lane, cards, bottom }: RailPlaces): readonly Line[] {
  const stops = cards.flatMap(({ rows }) =>
    rows.flatMap(({ y, stop }) => (stop?.rail === rail ? [{ x: stop.railX, y }] : [])),
  );
  const ends = Map.groupBy(stops, ({ x }) => x);
  const downs = [...ends].map(([x, all]): Line => [[x, lane], [x, Math.max(...all.map(({ y }) => y))]]);
  if (from === undefined || downs.length === 0) return downs;
  const { x, y, width, height } = from, spread = (rail % 4) * 5;
  const isLow = y + height + size.boxRowGap > bottom;
  const dropX = isLow ? x + 18 + spread : x + width + 8 + spread;
  const middle = y + height / 2;
  const start: Line = isLow
    ? [[dropX, y + height], [dropX, lane]]
    : [[x + width, middle], [dropX, middle], [dropX, lane]];
  const xs = [dropX, ...ends.keys()];
  return [start, [[Math.min(...xs), lane], [Math.max(...xs), lane]], ...downs];
}
