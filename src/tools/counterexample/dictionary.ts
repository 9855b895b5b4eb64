/** Numbers that the program itself names: what its branches compare with, where it reads. */
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_JMP,
  BPF_JMP32,
  BPF_LDX,
  BPF_X,
  classOf,
  decodeCode,
} from '../../isa/index.ts';

export interface Dictionary {
  /** Values for fields, in the byte order of the machine and of the network. */
  readonly values: readonly number[];
  /** Lengths of packets where something may change. */
  readonly lengths: readonly number[];
  /** Offsets the program reads at. */
  readonly offsets: readonly number[];
}

const EXTREMES = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, -1];
/** Lengths of Ethernet frames that say something in themselves. */
const USUAL_LENGTHS = [14, 15, 34, 42, 54, 60, 64, 74, 128, 256, 512, 1500, 1514];
const LONGEST = 1514;
const MOST_VALUES = 400;

/** Takes the numbers out of a program's instructions. */
export function dictionaryOf(insns: Uint8Array): Dictionary {
  const code = decodeCode(insns);
  const values = new Set(EXTREMES.map((one) => one >>> 0));
  const lengths = new Set(USUAL_LENGTHS);
  const offsets = new Set<number>();
  for (let i = 0; i < code.length; i++) {
    const [op, imm, off] = [code.op[i]!, code.imm[i]!, code.off[i]!];
    const cls = classOf(op);
    const isJump = (cls === BPF_JMP || cls === BPF_JMP32) && (op & 0xf0) !== BPF_CALL;
    const isNumber = isJump || cls === BPF_ALU || cls === BPF_ALU64;
    if (isNumber && !(op & BPF_X)) {
      addAround(values, imm);
      if (imm > 0 && imm <= LONGEST && (op & 0xf0) === BPF_ADD) addLengths(lengths, imm);
    }
    if (cls === BPF_LDX && off >= 0 && off < LONGEST) {
      offsets.add(off);
      addLengths(lengths, off + [4, 2, 1, 8][(op >> 3) & 3]!);
    }
  }
  return {
    values: [...values].slice(0, MOST_VALUES),
    lengths: [...lengths].filter((one) => one >= 14 && one <= LONGEST).sort((a, b) => a - b),
    offsets: withHeaders(offsets),
  };
}

function addAround(values: Set<number>, value: number): void {
  for (const one of [value, value - 1, value + 1]) {
    values.add(one >>> 0);
    if (one >= 0 && one <= 0xffff) values.add(((one & 0xff) << 8) | (one >> 8));
    else values.add(swap32(one));
  }
}

function addLengths(lengths: Set<number>, length: number): void {
  for (const base of [0, 14, 34]) {
    for (const one of [length - 1, length, length + 1]) lengths.add(base + one);
  }
}

/** Fields are counted from the header they are in. */
function withHeaders(offsets: ReadonlySet<number>): number[] {
  const all = new Set([12, 14, 23]);
  for (const off of offsets) for (const base of [0, 14, 34]) all.add(base + off);
  return [...all];
}

function swap32(value: number): number {
  const v = value >>> 0;
  return (((v & 0xff) << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24)) >>> 0;
}
