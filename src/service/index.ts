/** One call served: by the multiplexer, or by one plugin alone. */
export { checkedCall } from "./call.ts";
export { runMultiplexer } from "./multiplexer.ts";
export { runPlugin } from "./stand-alone.ts";
