import { CniError } from "../../cni/index.ts";
import type { NetworkDefinition } from "../../nad/index.ts";
import { definitionLimits, findJsonProblem, jsonProblemText, parseDefinition } from "../../nad/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Report } from "./finding.ts";
import type { ManifestObject } from "./manifest.ts";
import { checkNetwork } from "./network.ts";
import type { Spot } from "./spot.ts";

/** A definition that can be used, with the place of its configuration. */
export interface CheckedDefinition extends NetworkDefinition {
  readonly spot: Spot;
}

/** Checks a NetworkAttachmentDefinition; undefined when no pod could use it. */
export function checkDefinition(
  { object, spot, namespace }: ManifestObject,
  report: Report,
): CheckedDefinition | undefined {
  if (object["apiVersion"] !== apiVersion)
    report("error", spot.at("apiVersion"), `it is ${JSON.stringify(object["apiVersion"])}, expected ${apiVersion}`);
  const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  const place = spot.at("spec", "config");
  const definition = readDefinition({ ...object, metadata: { ...metadata, namespace } }, place, spot, report);
  if (definition === undefined) return undefined;
  const { config, resourceName } = definition;
  // Without one a file of the node has it.
  if (config === undefined) return { ...definition, spot: place };
  const network = checkNetwork(config, {
    spot: place.inside(),
    report,
    trusted: false,
    hasDevice: resourceName !== "",
    defaultVersion: "",
  });
  return network === undefined ? undefined : { ...definition, spot: place };
}

const apiVersion = "k8s.cni.cncf.io/v1";

function readDefinition(object: JsonObject, config: Spot, spot: Spot, report: Report): NetworkDefinition | undefined {
  try {
    return parseDefinition(object);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    reportProblem(object, error.message, config, spot, report);
    return undefined;
  }
}

/** Where the text stops being JSON, else at the key the message begins with. */
function reportProblem(object: JsonObject, message: string, config: Spot, spot: Spot, report: Report): void {
  const spec = isJsonObject(object["spec"]) ? object["spec"] : {};
  const text = typeof spec["config"] === "string" ? spec["config"] : "";
  const problem =
    text === "" ? undefined : findJsonProblem(text.slice(0, definitionLimits.charsMax), definitionLimits.depthMax);
  if (problem !== undefined) {
    report("error", config.character(problem.offset), jsonProblemText(text, problem));
    return;
  }
  const said = message.replace(
    /^Cannot read (?:spec\.config of )?(?:NetworkAttachmentDefinition "[^"]*"|a NetworkAttachmentDefinition): /,
    "",
  );
  const [, path] = /^([\w.]+) (?:is|holds) /.exec(said) ?? [];
  if (path === undefined) report("error", config, said);
  else report("error", spot.at(...path.split(".")), `it${said.slice(path.length)}`);
}
