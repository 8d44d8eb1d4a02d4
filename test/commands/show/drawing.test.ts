// The pictures: nothing covers anything else, and no name is taken for markup.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { htmlOf } from "../../../src/commands/show/drawing/html.ts";
import type { Box } from "../../../src/commands/show/drawing/layout.ts";
import { layOut } from "../../../src/commands/show/drawing/layout.ts";
import { svgOf } from "../../../src/commands/show/drawing/svg.ts";
import type { NodeFacts } from "../../../src/commands/show/facts.ts";
import { modelOf } from "../../../src/commands/show/model.ts";
import { container, exampleNode, link, network } from "./facts.ts";

const pictures = { svg: svgOf, html: (model: ReturnType<typeof modelOf>) => htmlOf(model, { when: "now" }) };

const layout = suite("layOut");

function covers(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

for (const pods of [0, 1, 2, 7, 100]) {
  layout(`of ${pods} containers has everything inside, and nothing upon anything else`, () => {
    const { width, height, links, cards, rails } = layOut(modelOf(exampleNode(pods)));
    const boxes: readonly Box[] = [...links, ...cards];
    for (const [index, box] of boxes.entries()) {
      assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height);
      for (const other of boxes.slice(index + 1)) assert.not.ok(covers(box, other));
    }
    assert.is(cards.length, pods);
    for (const [x, y] of rails.flatMap(({ lines }) => lines.flat()))
      assert.ok(x > 0 && x < width && y > 0 && y < height);
    // Rails run beside the cards.
    for (const { x } of cards) for (const { rows } of cards) for (const { stop } of rows)
      if (stop !== undefined) assert.not.ok(stop.railX > x && stop.railX < x + 372);
  });
}

layout("gives each link that containers hang on a rail that ends at the last of them", () => {
  const { rails, cards } = layOut(modelOf(exampleNode(4)));
  assert.equal(rails.map(({ name }) => name), ["eth0.100", "cni0"]);
  const stops = cards.flatMap(({ rows }) => rows)
    .flatMap(({ stop, y }) => (stop === undefined ? [] : [{ ...stop, y }]));
  assert.equal(stops.map(({ rail, isShared }) => [rail, isShared]),
    [[1, false], [0, true], [1, false], [1, false], [1, false], [0, true]]);
  for (const { rail, railX, y } of stops) {
    const down = rails[rail]?.lines.find(([first, second]) => first?.[0] === railX && second?.[0] === railX);
    assert.ok((down?.[1]?.[1] ?? 0) >= y);
  }
});

layout("draws pairs without a bridge at their containers, and hundreds of bridges beside each other", () => {
  const many = Array.from({ length: 300 }, (_, i) => i);
  const facts = (kind: "bridge" | "ptp"): NodeFacts => ({ node: "n", rules: [],
    host: { links: many.flatMap((i) => [
      ...(kind === "bridge" ? [link(1000 + i, `br${i}`, { kind: "bridge" })] : []),
      link(2000 + i, `veth${i}`, { kind: "veth", parent: 2, parentIn: "elsewhere",
        ...(kind === "bridge" ? { master: 1000 + i } : {}) }),
    ]) },
    containers: many.map((i) => container(`c${i}`, { networks: [network("n", "eth0")],
      inside: { links: [link(2, "eth0", { kind: "veth", parent: 2000 + i, parentIn: "host" })] } })),
  });
  assert.equal(layOut(modelOf(facts("ptp"))).links, []);
  const { rails, cards, width } = layOut(modelOf(facts("bridge")));
  assert.is(rails.length, 300);
  assert.ok(width < 1_600);
  assert.ok((cards[0]?.x ?? 0) < 200);
});

layout.run();

const evil = `</text></style><script>alert(1)</script><img src=x onerror="alert(1)">'&\u0000\u202e\uffff{}` +
  '@import "//x"';

function hostile(name: string): NodeFacts {
  return {
    node: name, rules: [{ tool: "nftables", table: name, chain: name, text: name, owner: name }],
    host: { links: [link(2, name, { kind: name, detail: name, addresses: [name], mac: name })] },
    containers: [
      container(name, { containerId: name, netns: name, ruleOwners: [name],
        inside: { links: [link(2, name, { kind: name, detail: name, parent: 2, parentIn: "host", mac: name,
          addresses: ["10.0.0.1/8"] })] },
        networks: [network(name, name, { plugins: [name], addresses: ["10.0.0.1/8"],
          ipam: { type: name, scope: name, store: name, ranges: [] },
          ports: [{ hostPort: 1, containerPort: 2, protocol: name, hostAddress: name }] })] }),
      container("gone", { networks: [network(name, name)] }),
    ],
  };
}

for (const [kind, draw] of Object.entries(pictures)) {
  const picture = suite(`${kind} of a node`);
  const tags = (text: string) => [...text.matchAll(/<\/?([a-z]+)/g)].map(([tag]) => tag);

  picture("takes no name for markup", () => {
    const drawn = draw(modelOf(hostile(evil))), harmless = draw(modelOf(hostile("x".repeat(evil.length))));
    assert.equal(tags(drawn), tags(harmless));
    assert.not.match(drawn, /<script|<img|[\u0000\u202e\uffff]/);
  });

  picture("closes all that it opens, and loads nothing", () => {
    for (const pods of [0, 1, 100]) {
      const drawn = draw(modelOf(exampleNode(pods))), open: string[] = [];
      for (const [, slash, tag = "", , alone] of drawn.matchAll(/<(\/?)([a-z0-9]+)((?:\s[^<>]*?)?)(\/?)>/g)) {
        if (slash === "/") assert.is(open.pop(), tag);
        else if (alone === "") open.push(tag);
      }
      assert.equal(open, []);
      const own = drawn.replace('xmlns="http://www.w3.org/2000/svg"', "");
      assert.not.match(own, /https?:|url\(|@import|href|src=|<script/);
    }
  });

  picture("has every container, and follows the viewer's wish for dark", () => {
    const drawn = draw(modelOf(exampleNode(100)));
    for (let i = 0; i < 100; i++) assert.ok(drawn.includes(`>shop/web-${i}<`));
    assert.match(drawn, /prefers-color-scheme:dark/);
  });

  picture.run();
}

const page = suite("htmlOf");
page("breaks no word of the table that fits: a narrow window scrolls it", () => {
  const drawn = htmlOf(modelOf(exampleNode(1)), { when: "now" });
  assert.match(drawn, /th,td\{[^}]*overflow-wrap:break-word\}/);
  assert.match(drawn, /\.wide\{overflow-x:auto\}/);
});
page.run();
