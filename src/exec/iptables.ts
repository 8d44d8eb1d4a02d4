/**
 * The iptables tools of one family, run as child processes in the namespace of this process.
 * One batch is one `iptables-restore --noflush --wait`: all of its lines or none.
 */
export interface Iptables {
  /** The binaries are there and `filter INPUT` can be listed. */
  usable(family: 4 | 6): Promise<boolean>;
  /** The table as `iptables-save` prints it, one rule or chain line an entry; [] when the table has nothing. */
  save(family: 4 | 6, table: string): Promise<readonly string[]>;
  /** Lines of one table as `iptables-restore` reads them (`:CHAIN - [0:0]`, `-A ...`, `-D ...`), without `*table` and `COMMIT`. */
  restore(family: 4 | 6, table: string, lines: readonly string[]): Promise<void>;
}
