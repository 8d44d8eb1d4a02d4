/** A key or an index on the way to a value. */
export type Step = string | number;

/** Why a value of an annotation cannot be used; the steps lead from the element to it. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly path: readonly Step[];
  readonly text: string;

  /** @param problem  what is true and what would be right, to be put after the value's path */
  constructor(path: readonly Step[], problem: string) {
    const text = path.length === 0 ? problem : `${pathText(path)} ${problem}`;
    super(text);
    this.path = path;
    this.text = text;
  }
}

/** What `work` gives; a Refusal is put into the list instead, and the answer is undefined. */
export function collect<T>(refusals: Refusal[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refusals.push(error);
    return undefined;
  }
}

/** `"portMappings"[0]."hostPort"` */
function pathText(path: readonly Step[]): string {
  return path
    .map((step, index) => (typeof step === "number" ? `[${step}]` : `${index === 0 ? "" : "."}${JSON.stringify(step)}`))
    .join("");
}

/** A value as a message repeats it. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "a list";
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0 ? "{}" : "an object";
  const text = JSON.stringify(value) ?? "missing";
  return text.length > shownChars ? `${text.slice(0, shownChars)}...` : text;
}

const shownChars = 60;
