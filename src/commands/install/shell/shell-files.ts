/** What shells and man(1) are given, and where below a prefix they look for it. */
import { join } from "node:path";
import { completionDirectory, treeDirectory } from "../../../program/index.ts";
import { CommandError } from "../../errors.ts";
import type { NodeFiles } from "../node/files.ts";
import type { Place } from "../node/place.ts";
import { seenBelow } from "../node/place.ts";

export interface ShellRequest {
  /** Where the machine's / is seen. */
  readonly root: string;
  /** `/usr`, whose share/ has what is written. */
  readonly prefix: Place;
}

export interface ShellFile {
  /** Below the prefix: `share/man/man1/polynic.1`. */
  readonly name: string;
  readonly content: string;
}

/** What is shipped, as the build lays it out. */
export interface ShellSources {
  /** With `bash-completion/`, `zsh/` and `fish/`. */
  readonly completion: string;
  /** With the manual pages of section 1. */
  readonly manuals: string;
}

export const shippedSources: ShellSources = {
  completion: completionDirectory, manuals: join(treeDirectory, "share", "man", "man1"),
};

/** @throws CommandError where the tree has none of them */
export function shellFiles(request: ShellRequest, sources: ShellSources, files: NodeFiles): readonly ShellFile[] {
  const pages = files.names(sources.manuals);
  if (pages.length === 0)
    throw new CommandError(
      `Cannot install manual pages: ${sources.manuals} has none, expected the tree that npm run build leaves`,
    );
  const of = (name: string, path: string): ShellFile => {
    const content = files.read(path);
    if (content === undefined) throw new CommandError(`Cannot install ${path}: it is not there, expected it shipped`);
    return { name, content };
  };
  return [
    of("share/bash-completion/completions/polynic", join(sources.completion, "bash-completion/completions/polynic")),
    of(`share/zsh/${zshFolder(request, files)}/_polynic`, join(sources.completion, "zsh/site-functions/_polynic")),
    of("share/fish/vendor_completions.d/polynic.fish",
      join(sources.completion, "fish/vendor_completions.d/polynic.fish")),
    ...pages.map((page) => of(`share/man/man1/${page}`, join(sources.manuals, page))),
  ];
}

/** Debian's zsh has given packages a folder of their own, and looks into site-functions below /usr/local alone. */
function zshFolder({ root, prefix }: ShellRequest, files: NodeFiles): string {
  const isDebian = files.kind(seenBelow(root, "/etc/debian_version")) !== undefined;
  return isDebian && prefix.host === "/usr" ? "vendor-completions" : "site-functions";
}
