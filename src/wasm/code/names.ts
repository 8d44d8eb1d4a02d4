/** Exports the meter adds to a module, known to the host alone: no module may use the names itself. */

/** Global, mutable i64: the instructions that are left. */
export const fuelExport = "polynic_fuel";

/** Global, mutable i32: the slots of the stack that are left. */
export const stackExport = "polynic_stack";

/** Function without parameters: what the start section ran. */
export const startExport = "polynic_start";
