/** This program's own version; package.json holds the same, see test/bin. */
export const version = "0.1.0";

/** What this program is, in a line. */
export const aboutPolynic = `polynic ${version}: attaches a container to several networks`;
