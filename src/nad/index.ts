/**
 * What a cluster says about a pod's networks, as values: the selections of its annotations, the objects that define
 * networks, what a selection changes in a configuration, and network-status, the answer. Text comes from whoever may
 * create a pod, so everything here is bounded and says which element is wrong.
 */
export { annotationLimits, isJsonForm, parseSelections, readSelections, selectionsMax } from "./annotation.ts";
export type { SelectionReading } from "./annotation.ts";
export { annotation } from "./annotation-names.ts";
export { declares, networkPlugins, selectionCapabilities, undeclaredCapabilities } from "./capabilities.ts";
export { definitionLimits, parseDefinition } from "./definition.ts";
export type { NetworkDefinition } from "./definition.ts";
export { isDefaultRoute, planGateways, withGateways } from "./gateways.ts";
export type { GatewayPlan } from "./gateways.ts";
export { withCniArgs, withDevice } from "./injection.ts";
export { parseGlobalNamespaces, refuseForeignNamespace } from "./isolation.ts";
export type { IsolationRule } from "./isolation.ts";
export { selectionKeys } from "./json-form.ts";
export { findJsonProblem, jsonProblemText, lineAndColumn } from "./json-text.ts";
export { hasPluginType } from "./plugin-list.ts";
export type { NetworkSelection } from "./selection.ts";
export { addedMessage, networkStatus } from "./status.ts";
export type { StatusInput } from "./status.ts";
