/** A program of classic BPF (linux/filter.h), as a socket's filter takes it: struct sock_filter one after the other. */
export type PacketFilter = Uint8Array;

/**
 * Lets through IPv4 packets, as they are without their frame, that hold a UDP datagram for `port`, whole or the first
 * piece of it.
 */
export function udpPortFilter(port: number): PacketFilter {
  const protocolAt = 9, fragmentAt = 6, destinationPortAt = 2;
  return program([
    [BPF_LD | BPF_B | BPF_ABS, protocolAt],
    [BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6],
    [BPF_LD | BPF_H | BPF_ABS, fragmentAt],
    [BPF_JMP | BPF_JSET | BPF_K, IP_OFFSET_MASK, 4, 0],
    [BPF_LDX | BPF_B | BPF_MSH, 0], // X: length of the IP header
    [BPF_LD | BPF_H | BPF_IND, destinationPortAt],
    [BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1],
    [BPF_RET | BPF_K, wholePacket],
    [BPF_RET | BPF_K, nothing],
  ]);
}

// linux/bpf_common.h, linux/filter.h
const BPF_LD = 0x00, BPF_LDX = 0x01, BPF_JMP = 0x05, BPF_RET = 0x06;
const BPF_H = 0x08, BPF_B = 0x10;
const BPF_ABS = 0x20, BPF_IND = 0x40, BPF_MSH = 0xa0;
const BPF_JEQ = 0x10, BPF_JSET = 0x40, BPF_K = 0x00;
/** linux/in.h */
const IPPROTO_UDP = 17;
/** Where in the whole a fragment lies; 0 for the first. */
const IP_OFFSET_MASK = 0x1fff;
/** How much of a packet is let through. */
const wholePacket = 0xffff_ffff, nothing = 0;

type Instruction = readonly [code: number, k: number, ifTrue?: number, ifFalse?: number];

function program(instructions: readonly Instruction[]): PacketFilter {
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, [code, k, ifTrue = 0, ifFalse = 0]] of instructions.entries()) {
    // struct sock_filter, in the machine's order: u16 code, u8 jt, u8 jf, u32 k.
    new Uint16Array(bytes.buffer, i * 8, 1)[0] = code;
    view.setUint8(i * 8 + 2, ifTrue);
    view.setUint8(i * 8 + 3, ifFalse);
    new Uint32Array(bytes.buffer, i * 8 + 4, 1)[0] = k;
  }
  return bytes;
}
