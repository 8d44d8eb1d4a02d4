/** The type of naming a module by `module`; every other type is a module's name. */
export const longForm = "wasm";
