import { CniError, code } from "../cni/index.ts";
import type { NetworkSelection } from "./selection.ts";

export interface IsolationRule {
  readonly podNamespace: string;
  readonly isolated: boolean;
  /** Namespaces every pod may use. */
  readonly globalNamespaces: readonly string[];
}

/**
 * @throws CniError 7 naming both namespaces, when isolation is on and the network is in neither the pod's nor a global
 *   one
 */
export function refuseForeignNamespace(
  { namespace, name }: NetworkSelection,
  { podNamespace, isolated, globalNamespaces }: IsolationRule,
): void {
  if (!isolated || namespace === podNamespace || globalNamespaces.includes(namespace)) return;
  const allowed = [podNamespace, ...globalNamespaces].map((one) => JSON.stringify(one)).join(", ");
  throw new CniError(
    code.invalidConfig,
    `Cannot use network "${namespace}/${name}" for a pod in namespace "${podNamespace}": namespaceIsolation is on ` +
      `and namespace "${namespace}" is another one, expected one of ${allowed}`,
  );
}

/** `globalNamespaces`, names with commas, as a list; not set it is `default` alone, set it replaces that. */
export function parseGlobalNamespaces(text: string | undefined): readonly string[] {
  if (text === undefined || text === "") return ["default"];
  return text.split(",").map((name) => name.trim()).filter((name) => name !== "");
}
