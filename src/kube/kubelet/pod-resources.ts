/**
 * The kubelet's pod-resources service, version v1, on its unix socket. A script of its own, since gRPC is heavy and
 * only pods with a device need it; so it imports nothing of ours, and its errors are plain ones that say what went
 * wrong.
 *
 * Source: Kubernetes documentation, "Device Plugins", section "Monitoring device plugin resources", which has the
 * messages; package k8s.io/kubelet, pkg/apis/podresources/v1/api.proto.
 */
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import type { MethodDefinition, ServiceError } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import type { ServiceDefinition } from "@grpc/proto-loader";

/** What one container of a pod was given. */
export interface ContainerResources {
  readonly devices: readonly { readonly resourceName: string; readonly deviceIds: readonly string[] }[];
  /** Dynamic resource allocation: claims, with the devices in the words of the Container Device Interface. */
  readonly dynamicResources: readonly {
    readonly claimName: string;
    readonly claimResources: readonly { readonly cdiDevices: readonly { readonly name: string }[] }[];
  }[];
}

export interface PodResources {
  readonly name: string;
  readonly namespace: string;
  readonly containers: readonly ContainerResources[];
}

export interface ListOptions {
  readonly socket: string;
  /** To connect and to answer, together. */
  readonly limitMs: number;
  readonly bytesMax: number;
}

/**
 * Every pod of the node with the devices that its containers have.
 *
 * @throws Error whose message is the gRPC status and the reason: `UNAVAILABLE (... connect ECONNREFUSED ...)`
 */
export async function listPodResources({ socket, limitMs, bytesMax }: ListOptions): Promise<readonly PodResources[]> {
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": bytesMax, "grpc.enable_retries": 0, "grpc.use_local_subchannel_pool": 1,
  });
  const { path, requestSerialize, responseDeserialize } = list;
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        {},
        new Metadata(),
        { deadline: Date.now() + limitMs },
        (error, answer) => {
          if (error !== null) reject(new Error(reasonOf(error), { cause: error }));
          else resolve(answer?.podResources ?? []);
        },
      );
    });
  } finally {
    client.close();
  }
}

function reasonOf({ code, details }: ServiceError): string {
  return `${status[code] ?? `status ${code}`} (${details})`;
}

type Field = { readonly type: string; readonly id: number; readonly rule?: "repeated" };

const one = (type: string, id: number): Field => ({ type, id });
const many = (type: string, id: number): Field => ({ type, id, rule: "repeated" });

/** The messages of api.proto as far as we read them: fields that are not here are skipped. */
const messages: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  ListPodResourcesRequest: {},
  ListPodResourcesResponse: { podResources: many("PodResources", 1) },
  PodResources: { name: one("string", 1), namespace: one("string", 2), containers: many("ContainerResources", 3) },
  ContainerResources: { devices: many("ContainerDevices", 2), dynamicResources: many("DynamicResource", 5) },
  ContainerDevices: { resourceName: one("string", 1), deviceIds: many("string", 2) },
  DynamicResource: { claimName: one("string", 2), claimResources: many("ClaimResource", 4) },
  ClaimResource: { cdiDevices: many("CDIDevice", 1) },
  CDIDevice: { name: one("string", 1) },
};

const list = listMethod();

interface ListResponse {
  readonly podResources: readonly PodResources[];
}

function listMethod(): MethodDefinition<object, ListResponse> {
  const types = Object.entries(messages).map(([name, fields]) => [name, { fields }]);
  const methods = { List: { requestType: "ListPodResourcesRequest", responseType: "ListPodResourcesResponse" } };
  const definition = fromJSON(
    { nested: { v1: { nested: { ...Object.fromEntries(types), PodResourcesLister: { methods } } } } },
    { arrays: true, defaults: true },
  );
  // The line above defines it, with the messages that PodResources is the type of; absent fields are "" and [].
  return (definition["v1.PodResourcesLister"] as ServiceDefinition)["List"] as MethodDefinition<object, ListResponse>;
}
