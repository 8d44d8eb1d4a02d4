/**
 * Everything a module is made of. One class extends Ipam, Merge or Policy, `register` makes it the one that is called,
 * and the entry file passes on the four functions of the ABI:
 *
 *   import { Ipam, register } from "polynic/module";
 *   class Mine extends Ipam { ... }
 *   register(new Mine());
 *   export { abi, alloc, call, fault } from "polynic/module";
 */
export { Addr } from "./addr";
export { Decision, Op, fail } from "./decision";
export { fault } from "./fault";
export { abi, alloc, call, register } from "./hand-over";
export { hash64 } from "./hash";
export { Json, Kind } from "./json-reader";
export { JsonWriter } from "./json-writer";
export { log } from "./log";
export { Ipam, Merge, Policy, codeAlreadyReserved, codeConfig, codeExhausted, codeUnavailable } from "./kinds";
export { Candidate, Range, RangeSet } from "./range";
export { Attachment, Holding, Node, Pod, Request } from "./request";
export { Prefix, Span } from "./span";
export { decimal, hexValue } from "./text";
export { View } from "./view";
