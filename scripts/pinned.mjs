// node scripts/pinned.mjs SCRIPT [ARGUMENT...]: runs a script on the pinned Node, after installing what that needs.
// What package.json names goes through here: so each of its scripts works on a fresh clone, on any Node from 20.11.
import { installPackages, installPrograms, pinnedNode, run } from "./setup.mjs";

installPrograms(["node"]);
installPackages();
run(pinnedNode, process.argv.slice(2));
