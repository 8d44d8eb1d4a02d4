import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import { configuredRoutes } from "../../../src/plugins/interface/routes.ts";
import { throws } from "../../helpers/errors.ts";

const routes = suite("configuredRoutes");

routes("keeps what a route says, in canonical text and with its host bits", () => {
  assert.equal(configuredRoutes([
    { dst: "10.1.2.3/16", gw: "10.0.0.1", mtu: 1400, advmss: 1300, priority: 5, table: 0, scope: 253 },
      { dst: "2001:DB8:0::/48", gw: "" }, { dst: "0.0.0.0/0" },
  ]), [
    { mtu: 1400, advmss: 1300, priority: 5, table: 0, scope: 253, dst: "10.1.2.3/16", gw: "10.0.0.1" },
      { dst: "2001:db8::/48" }, { dst: "0.0.0.0/0" },
  ]);
  assert.equal(configuredRoutes(undefined), []);
});

routes("refuses text that is no prefix or no gateway, naming its key", () => {
  const good = { dst: "10.0.0.0/8" };
  assert.is(throws(() => configuredRoutes([good, { dst: "10.0.0.0" }]), code.invalidConfig).message,
    'Cannot use ipam.routes[1].dst: "10.0.0.0" is no prefix, expected one such as 10.1.0.0/16');
  assert.is(throws(() => configuredRoutes([{ ...good, gw: "10.0.0.1/8" }]), code.invalidConfig).message,
    'Cannot use ipam.routes[0].gw: "10.0.0.1/8" is no address, expected one such as 10.1.0.1');
});

routes.run();
