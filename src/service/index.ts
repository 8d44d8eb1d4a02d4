/** One call served: by the multiplexer, or by one plugin alone. */
export { serve } from "./serve.ts";
export type { Answer, ServedCall } from "./serve.ts";
