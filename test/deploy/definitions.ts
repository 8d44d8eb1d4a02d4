/**
 * Definitions, and what a real server of custom resources said to each with deploy/crd.yaml applied: 201, or its causes
 * for a
 * 422. Recorded from k8s.io/apiextensions-apiserver 0.36 on etcd 3.4; test/oracle/README.md tells how to do it again.
 */
export interface Vector {
  readonly title: string;
  /** Absent, as is `spec`: the object has no spec. */
  readonly config?: string;
  readonly spec?: unknown;
  readonly answer: 201 | readonly string[];
}

const ofLength = (length: number): string => `{"type":"macvlan","note":"${"x".repeat(length - 28)}"}`;

export const vectors: readonly Vector[] = [
  { title: "no spec", answer: 201 },
  { title: "an empty spec", spec: {}, answer: 201 },
  { title: "an empty config", config: "", answer: 201 },
  { title: "a single plugin", config: "{\"cniVersion\":\"0.3.1\",\"type\":\"macvlan\",\"master\":\"eth1\"}",
    answer: 201 },
  { title: "a list",
    config: "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"macvlan\",\"master\":\"eth1\"," +
      "\"ipam\":{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":\"10.0.0.0/24\"}]]}},{\"type\":\"tuni" +
      "ng\"}]}",
    answer: 201 },
  { title: "a list over several lines",
    config: "{\n  \"cniVersion\": \"1.0.0\",\n  \"name\": \"n\",\n  \"plugins\": [\n    {\n      \"type\": \"" +
      "macvlan\",\n      \"master\": \"eth1\",\n      \"ipam\": {\n        \"type\": \"host-local\",\n " +
      "       \"ranges\": [\n          [\n            {\n              \"subnet\": \"10.0.0.0/24\"\n   " +
      "         }\n          ]\n        ]\n      }\n    },\n    {\n      \"type\": \"tuning\"\n    }\n " +
      " ]\n}\n",
    answer: 201 },
  { title: "a list over several lines with tabs and carriage returns",
    config: "{\r\n\t\"cniVersion\": \"1.0.0\",\r\n\t\"name\": \"n\",\r\n\t\"plugins\": [\r\n\t\t{\r\n\t\t\t\"" +
      "type\": \"macvlan\",\r\n\t\t\t\"master\": \"eth1\",\r\n\t\t\t\"ipam\": {\r\n\t\t\t\t\"type\": \"" +
      "host-local\",\r\n\t\t\t\t\"ranges\": [\r\n\t\t\t\t\t[\r\n\t\t\t\t\t\t{\r\n\t\t\t\t\t\t\t\"subnet" +
      "\": \"10.0.0.0/24\"\r\n\t\t\t\t\t\t}\r\n\t\t\t\t\t]\r\n\t\t\t\t]\r\n\t\t\t}\r\n\t\t},\r\n\t\t{\r" +
      "\n\t\t\t\"type\": \"tuning\"\r\n\t\t}\r\n\t]\r\n}",
    answer: 201 },
  { title: "white space around it", config: " \n\t{ \"type\" : \"macvlan\" } \r\n ", answer: 201 },
  { title: "no cniVersion", config: "{\"type\":\"macvlan\"}", answer: 201 },
  { title: "an empty cniVersion", config: "{\"cniVersion\":\"\",\"type\":\"macvlan\"}", answer: 201 },
  { title: "a cniVersion that is null", config: "{\"cniVersion\":null,\"type\":\"macvlan\"}", answer: 201 },
  { title: "a cniVersion of two numbers", config: "{\"cniVersion\":\"0.3\",\"type\":\"macvlan\"}", answer: 201 },
  { title: "keys in other cases", config: "{\"CNIVersion\":\"0.3.1\",\"Type\":\"macvlan\",\"MASTER\":\"eth1\"}",
    answer: 201 },
  { title: "a key spelled with an escape", config: "{\"\\u0074ype\":\"macvlan\"}", answer: 201 },
  { title: "the type after a nested object", config: "{\"ipam\":{\"type\":\"static\"},\"type\":\"macvlan\"}",
    answer: 201 },
  { title: "versions inside a delegate",
    config: "{\"cniVersion\":\"0.3.1\",\"type\":\"multus\",\"delegates\":[{\"cniVersion\":\"0.4.0\",\"name\":" +
      "\"a\",\"type\":\"bridge\"}]}",
    answer: 201 },
  { title: "cniVersions besides",
    config: "{\"cniVersion\":\"0.3.1\",\"cniVersions\":[\"0.3.1\",\"1.0.0\"],\"name\":\"n\",\"plugins\":[{\"t" +
      "ype\":\"bridge\"}]}",
    answer: 201 },
  { title: "text that quotes a configuration",
    config: "{\"type\":\"webhook\",\"template\":\"{\\\"cniVersion\\\": 5, \\\"type\\\": 1}\"}", answer: 201 },
  { title: "letters beyond ASCII, and a DEL character",
    config: "{\"type\":\"macvlan\",\"note\":\"Zürich \u007f 東京 😀\"}", answer: 201 },
  { title: "an escaped control character", config: "{\"type\":\"macvlan\",\"note\":\"a\\u0000b\\n\"}", answer: 201 },
  { title: "as long as may be", config: ofLength(262144), answer: 201 },
  { title: "white space only", config: " \n",
    answer: ["is no JSON object: expected empty text, or a CNI configuration from { to }",
    "has neither \"type\" nor \"plugins\": expected one of them, in double quotes"] },
  { title: "YAML", config: "type: macvlan\nmaster: eth1\n",
    answer: ["is no JSON object: expected empty text, or a CNI configuration from { to }",
    "has neither \"type\" nor \"plugins\": expected one of them, in double quotes"] },
  { title: "a word", config: "macvlan",
    answer: ["is no JSON object: expected empty text, or a CNI configuration from { to }",
    "has neither \"type\" nor \"plugins\": expected one of them, in double quotes"] },
  { title: "a JSON list", config: "[{\"type\":\"macvlan\"}]",
    answer: ["is no JSON object: expected empty text, or a CNI configuration from { to }"] },
  { title: "a JSON string", config: "\"type\"",
    answer: ["is no JSON object: expected empty text, or a CNI configuration from { to }",
    "has neither \"type\" nor \"plugins\": expected one of them, in double quotes"] },
  { title: "a text that ends early", config: "{\"type\":\"macvlan\",\"ipam\":{\"type\":\"static\"",
    answer: ["is no JSON object: expected empty text, or a CNI configuration from { to }"] },
  { title: "two lists of objects one after the other are not told from one",
    config: "{\"type\":\"a\"} {\"type\":\"b\"}", answer: 201 },
  { title: "a missing comma, which only a parser sees", config: "{\"type\":\"macvlan\" \"master\":\"eth1\"}",
    answer: 201 },
  { title: "neither type nor plugins", config: "{\"cniVersion\":\"0.3.1\",\"name\":\"n\"}",
    answer: ["has neither \"type\" nor \"plugins\": expected one of them, in double quotes"] },
  { title: "plugins in another case", config: "{\"cniVersion\":\"0.3.1\",\"name\":\"n\",\"Plugins\":[]}", answer: 201 },
  { title: "single quotes", config: "{'type':'macvlan'}",
    answer: ["has neither \"type\" nor \"plugins\": expected one of them, in double quotes"] },
  { title: "the word type as a value only", config: "{\"name\":\"type\"}",
    answer: ["has neither \"type\" nor \"plugins\": expected one of them, in double quotes"] },
  { title: "a raw control character", config: "{\"type\":\"macvlan\",\"note\":\"\u0001\"}",
    answer: ["holds a control character: expected none besides tabs and line breaks"] },
  { title: "a vertical tab", config: "{\"type\":\u000b\"macvlan\"}",
    answer: ["holds a control character: expected none besides tabs and line breaks"] },
  { title: "a cniVersion that is a number", config: "{\"cniVersion\": 1.0,\"type\":\"macvlan\"}",
    answer: ["has a cniVersion that is no string: expected a version in double quotes, as \"1.0.0\""] },
  { title: "a cniVersion that is an object", config: "{\"cniVersion\" : {},\"type\":\"macvlan\"}",
    answer: ["has a cniVersion that is no string: expected a version in double quotes, as \"1.0.0\""] },
  { title: "a cniVersion with a v", config: "{\"cniVersion\":\"v1.0.0\",\"type\":\"macvlan\"}",
    answer: ["has \"cniVersion\":\"v1.0.0\", expected a version as \"1.0.0\""] },
  { title: "a cniVersion of words", config: "{\n  \"cniVersion\": \"latest\",\n  \"type\": \"macvlan\"\n}",
    answer: ["has \"cniVersion\": \"latest\", expected a version as \"1.0.0\""] },
  { title: "a bad cniVersion after a good one",
    config: "{\"cniVersion\":\"0.3.1\",\"type\":\"multus\",\"delegates\":[{\"cniVersion\":\"0.4.x\",\"type\":" +
      "\"bridge\"}]}",
    answer: ["has \"cniVersion\":\"0.4.x\", expected a version as \"1.0.0\""] },
  { title: "a config that is an object", spec: { config: { type: "macvlan" } },
    answer: ["spec.config in body must be of type string: \"object\""] },
  { title: "one character too long", config: ofLength(262145),
    answer: ["Too long: may not be more than 262144 bytes"] },
];
