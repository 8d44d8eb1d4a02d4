/** Which store keeps a network's addresses: what the `ipam` section of its configuration says. */
export type StoreChoice = FilesChoice;

/** Files of this node, interchangeable with the reference's. */
export interface FilesChoice {
  readonly type: "files";
  /** Holds one directory for every network. */
  readonly dataDir: string;
  /** The configuration is the node's own: then it may be any directory. */
  readonly trusted: boolean;
}
