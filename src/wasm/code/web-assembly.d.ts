/**
 * The part of the WebAssembly JavaScript interface that this room uses: the compiler's own declarations come with those
 * of a browser's window, which a program without one had better not know.
 */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>);
    static imports(module: Module): { module: string; name: string; kind: string }[];
    static exports(module: Module): { name: string; kind: string }[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }
  class Instance {
    constructor(module: Module, imports?: object);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  class Memory {
    private constructor();
    readonly buffer: ArrayBuffer;
  }
  class Global<T> {
    private constructor();
    value: T extends "i64" ? bigint : number;
  }
}
