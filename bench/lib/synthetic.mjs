// Programs of any length: loads and stores on the stack, arithmetic, tests, forward branches, small
// loops, calls of a helper. Deterministic in the seed; every path ends.
import { createRandom } from '../../examples/firewall/capture/packets.mjs';

const MOV = 0xb7;
const MOV_X = 0xbf;
const EXIT = 0x95;
const CALL = 0x85;
const STORE = 0x7b; // *(u64 *)(dst + off) = src
const LOAD = 0x79;
const JGT = 0x25;
const JNE = 0x55;
const HELPER_PRANDOM = 7;
/** add, sub, or, and, xor, mul, rsh by constant; add, xor by register. */
const IMMEDIATE = [0x07, 0x17, 0x47, 0x57, 0xa7, 0x27, 0x77];
const REGISTER = [0x0f, 0xaf, 0x1f];

class Writer {
  constructor(count) {
    this.view = new DataView(new ArrayBuffer(count * 8));
    this.at = 0;
  }

  put(code, dst, src, offset, imm) {
    const byte = this.at * 8;
    this.view.setUint8(byte, code);
    this.view.setUint8(byte + 1, dst | (src << 4));
    this.view.setInt16(byte + 2, offset, true);
    this.view.setInt32(byte + 4, imm, true);
    this.at++;
  }
}

/** Bytes of a program of `count` instructions. */
export function synthetic(count, seed = 1) {
  const random = createRandom(seed);
  const integer = (below) => Math.floor(random() * below);
  const writer = new Writer(count);
  const register = () => 6 + integer(4);
  const slot = () => -8 * (1 + integer(32));
  const arithmetic = () => {
    if (random() < 0.5) writer.put(IMMEDIATE[integer(7)], register(), 0, 0, 1 + integer(30));
    else writer.put(REGISTER[integer(3)], register(), register(), 0, 0);
  };
  const pieces = [
    () => {
      writer.put(STORE, 10, register(), slot(), 0);
      arithmetic();
    },
    () => {
      writer.put(LOAD, register(), 10, slot(), 0);
      arithmetic();
    },
    () => {
      // if (r > n) skip some
      const skipped = 2 + integer(4);
      writer.put(JGT, register(), 0, skipped, integer(1 << 20));
      for (let i = 0; i < skipped; i++) arithmetic();
    },
    () => {
      // for (r1 = 1..4; r1 != 0; r1--)
      writer.put(MOV, 1, 0, 0, 1 + integer(4));
      arithmetic();
      arithmetic();
      writer.put(0x17, 1, 0, 0, 1);
      writer.put(JNE, 1, 0, -4, 0);
    },
    () => {
      writer.put(CALL, 0, 0, 0, HELPER_PRANDOM);
      writer.put(REGISTER[0], register(), 0, 0, 0);
    },
  ];
  for (let i = 6; i < 10; i++) writer.put(MOV, i, 0, 0, i * 77);
  for (let i = 1; i <= 32; i++) writer.put(STORE, 10, 6, -8 * i, 0);
  while (writer.at < count - 10) pieces[integer(20) === 0 ? 4 : integer(4)]();
  while (writer.at < count - 2) arithmetic();
  writer.put(MOV_X, 0, 6, 0, 0);
  writer.put(EXIT, 0, 0, 0, 0);
  return new Uint8Array(writer.view.buffer);
}
