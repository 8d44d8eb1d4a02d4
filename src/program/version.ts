/** This program's own version; package.json holds the same, see test/bin. */
export const version = "0.1.0";
