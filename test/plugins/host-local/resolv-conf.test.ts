// src/plugins/host-local/resolv-conf.ts
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseResolvConf } from "../../../src/plugins/host-local/resolv-conf.ts";

const rows: readonly (readonly [string, string, object])[] = [
  ["an empty file", "", {}],
  ["name servers", "nameserver 192.0.2.1\nnameserver 2001:db8::53 ignored\n",
    { nameservers: ["192.0.2.1", "2001:db8::53"] }],
  ["the last domain", "domain a.example\ndomain b.example c.example\n", { domain: "b.example" }],
  ["search domains and options of all lines", "search a b\noptions ndots:5 rotate\nsearch c\noptions edns0\n",
    { search: ["a", "b", "c"], options: ["ndots:5", "rotate", "edns0"] }],
  ["indentation, tabs and CR LF", "  nameserver\t192.0.2.1  \r\n\tsearch  x\ty\r\n",
    { nameservers: ["192.0.2.1"], search: ["x", "y"] }],
  ["comments and blank lines", "# nameserver 1.1.1.1\n; search x\n\n   # again\nnameserver 192.0.2.1",
    { nameservers: ["192.0.2.1"] }],
  ["keywords without argument, and unknown ones", "nameserver\ndomain \nsearch\noptions\nsortlist 1.2.3.4\n", {}],
];
const test = suite("parseResolvConf");
for (const [title, text, expected] of rows) test(`reads ${title}`, () => assert.equal(parseResolvConf(text), expected));
test.run();
