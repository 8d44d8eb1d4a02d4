// src/kube/client/api.ts in a process that keeps it: what was wrong with a kubeconfig, or is replaced, is read anew.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openKubeBlocks } from "../../../src/kube/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";

const kept = suite("Api that is kept");

let api: ApiServer, folder: string, kubeconfig: string;

kept.before(async () => {
  api = await startApiServer();
});
kept.after(async () => await api.stop());
kept.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), "polynic-kept-api-"));
  kubeconfig = join(folder, "kubeconfig");
});
kept.after.each(() => rmSync(folder, { recursive: true }));

async function statusOf(work: (status: () => Promise<string | undefined>) => Promise<void>): Promise<void> {
  const engine = openKubeBlocks({ kubeconfig, env: {} });
  try {
    await work(async () => await engine?.status());
  } finally {
    engine?.close?.();
  }
}

kept("serves once a kubeconfig is there that was not, or was broken", async () => {
  await statusOf(async (status) => {
    assert.match(await status() ?? "", /it is not there, expected a kubeconfig/);
    writeFileSync(kubeconfig, "{");
    assert.match(await status() ?? "", /Cannot (read|use) /);
    copyFileSync(api.writeKubeconfig({ user: "token" }), kubeconfig);
    assert.is(await status(), undefined);
  });
});

kept("takes the token that a kubeconfig has by now where the one of before is refused", async () => {
  copyFileSync(api.writeKubeconfig({ user: "token" }), kubeconfig);
  await statusOf(async (status) => {
    assert.is(await status(), undefined);
    await api.renewToken();
    assert.match(await status() ?? "", /401|Unauthorized/);
    copyFileSync(api.writeKubeconfig({ user: "token" }), kubeconfig);
    assert.is(await status(), undefined);
  });
});

kept("takes the authority that a kubeconfig has by now where the one of before has not signed", async () => {
  const authority = Buffer.from(api.certificates.authority).toString("base64");
  copyFileSync(api.writeKubeconfig({ user: "token", cluster: { "certificate-authority": undefined,
    "certificate-authority-data": Buffer.from(api.certificates.client.chain).toString("base64") } }), kubeconfig);
  await statusOf(async (status) => {
    assert.match(await status() ?? "", /there is no trusted connection/);
    copyFileSync(api.writeKubeconfig({ user: "token", cluster: { "certificate-authority": undefined,
      "certificate-authority-data": authority } }), kubeconfig);
    assert.is(await status(), undefined);
  });
});

kept.run();
