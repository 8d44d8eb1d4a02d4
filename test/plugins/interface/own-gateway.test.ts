// src/plugins/interface/own-gateway.ts: an address that the host is to hold is not the container's.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import { refuseOwnGateway } from "../../../src/plugins/interface/own-gateway.ts";
import { throws } from "../../helpers/errors.ts";

const gateways = suite("a gateway on the host");

gateways("is not the container's address, in either family, nor another address's gateway", () => {
  for (const ips of [
    [{ address: "10.1.2.1/24", gateway: "10.1.2.1" }],
    [{ address: "10.1.2.3/24", gateway: "10.1.2.1" }, { address: "2001:db8::1/64", gateway: "2001:db8:0::1" }],
    [{ address: "10.1.2.3/24", gateway: "10.1.2.4" }, { address: "10.1.2.4/24", gateway: "10.1.2.1" }],
  ]) {
    const message = throws(() => refuseOwnGateway(ips), code.invalidConfig).message;
    assert.match(message, /Cannot use address .*: it is the gateway, which the host holds/);
  }
});
gateways("is another address, or none", () => {
  refuseOwnGateway([{ address: "10.1.2.3/24", gateway: "10.1.2.1" }, { address: "10.1.2.4/24", gateway: "10.1.2.1" },
    { address: "10.9.0.1/24" }, { address: "10.9.0.2/24", gateway: "" }]);
});
gateways.run();
