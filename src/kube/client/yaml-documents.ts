import type { YamlDocument } from "./yaml.ts";

export type { YamlDocument, YamlPosition, YamlStep } from "./yaml.ts";

/** Every document of a text of YAML, or of JSON, with the places of what is in it. The package is loaded for it. */
export async function parseYamlDocuments(text: string): Promise<readonly YamlDocument[]> {
  const yaml = await import("./yaml.ts");
  return yaml.parseYamlDocuments(text);
}
