/** Programs nobody wrote: made at random from pieces that often pass, and changed from real ones. */

const INSN_SIZE = 8;
const LD_IMM64 = 0x18;

/** The same numbers for the same seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 random bits. */
  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return this.bits() % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** Numbers near which mistakes live. */
const EDGES = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 33, 63, 64, 127, 128, 255, 256, 511, 512, 4095, 65535, 65536,
  0x7fff_ffff, -1, -2, -8, -16, -128, -512, -0x8000_0000,
];

const number = (random: Random): number =>
  random.chance(80) ? random.pick(EDGES) : random.bits() | 0;

// ---------------------------------------------------------------- changed programs

type Change = (view: DataView, at: number, random: Random) => void;

const CHANGES: readonly Change[] = [
  // other registers
  (view, at, random) => {
    const registers = view.getUint8(at + 1);
    const shift = random.chance(50) ? 0 : 4;
    view.setUint8(at + 1, (registers & ~(15 << shift)) | (random.below(11) << shift));
  },
  // other constant
  (view, at, random) => view.setInt32(at + 4, number(random), true),
  (view, at, random) => {
    const step = random.pick([-8, -4, -1, 1, 4, 8]);
    view.setInt32(at + 4, (view.getInt32(at + 4, true) + step) | 0, true);
  },
  // other offset
  (view, at, random) => {
    const step = random.pick([-16, -8, -4, -2, -1, 1, 2, 4, 8, 16]);
    view.setInt16(at + 2, view.getInt16(at + 2, true) + step, true);
  },
  // other operation of its class, other width, other source
  (view, at, random) => view.setUint8(at, (view.getUint8(at) & 0x0f) | (random.below(16) << 4)),
  (view, at, random) =>
    view.setUint8(at, view.getUint8(at) ^ random.pick([0x03, 0x08, 0x10, 0x18])),
  // nothing at all: r0 = r0, or a jump to the next
  (view, at, random) => view.setBigUint64(at, random.chance(50) ? 0xbfn : 0x05n, true),
  // any bytes
  (view, at, random) => view.setUint32(at + random.below(2) * 4, random.bits(), true),
];

/**
 * A copy with some instructions changed, none added or removed. `isFixed` tells the instructions
 * that must stay (those the loader writes to).
 */
export function mutated(
  insns: Uint8Array,
  random: Random,
  isFixed: (insn: number) => boolean = () => false,
): Uint8Array {
  const copy = insns.slice();
  const view = new DataView(copy.buffer);
  const count = copy.length / INSN_SIZE;
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const insn = random.below(count);
    const isSecond = insn > 0 && copy[(insn - 1) * INSN_SIZE] === LD_IMM64;
    if (isFixed(insn) || (isSecond && isFixed(insn - 1))) continue;
    if (random.chance(10) && insn + 1 < count && !isFixed(insn + 1)) swap(view, insn);
    else random.pick(CHANGES)(view, insn * INSN_SIZE, random);
  }
  return copy;
}

function swap(view: DataView, insn: number): void {
  const at = insn * INSN_SIZE;
  const first = view.getBigUint64(at, true);
  view.setBigUint64(at, view.getBigUint64(at + INSN_SIZE, true), true);
  view.setBigUint64(at + INSN_SIZE, first, true);
}

// ---------------------------------------------------------------- programs from pieces

/** An instruction; `map` is set for a load of a map's address (two instructions in the end). */
export interface Piece {
  readonly op: number;
  readonly dst: number;
  readonly src: number;
  readonly off: number;
  readonly imm: number;
  readonly map?: number;
}

const insn = (op: number, dst: number, src = 0, off = 0, imm = 0): Piece => ({
  op,
  dst,
  src,
  off,
  imm,
});

const MOV_IMM = 0xb7;
const MOV_REG = 0xbf;
const ADD_IMM = 0x07;
const ADD_REG = 0x0f;
const CALL = 0x85;
const EXIT = 0x95;
const FP = 10;

/** Program types that are made: number, libbpf's section, offsets of data and data_end. */
export const KINDS = [
  { type: 1, section: 'socket', data: undefined },
  { type: 3, section: 'tc', data: [76, 80] },
  { type: 6, section: 'xdp', data: [0, 4] },
] as const;

export type Kind = (typeof KINDS)[number];

