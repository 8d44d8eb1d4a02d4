import { command } from "../command.ts";
import { requireRoot } from "../errors.ts";
import { attachedByHand, detachAll, meantBy } from "../detach/attached.ts";
import { confDirOption, stateDirOption } from "../machine/directories.ts";
import { jsonOption } from "../options.ts";

export const disconnectCommand = command({
  about: "The same as polynic detach TARGET NETWORK, with the words of docker network disconnect.",
  parameters: {
    network: { count: "one", completes: "network", help: "a network's name" },
    target: { count: "one", completes: "container", help: "the container, as polynic attach takes it" },
  },
  options: { ...confDirOption, ...stateDirOption, ...jsonOption },
  async run({ parameters: { network, target }, options, environment, ...output }) {
    requireRoot("detach anything");
    const { known, netns } = await attachedByHand(target, options, environment);
    const chosen = meantBy(network, known, target);
    await detachAll(chosen, netns, { isJson: options.json === true, caller: { ...output, environment } });
    return 0;
  },
});
