// SHA-256 (FIPS 180-4) for src/wasm/code/sha256.ts: not a module of the ABI, it is handed whole blocks and keeps its
// state here. Offsets of its memory: round constants 1024, state 1280, message schedule 1312, data from 2048.

const roundConstants = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);
const state = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);
const schedule = memory.data(256);

/** Where the state is: eight words, most significant first once the last block is in. */
export function stateAt(): usize {
  return state;
}

/**
 * Not `rotr`: the compiler that works at once, the only one that comes to see this code, makes a call of it, 600 a
 * block.
 */
// @ts-ignore: decorator
@inline
function turned(word: u32, bits: u32): u32 {
  return (word >>> bits) | (word << (32 - bits));
}

/** Takes in the blocks of 64 bytes from `at` to `end`. */
export function update(at: usize, end: usize): void {
  for (; at < end; at += 64) {
    for (let t: usize = 0; t < 64; t += 4) store<u32>(schedule + t, bswap(load<u32>(at + t)));
    for (let t: usize = 64; t < 256; t += 4) {
      const w15 = load<u32>(schedule + t - 60), w2 = load<u32>(schedule + t - 8);
      const sigma0 = turned(w15, 7) ^ turned(w15, 18) ^ (w15 >>> 3);
      const sigma1 = turned(w2, 17) ^ turned(w2, 19) ^ (w2 >>> 10);
      store<u32>(schedule + t, load<u32>(schedule + t - 64) + sigma0 + load<u32>(schedule + t - 28) + sigma1);
    }
    let a = load<u32>(state), b = load<u32>(state, 4), c = load<u32>(state, 8), d = load<u32>(state, 12);
    let e = load<u32>(state, 16), f = load<u32>(state, 20), g = load<u32>(state, 24), h = load<u32>(state, 28);
    for (let t: usize = 0; t < 256; t += 4) {
      const t1 = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + (g ^ (e & (f ^ g)))
        + load<u32>(roundConstants + t) + load<u32>(schedule + t);
      const t2 = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) | (c & (a | b)));
      h = g; g = f; f = e; e = d + t1; d = c; c = b; b = a; a = t1 + t2;
    }
    store<u32>(state, load<u32>(state) + a);
    store<u32>(state, load<u32>(state, 4) + b, 4);
    store<u32>(state, load<u32>(state, 8) + c, 8);
    store<u32>(state, load<u32>(state, 12) + d, 12);
    store<u32>(state, load<u32>(state, 16) + e, 16);
    store<u32>(state, load<u32>(state, 20) + f, 20);
    store<u32>(state, load<u32>(state, 24) + g, 24);
    store<u32>(state, load<u32>(state, 28) + h, 28);
  }
}
