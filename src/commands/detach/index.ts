/** `polynic detach`: takes away what polynic attach has made. */
import { command } from "../command.ts";
import { requireRoot } from "../errors.ts";
import { confDirOption, stateDirOption } from "../machine/directories.ts";
import { jsonOption } from "../options.ts";
import { attachedByHand, detachAll, meantBy } from "./attached.ts";

export const detachCommand = command({
  about:
    "Everything is remembered, so that a container that is gone can be detached, too. What a runtime has attached is " +
    "the runtime's to take away.",
  parameters: {
    target: { count: "one", completes: "container", help: "the container, as polynic attach takes it" },
    network: {
      count: "any", completes: "network", help: "a network's name, a link's, or an interface's; default: all of them",
    },
  },
  options: { ...confDirOption, ...stateDirOption, ...jsonOption },
  async run({ parameters: { target, network }, options, environment, ...output }) {
    requireRoot("detach anything");
    const { known, netns } = await attachedByHand(target, options, environment);
    const chosen = network.length === 0 ? known : network.flatMap((word) => meantBy(word, known, target));
    await detachAll(chosen, netns, { isJson: options.json === true, caller: { ...output, environment } });
    return 0;
  },
});
