/** The plugins that modules decide for, together in the script that is loaded with the first of them. */
export { wasmIpam } from "./ipam.ts";
export { wasmPolicy } from "./policy.ts";