/** Sizes of the maps' values, by index; keys have 4 bytes. All are arrays of two. */
export const MAP_VALUES = [8, 48, 64];

/** Slots of instructions: a map's address takes two. */
const lengthOf = (pieces: readonly Piece[]): number =>
  pieces.reduce((sum, { op }) => sum + (op === LD_IMM64 ? 2 : 1), 0);

/** Makes one program; `pieces` is what it consists of. */
export class Generator {
  readonly #random: Random;
  readonly #kind: Kind;

  constructor(random: Random, kind: Kind) {
    this.#random = random;
    this.#kind = kind;
  }

  /** Registers 6 to 9 keep scalars, 6 the context at first; 0 to 5 are for the moment. */
  program(): Piece[] {
    const random = this.#random;
    const body: Piece[] = [insn(MOV_REG, 6, 1)];
    for (const reg of [7, 8, 9]) body.push(...this.#scalar(reg));
    for (let left = 2 + random.below(12); left > 0; left--) body.push(...this.#chunk(2));
    return [...body, insn(MOV_IMM, 0, 0, 0, random.below(2)), insn(EXIT, 0)];
  }

  #register(): number {
    return this.#random.chance(96) ? this.#random.pick([7, 8, 9]) : this.#random.below(11);
  }

  /** A value nobody knows, or a constant. */
  #scalar(reg: number): Piece[] {
    const random = this.#random;
    if (random.chance(30)) return [insn(MOV_IMM, reg, 0, 0, number(random))];
    const call = [insn(CALL, 0, 0, 0, random.pick([5, 7, 8])), insn(MOV_REG, reg, 0)];
    return random.chance(50) ? call : [...call, ...this.#bound(reg)];
  }

  /** Makes a value small, one way or another. */
  #bound(reg: number): Piece[] {
    const random = this.#random;
    const limit = random.pick([1, 3, 7, 8, 15, 31, 63, 255]);
    const ways: readonly (() => Piece[])[] = [
      () => [insn(0x57, reg, 0, 0, limit)],
      () => [insn(0x97, reg, 0, 0, limit + 1)],
      () => [insn(0x25, reg, 0, 1, limit), insn(0x05, 0, 0, 1), insn(MOV_IMM, reg, 0, 0, limit)],
      () => [insn(0x67, reg, 0, 0, 32 + random.below(32)), insn(0x77, reg, 0, 0, 56)],
      () => [insn(0xc7, reg, 0, 0, random.below(64))],
      () => [insn(0x54, reg, 0, 0, limit)],
    ];
    return random.pick(ways)();
  }

