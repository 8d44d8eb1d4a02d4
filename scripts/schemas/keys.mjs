// Code of the tables by which `readConf` finds keys in any case. Plain JavaScript, see ../build-schemas.mjs.

/**
 * A table, left in `keys`, that tells `readConf` which key is meant: `names` maps lower case to the spelling of the
 * schema, `nested` holds the tables of properties that are objects or lists, `items` and `values` those of list and map
 * entries, and `open` says that unknown keys stay.
 */
export function keyTableCode(schemas, schemaName) {
  const tables = new Map();
  const lines = [];
  const links = [];

  /** The table's variable, or undefined when the value holds no known keys. `sources` are [schema, base] pairs. */
  function tableOf(sources) {
    const parts = new Map();
    for (const [schema, base] of sources) gatherParts(schemas, schema, base, parts);
    const identity = [...parts.keys()];
    for (const [known, variable] of tables) {
      if (known.length === identity.length && known.every((part, i) => part === identity[i])) return variable;
    }
    const { properties, items, values, open } = describe(parts);
    // A list is worth a table only when its entries are; a map always is, since its null values go.
    if (properties.size === 0 && values.length === 0 && (items.length === 0 || tableOf(items) === undefined))
      return undefined;

    const variable = `keys_${tables.size}`;
    tables.set(identity, variable);
    const names = [...properties.keys()].map(
      (name) => `${JSON.stringify(name.toLowerCase())}: ${JSON.stringify(name)}`,
    );
    const fields = [];
    if (properties.size > 0)
      fields.push(`names: { __proto__: null, ${names.join(", ")} }`, "nested: { __proto__: null }");
    if (open) fields.push("open: true");
    lines.push(`const ${variable} = {${fields.length > 0 ? ` ${fields.join(", ")} ` : ""}};`);
    for (const [name, schema] of properties) link(`${variable}.nested[${JSON.stringify(name)}]`, schema);
    link(`${variable}.items`, items);
    link(`${variable}.values`, values);
    return variable;
  }

  function link(target, sources) {
    const variable = sources.length === 0 ? undefined : tableOf(sources);
    // A map whose values hold no known keys is still a map.
    if (variable !== undefined) links.push(`${target} = ${variable};`);
    else if (target.endsWith(".values") && sources.length > 0) links.push(`${target} = {};`);
  }

  const keys = tableOf([[schemas.get(schemaName), schemaName]]) ?? "{}";
  return [...lines, ...links, `const keys = ${keys};`].join("\n");
}

/** Parts that apply to the same value: what $ref, allOf, anyOf, oneOf, if, then and else lead to. */
function gatherParts(schemas, schema, base, parts) {
  if (typeof schema !== "object" || parts.has(schema)) return;
  parts.set(schema, base);
  if (schema.$ref !== undefined) gatherParts(schemas, ...resolve(schemas, schema.$ref, base), parts);
  for (const keyword of ["allOf", "anyOf", "oneOf"])
    for (const part of schema[keyword] ?? []) gatherParts(schemas, part, base, parts);
  for (const keyword of ["if", "then", "else"])
    if (schema[keyword] !== undefined) gatherParts(schemas, schema[keyword], base, parts);
}

function resolve(schemas, ref, base) {
  const [name, pointer = ""] = ref.split("#");
  const owner = name === "" ? base : name;
  let target = schemas.get(owner);
  for (const step of pointer.split("/").slice(1)) target = target?.[step.replaceAll("~1", "/").replaceAll("~0", "~")];
  if (target === undefined)
    throw new Error(`Cannot follow $ref "${ref}" in schema "${base}": there is no such schema or part`);
  return [target, owner];
}

/** What the parts say of a value's keys: [schema, base] pairs of each property, of entries, of a map's values. */
function describe(parts) {
  const properties = new Map();
  const items = [];
  const values = [];
  let open = false;
  for (const [part, base] of parts) {
    for (const [name, schema] of Object.entries(part.properties ?? {}))
      properties.set(name, [...(properties.get(name) ?? []), [schema, base]]);
    if (typeof part.items === "object") items.push([part.items, base]);
    if (typeof part.additionalProperties === "object") values.push([part.additionalProperties, base]);
    open ||= part.additionalProperties === true;
  }
  return { properties, items, values, open };
}
