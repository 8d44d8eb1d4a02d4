/**
 * A client of servers that speak HTTP: the cluster's API, etcd. Connections to one server as one client, with TLS, a
 * limit for every request and for every answer; what is asked, and how often, is the business of the rooms that ask.
 * Loaded late: only what is shared with other nodes needs it.
 */
export { Connection, ConnectionError } from "./connection.ts";
export type { ClientCertificate, HttpAnswer, HttpStream, Peer, Trust } from "./connection.ts";