  #chunk(depth: number): Piece[] {
    const random = this.#random;
    const chunks: readonly (() => Piece[])[] = [
      () => this.#arithmetic(),
      () => this.#arithmetic(),
      () => this.#stack(),
      () => this.#lookup(depth),
      () => this.#branch(depth),
      () => this.#branch(depth),
      () => this.#packet(),
      () => this.#context(),
      () => this.#loop(depth),
      () => this.#scalar(this.#register()),
      () => this.#bound(this.#register()),
    ];
    return random.pick(chunks)();
  }

  #arithmetic(): Piece[] {
    const random = this.#random;
    const operation = random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) << 4;
    const wide = random.chance(60) ? 7 : 4;
    const unary = operation === 0x80;
    const dst = this.#register();
    if (unary) return [insn(operation | wide, dst)];
    if (random.chance(50)) {
      const shift = [0x60, 0x70, 0xc0].includes(operation);
      const imm = shift ? random.below(wide === 7 ? 64 : 32) : number(random);
      return [insn(operation | wide, dst, 0, 0, imm)];
    }
    return [insn(operation | wide | 8, dst, this.#register(), 0, 0)];
  }

  /** Stores, then loads at the same place, now and then of another size. */
  #stack(): Piece[] {
    const random = this.#random;
    const size = random.pick([0x18, 0x00, 0x08, 0x10]);
    const off = -8 * (1 + random.below(8));
    const read = random.chance(80) ? size : random.pick([0x18, 0x00, 0x08, 0x10]);
    const store = random.chance(70)
      ? insn(0x63 | size, FP, this.#register(), off)
      : insn(0x62 | size, FP, 0, off, number(random));
    return [store, insn(0x61 | read, this.#register(), FP, off)];
  }

  /** Looks something up and touches what was found. */
  #lookup(depth: number): Piece[] {
    const random = this.#random;
    const map = random.below(MAP_VALUES.length);
    const off = -4 * (1 + random.below(4));
    const inside = [...this.#access(0, MAP_VALUES[map]!), ...(depth > 0 ? this.#chunk(0) : [])];
    const check = random.chance(95) ? [insn(0x15, 0, 0, lengthOf(inside), 0)] : [];
    return [
      insn(0x62, FP, 0, off, random.below(3)),
      insn(MOV_REG, 2, FP),
      insn(ADD_IMM, 2, 0, 0, off),
      { ...insn(LD_IMM64, 1), map },
      insn(CALL, 0, 0, 0, 1),
      ...check,
      ...inside,
    ];
  }

  /** A load or store near `reg`, perhaps at a place that depends on a value. */
  #access(reg: number, size: number): Piece[] {
    const random = this.#random;
    const bytes = random.pick([0x18, 0x00, 0x08, 0x10]);
    const index = this.#register();
    const move = random.chance(50)
      ? [...(random.chance(70) ? this.#bound(index) : []), insn(ADD_REG, reg, index)]
      : [];
    const off = random.chance(85) ? random.below(size) : number(random) % 4096;
    const touch = random.chance(50)
      ? insn(0x61 | bytes, this.#register(), reg, off)
      : insn(0x63 | bytes, reg, this.#register(), off);
    return [...move, touch];
  }

  #branch(depth: number): Piece[] {
    const random = this.#random;
    const inside = depth > 0 ? this.#chunk(depth - 1) : this.#arithmetic();
    const other: Piece[] = random.chance(40) ? this.#arithmetic() : [];
    const operation = random.pick([1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13]) << 4;
    const width = random.chance(60) ? 5 : 6;
    const skip = lengthOf(inside) + (other.length > 0 ? 1 : 0);
    const test = random.chance(60)
      ? insn(operation | width, this.#register(), 0, skip, number(random))
      : insn(operation | width | 8, this.#register(), this.#register(), skip, 0);
    const over = other.length > 0 ? [insn(0x05, 0, 0, lengthOf(other)), ...other] : [];
    return [test, ...inside, ...over];
  }

  /** Compares with the packet's end, then reads. */
  #packet(): Piece[] {
    const random = this.#random;
    const { data } = this.#kind;
    if (!data) return this.#arithmetic();
    const length = random.pick([1, 14, 20, 34, 64]);
    const inside = this.#access(2, length);
    return [
      insn(0x61, 2, 6, data[0]),
      insn(0x61, 3, 6, data[1]),
      insn(MOV_REG, 4, 2),
      insn(ADD_IMM, 4, 0, 0, length),
      insn(random.chance(90) ? 0x2d : random.pick([0x3d, 0xad, 0xbd]), 4, 3, lengthOf(inside)),
      ...inside,
    ];
  }

  #context(): Piece[] {
    const random = this.#random;
    const off = random.chance(90)
      ? 4 * random.below(this.#kind.type === 6 ? 6 : 48)
      : number(random) % 256;
    return [insn(0x61, this.#register(), 6, off)];
  }

  /** Counts a register up to a limit. */
  #loop(depth: number): Piece[] {
    const random = this.#random;
    // One counter: a loop inside would start it again and never let the outer one end.
    if (depth === 0) return this.#arithmetic();
    const inside = this.#chunk(0);
    const back = -(lengthOf(inside) + 2);
    return [
      insn(MOV_IMM, 5, 0, 0, 0),
      ...inside,
      insn(ADD_IMM, 5, 0, 0, 1),
      insn(0xa5, 5, 0, back, random.pick([2, 5, 20])),
    ];
  }
}

/** Pieces in wire format; maps are named by index (src_reg 1). */
export function encoded(pieces: readonly Piece[]): Uint8Array {
  const bytes = new Uint8Array(lengthOf(pieces) * INSN_SIZE);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const piece of pieces) {
    const src = piece.map === undefined ? piece.src : 1;
    view.setUint8(at, piece.op);
    view.setUint8(at + 1, piece.dst | (src << 4));
    view.setInt16(at + 2, piece.off, true);
    view.setInt32(at + 4, piece.map ?? piece.imm, true);
    at += piece.op === LD_IMM64 ? 2 * INSN_SIZE : INSN_SIZE;
  }
  return bytes;
}
