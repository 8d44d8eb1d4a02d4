// npm run check: the types of src/, test/ and scripts/. The configurations' own are made of their schemas first.
import { join } from "node:path";
import { pinnedNode, root, run } from "./setup.mjs";

run(pinnedNode, [join(import.meta.dirname, "build-schemas.mjs")]);
run(pinnedNode, [join(root, "node_modules", "typescript", "bin", "tsc"), "--noEmit"]);
