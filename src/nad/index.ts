/**
 * What a cluster says about a pod's networks, as values: the selections of its annotations, the objects that define
 * networks, what a selection changes in a configuration, and network-status, the answer. Text comes from whoever may
 * create a pod, so everything here is bounded and says which element is wrong.
 */
export * from "./annotation.ts";
export { annotation } from "./annotation-names.ts";
export * from "./capabilities.ts";
export * from "./definition.ts";
export { isDefaultRoute, planGateways, withGateways } from "./gateways.ts";
export type { GatewayPlan } from "./gateways.ts";
export * from "./injection.ts";
export * from "./isolation.ts";
export { selectionKeys } from "./json-form.ts";
export { findJsonProblem, jsonProblemText, lineAndColumn } from "./json-text.ts";
export { hasPluginType } from "./plugin-list.ts";
export type { JsonProblem } from "./json-text.ts";
export * from "./selection.ts";
export * from "./status.ts";
