// Loaded before the daemon's own scripts: kills the process, as SIGKILL does, right before or right after the n-th file
// operation of the call it was told to die in. Between two of them the kernel is asked for no more than one thing.
//
//   POLYNIC_DIE_AT     counts from 1, over all operations since the file POLYNIC_DIE_WHEN came into being
//   POLYNIC_DIE_AFTER  set: right after it
"use strict";
const fs = require("node:fs");

const dieAt = Number(process.env.POLYNIC_DIE_AT), when = process.env.POLYNIC_DIE_WHEN;
const dieAfter = process.env.POLYNIC_DIE_AFTER !== undefined;
const { existsSync } = fs;
let count = 0;

for (const name of ["openSync", "writeSync", "renameSync", "unlinkSync", "mkdirSync", "linkSync", "rmdirSync"]) {
  const original = fs[name];
  fs[name] = function (...given) {
    const isIt = existsSync(when) && ++count === dieAt;
    if (isIt && !dieAfter) process.kill(process.pid, "SIGKILL");
    try {
      return original.apply(fs, given);
    } finally {
      if (isIt) process.kill(process.pid, "SIGKILL");
    }
  };
}
