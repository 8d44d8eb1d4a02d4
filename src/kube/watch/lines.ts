import { ConnectionError } from "../../http/index.ts";

/** What an object of the API can be, several times over, as for one that is asked for. */
const usualLineBytesMax = 8 * 1024 * 1024;

/** Makes lines of what comes in pieces, and holds no more than the one that is not at its end. */
export class Lines {
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(bytesMax = usualLineBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /**
   * The lines that end in this piece, without their ends; empty ones are passed over.
   *
   * @throws ConnectionError EMSGSIZE for a line that is too long
   */
  add(piece: Buffer): readonly string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = piece.indexOf(lineFeed); end >= 0; end = piece.indexOf(lineFeed, from)) {
      this.#keep(piece.subarray(from, end));
      if (this.#bytes > 0) lines.push(Buffer.concat(this.#pieces).toString());
      this.#pieces = [];
      this.#bytes = 0;
      from = end + 1;
    }
    this.#keep(piece.subarray(from));
    return lines;
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes > this.#bytesMax)
      throw new ConnectionError("EMSGSIZE", `a line of it is longer than ${this.#bytesMax} bytes`);
  }
}

const lineFeed = 0x0a;
