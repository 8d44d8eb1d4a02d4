/** A container image without a registry: busybox, as the archive that every container runtime imports. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { attempt, run } from "./netns.ts";

/** The programs a container of the image has. */
const applets = ["sh", "ip", "httpd", "sleep", "ls", "nc", "nslookup"];

/**
 * Writes the image's archive, in the format of `docker save`.
 *
 * @param name     with a registry and a tag, `localhost/busybox:1`: a runtime looks for it under exactly this name
 * @param command  what a container runs that names no command
 * @returns the archive's path
 */
export function makeImage({ directory, name,
  command }: { readonly directory: string; readonly name: string; readonly command: readonly string[] }): string {
  const rootfs = join(directory, "rootfs"), parts = join(directory, "image");
  makeRootfs(rootfs);
  mkdirSync(parts, { recursive: true });
  archive(rootfs, join(parts, "layer.tar"), ["."]);
  const digest = createHash("sha256").update(readFileSync(join(parts, "layer.tar"))).digest("hex");
  writeJson(join(parts, "config.json"), {
    created: "1970-01-01T00:00:00Z", architecture: process.arch === "x64" ? "amd64" : process.arch, os: "linux",
    config: { Env: ["PATH=/bin"], Cmd: command }, rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
  });
  writeJson(join(parts, "manifest.json"), [{ Config: "config.json", RepoTags: [name], Layers: ["layer.tar"] }]);
  const path = join(directory, "image.tar");
  archive(parts, path, ["manifest.json", "config.json", "layer.tar"]);
  return path;
}

function makeRootfs(rootfs: string): void {
  for (const folder of ["bin", "proc", "sys", "dev", "etc"]) mkdirSync(join(rootfs, folder), { recursive: true });
  const busybox = run("sh", "-c", "command -v busybox").trim();
  copyFileSync(busybox, join(rootfs, "bin", "busybox"));
  for (const library of librariesOf(busybox)) {
    mkdirSync(dirname(join(rootfs, library)), { recursive: true });
    copyFileSync(library, join(rootfs, library));
  }
  for (const applet of applets) symlinkSync("busybox", join(rootfs, "bin", applet));
  run("chroot", rootfs, "/bin/sh", "-c", "exit 0");
}

/** None of a static one, which is what Debian's busybox-static has; a machine may have the other. */
function librariesOf(program: string): readonly string[] {
  return attempt("ldd", program).stdout.match(/\/\S+(?= \()/g) ?? [];
}

function archive(folder: string, path: string, names: readonly string[]): void {
  run("tar", "-C", folder, "--owner=0", "--group=0", "--mtime=@0", "--sort=name", "-cf", path, ...names);
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, JSON.stringify(value));
}
