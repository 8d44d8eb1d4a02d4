/**
 * SHA-512 (FIPS 180-4) for the names of chains. They are 20 bytes of hash over a few words, and loading node:crypto
 * for them takes 5 ms, more than attaching a network; this takes a fraction of one. Nothing secret is hashed here.
 *
 * Its words have 64 bits. They are kept as halves of 32, the upper one first: bigints of that size would be allocated
 * one by one, some thousands for each text, which took longer than the request that the hash is for.
 */

/** The hash of the text's UTF-8 bytes, as lower-case hex digits: the first so many of its 128. */
export function sha512Hex(text: string, digits = 128): string {
  const blocks = pad(bytesOf(text));
  const state = Int32Array.from(initial);
  for (let at = 0; at < blocks.byteLength; at += 128) {
    for (let half = 0; half < 32; half++) schedule[half] = blocks.getInt32(at + half * 4);
    fillSchedule();
    compress(state);
  }
  let hex = "";
  for (let at = 0; hex.length < digits; at++) {
    const half = state[at] ?? 0;
    hex += hex16(half >>> 16) + hex16(half & 0xffff);
  }
  return hex.slice(0, digits);
}

/** Names are short ASCII, nearly all of them, and the encoder that the rest needs takes longer than the hash. */
function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return new TextEncoder().encode(text);
    bytes[i] = unit;
  }
  return bytes;
}

/** Digits of 16 bits. V8 takes far longer for a number of 32, which may be none of its small integers. */
function hex16(value: number): string {
  return (value + 0x1_0000).toString(16).slice(1);
}

/** W of 6.2.2: 80 words. One serves all blocks, as nothing is waited for meanwhile. */
const schedule = new Int32Array(160);

/** FIPS 180-4, 6.4.2, step 1. Indexes stay below 160, so every read is in bounds. */
function fillSchedule(): void {
  for (let t = 32; t < 160; t += 2) {
    const hi15 = schedule[t - 30] ?? 0, lo15 = schedule[t - 29] ?? 0, hi2 = schedule[t - 4] ?? 0,
      lo2 = schedule[t - 3] ?? 0;
    const low = lowerSmall0(hi15, lo15) + lowerSmall1(hi2, lo2) + unsigned(schedule[t - 31]) +
      unsigned(schedule[t - 13]);
    schedule[t + 1] = low;
    schedule[t] = upperSmall0(hi15, lo15) + upperSmall1(hi2, lo2) + (schedule[t - 32] ?? 0) +
      (schedule[t - 14] ?? 0) + carry(low);
  }
}

/** The variables a to h, which move on by one place each round: it is the place of `a` that moves instead. */
const variables = new Int32Array(16);

/** Steps 2 to 4. Indexes stay below 16 and 160, so every read is in bounds. */
function compress(state: Int32Array): void {
  const v = variables;
  v.set(state);
  for (let t = 0; t < 160; t += 2) {
    const a = -t & 15, b = (2 - t) & 15, c = (4 - t) & 15, d = (6 - t) & 15;
    const e = (8 - t) & 15, f = (10 - t) & 15, g = (12 - t) & 15, h = (14 - t) & 15;
    const hiE = v[e] ?? 0, loE = v[e + 1] ?? 0, hiA = v[a] ?? 0, loA = v[a + 1] ?? 0;
    const low1 = unsigned(v[h + 1]) + (big1(loE, hiE) >>> 0) + (choice(loE, v[f + 1] ?? 0, v[g + 1] ?? 0) >>> 0) +
      unsigned(roundConstants[t + 1]) + unsigned(schedule[t + 1]);
    const high1 = (v[h] ?? 0) + big1(hiE, loE) + choice(hiE, v[f] ?? 0, v[g] ?? 0) + (roundConstants[t] ?? 0) +
      (schedule[t] ?? 0) + carry(low1) | 0;
    const lowD = unsigned(v[d + 1]) + (low1 >>> 0);
    v[d + 1] = lowD;
    v[d] = (v[d] ?? 0) + high1 + carry(lowD);
    const lowA = (low1 >>> 0) + (big0(loA, hiA) >>> 0) + (majority(loA, v[b + 1] ?? 0, v[c + 1] ?? 0) >>> 0);
    v[h + 1] = lowA;
    v[h] = high1 + big0(hiA, loA) + majority(hiA, v[b] ?? 0, v[c] ?? 0) + carry(lowA);
  }
  for (let at = 0; at < 16; at += 2) {
    const low = unsigned(state[at + 1]) + unsigned(v[at + 1]);
    state[at + 1] = low;
    state[at] = (state[at] ?? 0) + (v[at] ?? 0) + carry(low);
  }
}

/** What a sum of lower halves has for the upper ones. */
function carry(sum: number): number {
  return (sum / 2 ** 32) | 0;
}

function unsigned(half = 0): number {
  return half >>> 0;
}

/**
 * One half of a word turned to the right by less than 32 bits, of which `half` is that half and `other` the other one.
 * By 32 bits more they change places.
 */
function turned(half: number, other: number, bits: number): number {
  return (half >>> bits) | (other << (32 - bits));
}

/** The functions of 4.1.3, a half at a time; those that only turn a word make either of its halves. */
function big0(half: number, other: number): number {
  return turned(half, other, 28) ^ turned(other, half, 2) ^ turned(other, half, 7);
}

function big1(half: number, other: number): number {
  return turned(half, other, 14) ^ turned(half, other, 18) ^ turned(other, half, 9);
}

function upperSmall0(hi: number, lo: number): number {
  return turned(hi, lo, 1) ^ turned(hi, lo, 8) ^ (hi >>> 7);
}

