// buildah, whose steps of a build have a network of ours: it names a namespace by another process's descriptor.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { builtDist } from "../helpers/dist.ts";
import { attempt, run } from "../helpers/netns.ts";
import { longSuite } from "./form.ts";
import type { Podman } from "./podman.ts";
import { enterPodmanBox, image, leftovers, podmanPrograms } from "./podman.ts";

const builds = longSuite("buildah's steps", import.meta.url,
  { programs: { ...podmanPrograms, buildah: "buildah" }, needs: ["nft_nat"] });

let podman: Podman, server = "";
builds.before(() => {
  // It shares podman's settings, and its images.
  podman = enterPodmanBox([join(builtDist(), "bin")]);
  run("podman", "network", "create", "--subnet", "10.89.20.0/24", "build");
  server = podman.start("server", "--network", "build");
});
builds.after(() => podman.leave());

/** What is there beside the server's own. */
const before = (): readonly string[] => leftovers();

/** Of a static busybox: its wget looks services up by name, which ends a static program. */
const fetching = (): string => `printf 'GET /none HTTP/1.0\\r\\n\\r\\n' | nc -w 20 ${server} 80`;

builds("a step of buildah run is on the network, and off it when it ends", () => {
  const known = before();
  const name = run("buildah", "from", "--pull-never", image).trim();
  const shown = run("buildah", "run", "--isolation", "oci", "--runtime", "runc", "--network", "build", name, "--",
    "sh", "-c", `ip -4 addr show dev eth0; ${fetching()}`);
  assert.match(shown, /inet 10\.89\.20\.\d+\/24/);
  assert.match(shown, /HTTP\/1\.[01] 404/);
  assert.equal(before(), known);
  run("buildah", "rm", name);
});

builds("a step of a Containerfile is, too; one that fails leaves nothing, either", () => {
  const known = before(), directory = join(podman.box.directory, "build");
  mkdirSync(directory);
  const built = (step: string) => {
    writeFileSync(join(directory, "Containerfile"), `FROM ${image}\nRUN ${step}\n`);
    return attempt("buildah", "bud", "--pull-never", "--isolation", "oci", "--runtime", "runc", "--network", "build",
      "-t", "localhost/built:1", directory);
  };
  const good = built(`${fetching()} > /bin/fetched`);
  assert.is(good.status, 0, good.stderr);
  assert.equal(before(), known);
  assert.is.not(built("ip link show dev eth0 && exit 3").status, 0);
  assert.equal(before(), known);
  assert.match(run("podman", "run", "--rm", "--network", "none", "--cgroup-parent", podman.box.cgroup,
    "localhost/built:1", "sh", "-c", "read -r line < /bin/fetched; echo $line"), /HTTP\/1\.[01] 404/);
});
builds.run();
