/** A kubelet's pod-resources service on a unix socket, in this process. */
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServiceDefinition, UntypedHandleCall } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

export interface Kubelet {
  readonly socket: string;
  stop(): void;
}

/** @param answer  the response by the names of pod-resources.proto; bytes are sent as they are; undefined: none is ever given */
export async function startKubelet(socket: string, answer: object | Buffer | undefined): Promise<Kubelet> {
  // pod-resources.proto defines it.
  const service = loadSync(join(import.meta.dirname, "pod-resources.proto"),
    { keepCase: true })["v1.PodResourcesLister"] as ServiceDefinition;
  const list = service["List"];
  if (list === undefined) throw new Error("Cannot find List: expected it in pod-resources.proto");
  const server = new Server();
  const raw = { ...list, responseSerialize: (bytes: Buffer) => bytes };
  const handle: UntypedHandleCall = (_call: unknown, done: (error: null, answer: object) => void) => {
    if (answer !== undefined) done(null, answer);
  };
  server.addService({ List: Buffer.isBuffer(answer) ? raw : list }, { List: handle });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(),
      (error) => (error === null ? resolve() : reject(error)));
  });
  return { socket, stop: () => server.forceShutdown() };
}
