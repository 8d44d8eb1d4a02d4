import type { OpenHandles } from "./handles.ts";

/** Somebody who looks on while a call is served, and may stand between it and what it touches. */
export interface Observer {
  /** In place of what was opened; closing it closes that. */
  handles(opened: OpenHandles): OpenHandles;
  /** A lock is waited for; what is returned is called once it is held. */
  waits(what: string): () => void;
}
