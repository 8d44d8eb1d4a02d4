/**
 * `polynic module`: the commands of who writes, tries and installs WASM modules. A runtime never comes here, and this
 * folder is loaded only when a person asks for it. One file a command.
 */
import type { Command, CommandGroup } from "../command.ts";
import { benchCommand } from "./bench.ts";
import { buildCommand } from "./build.ts";
import { inspectCommand } from "./inspect.ts";
import { installCommand } from "./install.ts";
import { listCommand } from "./list.ts";
import { newCommand } from "./new.ts";
import { removeCommand } from "./remove.ts";
import { runCommand } from "./run.ts";
import { testCommand } from "./test.ts";
import { verifyCommand } from "./verify.ts";

const writing = "Writing one", installed = "On a node";

export const moduleCommands: CommandGroup = {
  rows: {
    new: row(newCommand, writing, "makes a folder with a module that works, to be changed into yours"),
    build: row(buildCommand, writing, "compiles assembly/index.ts to build/NAME.wasm, with its metadata"),
    test: row(testCommand, writing, "builds a folder and runs the conformance kit and its cases"),
    run: row(runCommand, writing, "asks a module one request and prints its answer, log, fuel, memory and time"),
    inspect: row(inspectCommand, writing, "tells what a module is and how near each limit; runs nothing of it"),
    bench: row(benchCommand, writing, "measures fuel, memory and time of an ipam module at up to 100,000 runs"),
    install: row(installCommand, installed, "verifies a module, copies it into the module directory, pins its digest"),
    remove: row(removeCommand, installed, "takes an installed module away"),
    list: row(listCommand, installed, "lists the installed modules"),
    verify: row(verifyCommand, installed, "compares every installed module with its pinned digest"),
  },
};

function row(command: Command, section: string, summary: string): CommandGroup["rows"][string] {
  return { section, summary, load: async () => command };
}
