import { sha256Hex } from "../code/sha256.ts";

/** Randomness that replays: the first 8 bytes of SHA-256 over container id, interface name and attempt, a line each. */
export function seedOf({
  containerId,
  ifName,
  attempt,
}: {
  readonly containerId: string;
  readonly ifName: string;
  readonly attempt: number;
}): string {
  return sha256Hex(new TextEncoder().encode(`${containerId}\n${ifName}\n${attempt}`)).slice(0, 16);
}