function lowerSmall0(hi: number, lo: number): number {
  return (turned(lo, hi, 1) ^ turned(lo, hi, 8) ^ turned(lo, hi, 7)) >>> 0;
}

function upperSmall1(hi: number, lo: number): number {
  return turned(hi, lo, 19) ^ turned(lo, hi, 29) ^ (hi >>> 6);
}

function lowerSmall1(hi: number, lo: number): number {
  return (turned(lo, hi, 19) ^ turned(hi, lo, 29) ^ turned(lo, hi, 6)) >>> 0;
}

function choice(x: number, y: number, z: number): number {
  return (x & y) ^ (~x & z);
}

function majority(x: number, y: number, z: number): number {
  return (x & y) ^ (x & z) ^ (y & z);
}

/** The bytes, a one bit, zeros, and the length in bits as 128 bits: a whole number of 128-byte blocks (5.1.2). */
function pad(bytes: Uint8Array): DataView {
  const padded = new Uint8Array(Math.ceil((bytes.length + 17) / 128) * 128);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  // No text here has as many as the other 96 bits would tell of.
  view.setUint32(padded.length - 4, bytes.length * 8);
  return view;
}

/** 64 bits of the fractions of the square roots of the first 8 primes (5.3.5), as their halves. */
const initial = [
  0x6a09e667, 0xf3bcc908, 0xbb67ae85, 0x84caa73b, 0x3c6ef372, 0xfe94f82b, 0xa54ff53a, 0x5f1d36f1,
  0x510e527f, 0xade682d1, 0x9b05688c, 0x2b3e6c1f, 0x1f83d9ab, 0xfb41bd6b, 0x5be0cd19, 0x137e2179,
];

/** 64 bits of the fractions of the cube roots of the first 80 primes (4.2.3), as their halves. */
const roundConstants = Int32Array.of(
  0x428a2f98, 0xd728ae22, 0x71374491, 0x23ef65cd, 0xb5c0fbcf, 0xec4d3b2f, 0xe9b5dba5, 0x8189dbbc,
  0x3956c25b, 0xf348b538, 0x59f111f1, 0xb605d019, 0x923f82a4, 0xaf194f9b, 0xab1c5ed5, 0xda6d8118,
  0xd807aa98, 0xa3030242, 0x12835b01, 0x45706fbe, 0x243185be, 0x4ee4b28c, 0x550c7dc3, 0xd5ffb4e2,
  0x72be5d74, 0xf27b896f, 0x80deb1fe, 0x3b1696b1, 0x9bdc06a7, 0x25c71235, 0xc19bf174, 0xcf692694,
  0xe49b69c1, 0x9ef14ad2, 0xefbe4786, 0x384f25e3, 0x0fc19dc6, 0x8b8cd5b5, 0x240ca1cc, 0x77ac9c65,
  0x2de92c6f, 0x592b0275, 0x4a7484aa, 0x6ea6e483, 0x5cb0a9dc, 0xbd41fbd4, 0x76f988da, 0x831153b5,
  0x983e5152, 0xee66dfab, 0xa831c66d, 0x2db43210, 0xb00327c8, 0x98fb213f, 0xbf597fc7, 0xbeef0ee4,
  0xc6e00bf3, 0x3da88fc2, 0xd5a79147, 0x930aa725, 0x06ca6351, 0xe003826f, 0x14292967, 0x0a0e6e70,
  0x27b70a85, 0x46d22ffc, 0x2e1b2138, 0x5c26c926, 0x4d2c6dfc, 0x5ac42aed, 0x53380d13, 0x9d95b3df,
  0x650a7354, 0x8baf63de, 0x766a0abb, 0x3c77b2a8, 0x81c2c92e, 0x47edaee6, 0x92722c85, 0x1482353b,
  0xa2bfe8a1, 0x4cf10364, 0xa81a664b, 0xbc423001, 0xc24b8b70, 0xd0f89791, 0xc76c51a3, 0x0654be30,
  0xd192e819, 0xd6ef5218, 0xd6990624, 0x5565a910, 0xf40e3585, 0x5771202a, 0x106aa070, 0x32bbd1b8,
  0x19a4c116, 0xb8d2d0c8, 0x1e376c08, 0x5141ab53, 0x2748774c, 0xdf8eeb99, 0x34b0bcb5, 0xe19b48a8,
  0x391c0cb3, 0xc5c95a63, 0x4ed8aa4a, 0xe3418acb, 0x5b9cca4f, 0x7763e373, 0x682e6ff3, 0xd6b2b8a3,
  0x748f82ee, 0x5defb2fc, 0x78a5636f, 0x43172f60, 0x84c87814, 0xa1f0ab72, 0x8cc70208, 0x1a6439ec,
  0x90befffa, 0x23631e28, 0xa4506ceb, 0xde82bde9, 0xbef9a3f7, 0xb2c67915, 0xc67178f2, 0xe372532b,
  0xca273ece, 0xea26619c, 0xd186b8c7, 0x21c0c207, 0xeada7dd6, 0xcde0eb1e, 0xf57d4f7f, 0xee6ed178,
  0x06f067aa, 0x72176fba, 0x0a637dc5, 0xa2c898a6, 0x113f9804, 0xbef90dae, 0x1b710b35, 0x131c471b,
  0x28db77f5, 0x23047d84, 0x32caab7b, 0x40c72493, 0x3c9ebe0a, 0x15c9bebc, 0x431d67c4, 0x9c100d4c,
  0x4cc5d4be, 0xcb3e42b6, 0x597f299c, 0xfc657e2a, 0x5fcb6fab, 0x3ad6faec, 0x6c44198c, 0x4a475817,
);
