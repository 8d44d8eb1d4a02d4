// The rooms of src/ and the direction imports may go between them: src/rooms.json lists them from the bottom up,
// docs/architecture.md draws what this checks.
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Import } from "./helpers/sources.ts";
import {
  exportsOf, filesOf, importsOf, levelNamed, levelOf, roomOf, rooms, root, shown, source, textOf,
} from "./helpers/sources.ts";

const pureLevel = levelNamed("pure"), effectLevel = levelNamed("effects"), pluginLevel = levelNamed("plugins");

/** A package has one room, so that replacing it touches one room. */
const packageRoom: Readonly<Record<string, string>> = {
  "ipaddr.js": "net",
  koffi: "os",
  execa: "commands",
  ajv: "schema",
  "ajv/dist/standalone/index.js": "schema",
  yaml: "kube",
  "@grpc/grpc-js": "kube",
  "@grpc/proto-loader": "kube",
  "prom-client": "daemon",
};

/** Plugins are handed what they touch; these files look for themselves, for the reason they give. */
const readsForItself = ["src/plugins/host-device/device.ts"];

const files = filesOf(["src"], [".ts"]);
const imports = files.flatMap(importsOf);
const crossing = imports.filter(({ file, target }) => target.startsWith(source) && roomOf(file) !== roomOf(target));

const order = suite("rooms");

order("every file lives in a known room, and no room is empty", () => {
  const found = new Set(files.map(roomOf));
  assert.equal([...found].toSorted(), rooms.toSorted());
});

order("imports go to lower rooms only", () => {
  const wrong = crossing.filter(({ file, target, typeOnly }) => {
    const here = levelOf(roomOf(file)), there = levelOf(roomOf(target));
    if (here === pureLevel && there === pureLevel) return false;
    if (here === pluginLevel && there === effectLevel) return !typeOnly;
    return there >= here;
  });
  assert.equal(wrong.map(described), []);
});

order("pure rooms do not depend on each other in a circle", () => {
  const isPure = (file: string): boolean => levelOf(roomOf(file)) === pureLevel;
  const arrows = new Set(crossing.filter(({ file, target }) => isPure(file) && isPure(target))
    .map(({ file, target }) => `${roomOf(file)} ${roomOf(target)}`));
  assert.equal([...arrows].filter((arrow) => arrows.has(arrow.split(" ").toReversed().join(" "))), []);
});

order("pure rooms and plugins know no node: module", () => {
  const wrong = imports.filter(({ file, from }) => from.startsWith("node:")
    && [pureLevel, pluginLevel].includes(levelOf(roomOf(file))) && !readsForItself.includes(shown(file)));
  assert.equal(wrong.map(({ file, from }) => `${shown(file)} imports ${from}`), []);
});

order("outsiders come in through a room's front door", () => {
  assert.equal(crossing.filter(({ target }) => target !== doorOf(roomOf(target))).map(described), []);
});

order("a package is imported by its own room only", () => {
  const wrong = imports.filter(({ file, from, target }) =>
    target === "" && !from.startsWith("node:") && packageRoom[from] !== roomOf(file));
  assert.equal(wrong.map(({ file, from }) => `${shown(file)} imports ${from}`), []);
});

order("files do not import each other in a circle", () => {
  const targets = new Map(files.map((file) => [file, importsOf(file).map(({ target }) => target)]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].map(shown).join(" -> "));
    if (path.includes(file) || done.has(file)) return;
    for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  assert.equal(circles, []);
});

order("are drawn in docs/architecture.md, and no others", () => {
  const drawing = /^```$([\s\S]*?)^```$/m.exec(textOf(join(root, "docs", "architecture.md")))?.[1] ?? "";
  const drawn = [...drawing.matchAll(/(?<=^|\s)([a-z]+)\/(?=\s|$)/gm)].map(([, room = ""]) => room);
  assert.equal(drawn.toSorted(), rooms.toSorted());
});

const doors = suite("front doors");

doors("open with a paragraph, and name what they let through", () => {
  const withDoor = rooms.map(doorOf).filter((door) => files.includes(door));
  assert.equal(withDoor.filter((door) => !textOf(door).startsWith("/**")).map(shown), []);
  assert.equal(withDoor.filter((door) => /^export (?:type )?\* from/m.test(textOf(door))).map(shown), []);
});

doors("let through what somebody outside imports, and nothing else", () => {
  const outside = [...imports, ...filesOf(["test", "scripts"], [".ts", ".mjs"]).flatMap(importsOf)];
  const unused = rooms.flatMap((room) => {
    const door = doorOf(room);
    if (!files.includes(door)) return [];
    const wanted = new Set(outside.filter(({ file, target }) =>
      target === door && !file.startsWith(`${source}/${room}/`))
      .flatMap(({ names }) => names));
    return exportsOf(door).filter((name) => !wanted.has(name)).map((name) => `${room}: ${name}`);
  });
  assert.equal(unused, []);
});

doors("are closed in bin: what runs is imported by nobody", () => {
  const exporting = files.filter((file) => roomOf(file) === "bin" && exportsOf(file).length > 0);
  assert.equal(exporting.map(shown), []);
});

for (const each of [order, doors]) each.run();

function doorOf(room: string): string {
  return join(source, room, "index.ts");
}

function described({ file, target }: Import): string {
  return `${shown(file)} imports ${shown(target)}`;
}
