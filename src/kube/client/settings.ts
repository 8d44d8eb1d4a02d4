import { isAbsolute, join } from "node:path";
import { CniError, code, messageOf } from "../../cni/index.ts";
import { readBoundedText } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";

/** What a message may show. Everything else may be a secret, or hold one: messages reach the events of pods. */
const openKeys: ReadonlySet<string> = new Set([
  "apiVersion",
  "kind",
  "interactiveMode",
  "current-context",
  "contexts",
  "clusters",
  "name",
  "cluster",
  "server",
  "proxy-url",
  "insecure-skip-tls-verify",
]);

/** A bundle of all public authorities has 250 KiB, a token or a key a few. */
export const credentialBytesMax = 4 * 1024 * 1024;

/**
 * An object of a settings file with the way to it, so that a refused value is told by file and key. null and "" count
 * as absent, as they do for the API's own clients.
 */
export class Settings {
  /** `kubeconfig "/etc/cni/net.d/multus.d/multus.kubeconfig"` */
  readonly subject: string;
  /** `users["multus"].user.exec`; empty for the whole file. */
  readonly path: string;
  /** What relative paths in it start from. */
  readonly folder: string;
  readonly #values: JsonObject;

  constructor(values: JsonObject, place: { readonly subject: string; readonly path: string; readonly folder: string }) {
    this.#values = values;
    this.subject = place.subject;
    this.path = place.path;
    this.folder = place.folder;
  }

  has(key: string): boolean {
    const value = this.#values[key];
    return value !== undefined && value !== null && value !== "";
  }

  keys(): readonly string[] {
    return Object.keys(this.#values).filter((key) => this.has(key));
  }

  text(key: string): string | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#values[key];
    return typeof value === "string" ? value : this.refuse(key, "a text");
  }

  flag(key: string): boolean {
    if (!this.has(key)) return false;
    const value = this.#values[key];
    return typeof value === "boolean" ? value : this.refuse(key, "true or false");
  }

  texts(key: string): readonly string[] {
    return this.#list(key).map((value, index) =>
      typeof value === "string" ? value : this.refuse(`${key}[${index}]`, "a text", value),
    );
  }

  /** The objects of a list. */
  objects(key: string): readonly Settings[] {
    return this.#list(key).map((value, index) => this.#inner(`${key}[${index}]`, value));
  }

  /** The object below a key; undefined when there is none. */
  object(key: string): Settings | undefined {
    return this.has(key) ? this.#inner(key, this.#values[key]) : undefined;
  }

  /** What a list of `{name, <kind>: {...}}` holds under a name. */
  named(list: string, { name, kind }: { readonly name: string; readonly kind: string }): Settings {
    const entries = this.objects(list);
    const found = entries.find((entry) => entry.text("name") === name);
    if (found === undefined) {
      const names = entries.map((entry) => JSON.stringify(entry.text("name") ?? "")).join(", ");
      throw this.refusal(`${list} holds ${names === "" ? "nothing" : names}`, `an entry named ${JSON.stringify(name)}`);
    }
    const label = `${list}[${JSON.stringify(name)}].${kind}`;
    const inner = found.object(kind);
    return new Settings(inner === undefined ? {} : inner.#values, {
      subject: this.subject, folder: this.folder, path: this.pathTo(label),
    });
  }

  /** A path in the file starts from the file's own folder. */
  filePath(key: string): string | undefined {
    const path = this.text(key);
    return path === undefined || isAbsolute(path) ? path : join(this.folder, path);
  }

  /** PEM from `<key>-data`, in base64, or else from the file that `<key>` names, read now. */
  pem(key: string): string | undefined {
    const data = this.text(`${key}-data`);
    if (data !== undefined) return this.#pemIn(`${key}-data`, Buffer.from(data, "base64").toString("latin1"));
    const path = this.filePath(key);
    return path === undefined ? undefined : this.#pemIn(key, this.readFile(key, path));
  }

  readFile(key: string, path: string): string {
    try {
      return readBoundedText(path, credentialBytesMax);
    } catch (cause) {
      const fact = `${this.pathTo(key)} names ${path}, which cannot be read: ${messageOf(cause)}`;
      throw this.refusal(fact, "a file", cause);
    }
  }

  /** @throws CniError 7 that tells the key's value; or `value`, where the key is a way into it */
  refuse(key: string, wanted: string, value: unknown = this.#values[key]): never {
    throw this.refusal(`${this.pathTo(key)} is ${shown(key, value)}`, wanted);
  }

  refusal(fact: string, wanted: string, cause?: unknown): CniError {
    return new CniError(code.invalidConfig, `Cannot use ${this.subject}: ${fact}, expected ${wanted}`, { cause });
  }

  pathTo(key: string): string {
    return this.path === "" ? key : `${this.path}.${key}`;
  }

  #list(key: string): readonly unknown[] {
    if (!this.has(key)) return [];
    const value = this.#values[key];
    return Array.isArray(value) ? value : this.refuse(key, "a list");
  }

  #inner(key: string, value: unknown): Settings {
    if (!isJsonObject(value)) return this.refuse(key, "an object", value);
    return new Settings(value, { subject: this.subject, folder: this.folder, path: this.pathTo(key) });
  }

  #pemIn(key: string, text: string): string {
    // Without the value: it may be a private key.
    if (!text.includes("-----BEGIN "))
      throw this.refusal(`${this.pathTo(key)} holds no PEM`, "one that starts with -----BEGIN");
    return text;
  }
}

function shown(key: string, value: unknown): string {
  if (value === undefined || value === null) return "missing";
  if (typeof value === "object") return Array.isArray(value) ? "a list" : "an object";
  // A text with "@" is an address with a password, perhaps.
  const isOpen = openKeys.has(key) && !(typeof value === "string" && value.includes("@"));
  return isOpen ? JSON.stringify(value).slice(0, 80) : `of type ${typeof value}`;
}
