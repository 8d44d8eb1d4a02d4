// TypeScript types of JSON Schemas, as `readConf` hands values on: keys in the schema's spelling, null gone, others
// dropped. Plain JavaScript, see ../build-schemas.mjs.

/**
 * Two interfaces: `Confs`, the type of each schema by its name, and `ConfParts`, of each part that others refer to, by
 * the `$ref` that leads to it. What a schema says in `description` is said of the key.
 *
 * @param schemas  a Map of names to schemas
 * @throws Error for a keyword that no type can be made of
 */
export function typesText(schemas) {
  const parts = [...schemas].flatMap(([name, { definitions = {} }]) =>
    Object.entries(definitions).map(([part, schema]) => [`${name}#/definitions/${part}`, schema, name]),
  );
  const confs = [...schemas].map(([name, schema]) => [name, schema, name]);
  return [...interfaceText("Confs", confs), ...interfaceText("ConfParts", parts)].join("\n");
}

function interfaceText(name, entries) {
  const lines = entries.flatMap(([key, schema, base]) => [
    ...comment(schema.title ?? schema.description, "  "),
    `  readonly ${JSON.stringify(key)}: ${typeOf(schema, base, "  ")};`,
  ]);
  return [`export interface ${name} {`, ...lines, "}"];
}

/** Several things may be said of one value: it is all of them. */
function typeOf(schema, base, indent) {
  const said = [
    ...(schema.$ref === undefined ? [] : [referred(schema.$ref, base)]),
    ...(schema.allOf ?? []).map((part) => typeOf(part, base, indent)),
    ...(schema.enum === undefined ? ownTypes(schema, base, indent) : [schema.enum.map(literal).join(" | ")]),
  ];
  if (schema.anyOf !== undefined || schema.oneOf !== undefined || schema.if !== undefined)
    throw new Error(`Cannot make a type of ${JSON.stringify(schema)}: expected no anyOf, oneOf or if`);
  if (said.length === 0) return "unknown";
  return said.length === 1 ? said[0] : said.map(bracketed).join(" & ");
}

function referred(ref, base) {
  const [name, pointer = ""] = ref.split("#");
  const owner = name === "" ? base : name;
  return pointer === "" ? `Confs[${JSON.stringify(owner)}]` : `ConfParts[${JSON.stringify(`${owner}#${pointer}`)}]`;
}

function ownTypes({ type, ...schema }, base, indent) {
  const types = type === undefined ? [] : [type].flat();
  // What an extension adds to what it extends is said by that already.
  if (schema.allOf !== undefined && schema.properties === undefined && types.join() === "object") return [];
  return types.length === 0 ? [] : [types.map((one) => ofType(one, schema, base, indent)).join(" | ")];
}

function ofType(type, schema, base, indent) {
  switch (type) {
    case "string": case "boolean": case "null": return type;
    case "integer": case "number": return "number";
    case "array": return `readonly ${bracketed(typeOf(schema.items ?? {}, base, indent))}[]`;
    case "object": return objectType(schema, base, indent);
  }
  throw new Error(`Cannot make a TypeScript type of type ${JSON.stringify(type)}: expected one of JSON Schema's`);
}

/** Keys that a schema does not know are dropped, unless it says that it knows none, or keeps them. */
function objectType({ properties, additionalProperties, required = [] }, base, indent) {
  const deeper = `${indent}  `;
  const keys = Object.entries(properties ?? {}).flatMap(([name, schema]) => {
    const key = `${/^\w+$/.test(name) ? name : JSON.stringify(name)}${required.includes(name) ? "" : "?"}`;
    return [
      ...comment(schema.description, deeper),
      `${deeper}readonly ${key}: ${typeOf(schema, base, deeper)};`,
    ];
  });
  if (typeof additionalProperties === "object")
    keys.push(`${deeper}readonly [key: string]: ${typeOf(additionalProperties, base, deeper)};`);
  else if (additionalProperties === true || (additionalProperties === undefined && properties === undefined))
    keys.push(`${deeper}readonly [key: string]: unknown;`);
  return keys.length === 0 ? "{}" : `{\n${keys.join("\n")}\n${indent}}`;
}

function bracketed(type) {
  return /^[\w"'[\]#/.-]+$/.test(type) || type.startsWith("{") ? type : `(${type})`;
}

function literal(value) {
  return JSON.stringify(value);
}

function comment(text, indent) {
  return text === undefined ? [] : [`${indent}/** ${text} */`];
}
