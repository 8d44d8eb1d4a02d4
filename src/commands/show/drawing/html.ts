/** The model as one HTML page: the picture, then all that has no room in it. Nothing is loaded, no script runs. */
import type { Container, NodeModel } from "../model.ts";
import { portWords, ruleWords } from "../words.ts";
import type { Markup } from "./markup.ts";
import { element, joined, ours, text } from "./markup.ts";
import { counted, drawing } from "./svg.ts";
import { colours, fonts } from "./theme.ts";

export interface PageOptions {
  /** When the node was looked at, in words. */
  readonly when: string;
}

export function htmlOf(model: NodeModel, { when }: PageOptions): string {
  const { node, containers, links, otherRules } = model;
  const head = element(
    "head", {},
    element("meta", { charset: "utf-8" }),
    element("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
    element("meta", { name: "color-scheme", content: "light dark" }),
    // Whatever a name holds, nothing can be loaded, run or sent.
    element("meta", { "http-equiv": "Content-Security-Policy",
      content: "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'" }),
    element("title", {}, text(`${node}: containers and networks`)),
    element("style", {}, ours(style)),
  );
  const body = element(
    "body", {},
    element("header", {}, element("h1", {}, text(node)), element("p", {}, text(
      `${counted(containers.length, "container")}, ${counted(links.length, "link")} of the host; as of ${when}`,
    ))),
    element("div", { class: "picture" }, drawing(model)),
    element("main", {}, element("h2", {}, text("Containers")), table(containers)),
    ...rulesSection(containers, otherRules.map(ruleWords)),
  );
  return `<!doctype html>\n${element("html", { lang: "en" }, head, body)}\n`;
}

const style = [
  colours(":root"),
  `:root{color-scheme:light dark}body{margin:0 auto;padding:24px;max-width:1330px;background:var(--page);` +
    `color:var(--ink);font:14px/1.45 ${fonts.text}}`,
  "h1{font-size:22px;margin:0;overflow-wrap:anywhere}h2{font-size:16px;margin:28px 0 8px}header p{margin:2px 0 16px;" +
    "color:var(--soft)}",
  ".picture{overflow-x:auto;border:1px solid var(--edge);border-radius:10px;background:var(--page)}",
  ".picture svg{display:block;margin:0 auto}.wide{overflow-x:auto}",
  "table{border-collapse:collapse;width:100%;background:var(--panel);border:1px solid var(--edge)}",
  "th,td{text-align:left;vertical-align:top;padding:6px 10px;border-top:1px solid var(--edge);" +
    "overflow-wrap:break-word}",
  "th{font-weight:600;background:var(--head);border-top:0}.soft{color:var(--soft)}.wrong{color:var(--wrong)}",
  `code{font:12px ${fonts.fixed}}td code{display:block;line-height:20px}`,
  "details{background:var(--panel);border:1px solid var(--edge);border-radius:8px;margin:6px 0;padding:6px 10px}" +
    "summary{cursor:pointer}ul{margin:6px 0;padding-left:20px}li{overflow-wrap:anywhere}",
].join("");

function table(containers: readonly Container[]): Markup {
  if (containers.length === 0) return element("p", { class: "soft" }, text("No container is attached."));
  const heads = ["container", "interface", "network", "hangs on", "addresses", "from", "MAC address"];
  return element("div", { class: "wide" }, element(
    "table", {},
    element("thead", {}, element("tr", {}, ...heads.map((title) => element("th", {}, text(title))))),
    element("tbody", {}, ...containers.flatMap(rows)),
  ));
}

function rows({ name, containerId, state, interfaces, ports }: Container): readonly Markup[] {
  const title = element("td", { rowspan: Math.max(1, interfaces.length) },
    element("b", {}, text(name)), element("br"), element("span", { class: "soft" }, text(containerId)),
    ...(state === "gone" ? [element("br"), element("span", { class: "wrong" }, text("gone"))] : []),
    ...ports.map((port) => element("code", {}, text(`port ${portWords(port)}`))));
  if (interfaces.length === 0) return [element("tr", {}, title, element("td", { colspan: 6 }, text("no interface")))];
  return interfaces.map((one, index) => {
    const origins = [...new Set(one.addresses.map(({ origin }) => origin).filter((origin) => origin !== ""))];
    const state = one.state === "up" ? [] : [
      element("span", { class: one.state === "unknown" ? "soft" : "wrong" },
        text(one.state === "unknown" ? " not ours" : ` ${one.state}`)),
    ];
    const hangs = one.on === undefined ? "" : one.through === undefined || one.through === one.on
      ? one.on : `${one.on} by ${one.through}`;
    return element("tr", {}, ...(index === 0 ? [title] : []),
      element("td", {}, element("b", {}, text(one.name)), ...state,
        element("br"), element("span", { class: "soft" }, text(`${one.kind} ${one.detail}`.trim()))),
      element("td", {}, text(one.network)),
      element("td", {}, text(hangs)),
      element("td", {}, ...one.addresses.map(({ address, isMissing }) =>
        element("code", { class: isMissing ? "wrong" : undefined },
          text(`${address}${isMissing ? " is missing" : ""}`)))),
      element("td", {}, text(origins.join(", "))),
      element("td", {}, element("code", {}, text(one.mac ?? ""))));
  });
}

function rulesSection(containers: readonly Container[], others: readonly string[]): readonly Markup[] {
  const lists = [
    ...containers.map(({ name, rules }) => ({ name, rules: rules.map(ruleWords) })),
    { name: "no container that is known", rules: others },
  ].filter(({ rules }) => rules.length > 0);
  if (lists.length === 0) return [];
  return [element("section", {}, element("h2", {}, text("Firewall rules")), ...lists.map(({ name, rules }) =>
    element("details", {},
      element("summary", {}, joined(text(`${name} `), element("span", { class: "soft" }, text(`${rules.length}`)))),
      element("ul", {}, ...rules.map((rule) => element("li", {}, element("code", {}, text(rule))))))))];
}
