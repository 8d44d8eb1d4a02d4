import type { ClientCertificate, Trust } from "../../http/index.ts";

/** How the cluster's API is reached: what a kubeconfig or a service account says, read and checked. */
export interface Access {
  /** Where it is from, for messages: `kubeconfig "/etc/cni/net.d/multus.d/multus.kubeconfig"`. */
  readonly source: string;
  /** `https://10.96.0.1:443`, with a path where the API has one, without a slash at its end. */
  readonly server: string;
  readonly trust: Trust;
  /** The proxy all requests go through, as a URL. */
  readonly proxy: string | undefined;
  /** Of the credentials, those that stand in files. */
  ownCredentials(): Credentials;
  /**
   * Who we are, as it is now: files are read at every call.
   *
   * @param refused  the API did not accept the last answer, so nothing that is remembered may be given again
   */
  credentials(need: { readonly refused: boolean; readonly timeoutMs: number }): Promise<Credentials>;
}

export interface Credentials {
  /** The header's value: `Bearer ...`, `Basic ...`. */
  readonly authorization?: string;
  readonly certificate?: ClientCertificate;
}
