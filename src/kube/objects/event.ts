import { messageOf, printable } from "../../cni/index.ts";
import type { World } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { objectIn } from "../client/answer.ts";
import type { Api } from "../client/api.ts";
import type { Pod } from "./pod.ts";
import { told } from "./pod.ts";

export interface PodEvent {
  readonly type: "Normal" | "Warning";
  /** One word in camel case, at most 128 characters. */
  readonly reason: string;
  readonly message: string;
}

/** Who says so, in the list of a pod's events. */
const component = "polynic";
/** The API refuses a longer note (k8s.io/kubernetes pkg/apis/core/validation/events.go, NoteLengthLimit). */
const messageBytesMax = 1024;
const nameCharsMax = 253;
/** An event helps a reader, nobody waits for it longer. */
const eventLimitMs = 3_000;

/**
 * Records an event of the pod.
 *
 * @returns why it could not be recorded, undefined when it was; it never throws, as nothing depends on an event
 */
export async function recordEvent(
  api: Api,
  { pod, event, world }: { readonly pod: Pod; readonly event: PodEvent; readonly world: World },
): Promise<string | undefined> {
  const errand = {
    act: `record event ${event.reason} of ${told(pod)}`,
    permission: `create events in namespace ${JSON.stringify(pod.namespace)}`,
  };
  const path = `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/events`;
  try {
    const answer = await api.send({
      ...errand,
      method: "POST",
      path,
      body: toObject(pod, event, world),
      limitMs: eventLimitMs,
    });
    // The name is ours alone: if it is there, a try that was given up was carried out.
    if (answer.status !== 409) objectIn(answer, errand);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** A core/v1 Event as the API's own clients write it. */
function toObject(pod: Pod, { type, reason, message }: PodEvent, world: World): JsonObject {
  const now = `${new Date(world.wallMs()).toISOString().slice(0, "2000-01-01T00:00:00".length)}Z`;
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { namespace: pod.namespace, name: nameFor(pod, world) },
    involvedObject: { apiVersion: "v1", kind: "Pod", namespace: pod.namespace, name: pod.name, uid: pod.uid },
    type,
    reason,
    message: shortened(printable(message)),
    source: { component },
    reportingComponent: component,
    reportingInstance: "",
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
}

/** `<pod>.<hex>`, new for every event: nanoseconds since the epoch, those below a millisecond by chance. */
function nameFor({ name }: Pod, world: World): string {
  const nanoseconds = BigInt(Math.trunc(world.wallMs())) * 1_000_000n + BigInt(Math.trunc(world.random() * 1_000_000));
  const end = `.${nanoseconds.toString(16)}`;
  return name.slice(0, nameCharsMax - end.length).replace(/[-.]+$/, "") + end;
}

function shortened(message: string): string {
  const bytes = Buffer.from(message);
  if (bytes.length <= messageBytesMax) return message;
  // A character cut in two decodes to replacement characters at the end.
  return `${bytes.subarray(0, messageBytesMax - 3).toString().replace(/\uFFFD+$/, "")}...`;
}
