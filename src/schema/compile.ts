/**
 * The source text of a script whose value is the validating function of a JSON Schema (draft 7); `explain` puts into
 * words what it refuses. Takes 40 ms: for when a schema is installed, not for when it is used.
 *
 * @throws Error in ajv's words when it is no schema
 */
export async function compileSchema(schema: object): Promise<string> {
  const { compile } = await import("./compiler.ts");
  return compile(schema);
}
