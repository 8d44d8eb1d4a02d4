/**
 * JSON Schemas as functions: compiled ahead of time or when a module is installed, their cost bounded, keys found in
 * any case, refusals put into words.
 */
export { compileSchema } from "./compile.ts";
export { fold, foldedKey } from "./folding.ts";
export { deeplyFrozen, madeOnce } from "./frozen.ts";
export { explain, short, stepsOf } from "./message.ts";
export { isJsonObject } from "./json-object.ts";
export type { JsonObject } from "./json-object.ts";
