import { ByteReader } from '../base/index.ts';
import { Cursor } from './cursor.ts';
import type { Piece, Unit } from './types.ts';
import type { UnitReader } from './unit.ts';

/** What an expression asks of the program. Undefined: that is not known. */
export interface Surroundings {
  /** What a register holds, and an offset. */
  based(register: number, offset: bigint): bigint | undefined;
  /** A place in the frame (DW_OP_fbreg). */
  inFrame(offset: bigint): bigint | undefined;
  /** A little-endian number of 1 to 8 bytes. */
  read(address: bigint, size: number): bigint | undefined;
}

const MOST_STEPS = 10_000;
const MOST_STACK = 256;

/** DW_OP_*, of which ranges of 32 are literals and registers. */
const OP = {
  addr: 0x03,
  deref: 0x06,
  const1u: 0x08,
  const1s: 0x09,
  const2u: 0x0a,
  const2s: 0x0b,
  const4u: 0x0c,
  const4s: 0x0d,
  const8u: 0x0e,
  const8s: 0x0f,
  constu: 0x10,
  consts: 0x11,
  dup: 0x12,
  drop: 0x13,
  over: 0x14,
  pick: 0x15,
  swap: 0x16,
  rot: 0x17,
  abs: 0x19,
  and: 0x1a,
  div: 0x1b,
  minus: 0x1c,
  mod: 0x1d,
  mul: 0x1e,
  neg: 0x1f,
  not: 0x20,
  or: 0x21,
  plus: 0x22,
  plusUconst: 0x23,
  shl: 0x24,
  shr: 0x25,
  shra: 0x26,
  xor: 0x27,
  bra: 0x28,
  eq: 0x29,
  ge: 0x2a,
  gt: 0x2b,
  le: 0x2c,
  lt: 0x2d,
  ne: 0x2e,
  skip: 0x2f,
  lit0: 0x30,
  reg0: 0x50,
  breg0: 0x70,
  regx: 0x90,
  fbreg: 0x91,
  bregx: 0x92,
  piece: 0x93,
  derefSize: 0x94,
  nop: 0x96,
  implicitValue: 0x9e,
  stackValue: 0x9f,
  addrx: 0xa1,
  constx: 0xa2,
} as const;

const signed = (value: bigint): bigint => BigInt.asIntN(64, value);
const truth = (value: boolean): bigint => (value ? 1n : 0n);

/** Two from the stack, the upper one second. */
const BINARY: Readonly<Record<number, (a: bigint, b: bigint) => bigint>> = {
  [OP.and]: (a, b) => a & b,
  [OP.or]: (a, b) => a | b,
  [OP.xor]: (a, b) => a ^ b,
  [OP.plus]: (a, b) => a + b,
  [OP.minus]: (a, b) => a - b,
  [OP.mul]: (a, b) => a * b,
  [OP.div]: (a, b) => signed(a) / signed(b),
  [OP.mod]: (a, b) => a % b,
  [OP.shl]: (a, b) => (b > 63n ? 0n : a << b),
  [OP.shr]: (a, b) => (b > 63n ? 0n : a >> b),
  [OP.shra]: (a, b) => signed(a) >> (b > 63n ? 63n : b),
  [OP.eq]: (a, b) => truth(a === b),
  [OP.ne]: (a, b) => truth(a !== b),
  [OP.ge]: (a, b) => truth(signed(a) >= signed(b)),
  [OP.gt]: (a, b) => truth(signed(a) > signed(b)),
  [OP.le]: (a, b) => truth(signed(a) <= signed(b)),
  [OP.lt]: (a, b) => truth(signed(a) < signed(b)),
};

const UNARY: Readonly<Record<number, (a: bigint) => bigint>> = {
  [OP.abs]: (a) => (signed(a) < 0n ? -signed(a) : a),
  [OP.neg]: (a) => -a,
  [OP.not]: (a) => ~a,
};

/** Constants: bytes, and whether they have a sign. */
const CONSTANTS: Readonly<Record<number, readonly [size: number, signed: boolean]>> = {
  [OP.const1u]: [1, false],
  [OP.const1s]: [1, true],
  [OP.const2u]: [2, false],
  [OP.const2s]: [2, true],
  [OP.const4u]: [4, false],
  [OP.const4s]: [4, true],
  [OP.const8u]: [8, false],
  [OP.const8s]: [8, true],
};

/** The expression asks for what is not there. */
class Unknown extends Error {}

/**
 * Where a variable is (DWARF 5, section 2.6), in pieces from its first byte on; undefined: that is
 * not known here. Operations that this evaluator does not have (entry values, typed stacks, thread
 * storage) make it unknown too. Throws FormatError for an expression that is broken.
 */
export function evaluate(
  expression: Uint8Array,
  unit: Unit,
  around: Surroundings,
  littleEndian = true,
): Piece[] | undefined {
  const reader = new ByteReader(expression, 'DWARF expression', littleEndian);
  try {
    return new Evaluation(new Cursor(reader), reader.length, unit as UnitReader, around).pieces();
  } catch (error) {
    if (error instanceof Unknown) return undefined;
    throw error;
  }
}

class Evaluation {
  readonly #cursor: Cursor;
  readonly #end: number;
  readonly #unit: UnitReader;
  readonly #around: Surroundings;
  readonly #stack: bigint[] = [];
  readonly #pieces: Piece[] = [];
  /** The place that the operations before ended in, without DW_OP_piece so far. */
  #place: Piece | undefined;

  constructor(cursor: Cursor, end: number, unit: UnitReader, around: Surroundings) {
    this.#cursor = cursor;
    this.#end = end;
    this.#unit = unit;
    this.#around = around;
  }

  pieces(): Piece[] {
    for (let steps = 0; this.#cursor.at < this.#end; steps++) {
      if (steps === MOST_STEPS) this.#cursor.fail('an expression that does not end');
      this.#step(this.#cursor.u8());
    }
    const whole = this.#takePlace(0);
    if (this.#pieces.length === 0) return [whole];
    return this.#pieces;
  }

  #step(op: number): void {
    const cursor = this.#cursor;
    if (op >= OP.lit0 && op < OP.reg0) return this.#push(BigInt(op - OP.lit0));
    if (op >= OP.reg0 && op < OP.breg0) return this.#inRegister(op - OP.reg0);
    if (op >= OP.breg0 && op < OP.regx) {
      return this.#push(known(this.#around.based(op - OP.breg0, cursor.sleb())));
    }
    const constant = CONSTANTS[op];
    if (constant) return this.#push(this.#constant(...constant));
    const binary = BINARY[op];
    if (binary) return this.#binary(op, binary);
    const unary = UNARY[op];
    if (unary) return this.#push(unary(this.#pop()));
    this.#other(op);
  }

  #other(op: number): void {
    const cursor = this.#cursor;
    switch (op) {
      case OP.nop:
        return;
      case OP.regx:
        return this.#inRegister(cursor.uleb());
      case OP.bregx:
        return this.#push(known(this.#around.based(cursor.uleb(), cursor.sleb())));
      case OP.fbreg:
        return this.#push(known(this.#around.inFrame(cursor.sleb())));
      case OP.addr:
        return this.#push(BigInt(cursor.unsigned(this.#unit.addressSize)));
      case OP.addrx:
      case OP.constx:
        return this.#push(BigInt(this.#unit.addressOfIndex(cursor.uleb())));
      case OP.constu:
        return this.#push(cursor.uleb64());
      case OP.consts:
        return this.#push(cursor.sleb());
      case OP.plusUconst:
        return this.#push(this.#pop() + cursor.uleb64());
      case OP.deref:
        return this.#push(this.#read(this.#unit.addressSize));
      case OP.derefSize:
        return this.#push(this.#read(cursor.u8()));
      case OP.stackValue:
        this.#place = { kind: 'value', value: this.#pop(), size: 0 };
        return;
      case OP.implicitValue:
        this.#place = { kind: 'bytes', bytes: cursor.bytes(cursor.uleb()), size: 0 };
        return;
      case OP.piece:
        this.#pieces.push(this.#takePlace(cursor.uleb()));
        return;
      case OP.skip:
      case OP.bra:
        return this.#jump(op === OP.bra);
      default:
        return this.#shuffle(op);
    }
  }

  /** Operations on the stack alone. */
  #shuffle(op: number): void {
    const stack = this.#stack;
    switch (op) {
      case OP.dup:
        return this.#push(this.#peek(0));
      case OP.drop:
        this.#pop();
        return;
      case OP.over:
        return this.#push(this.#peek(1));
      case OP.pick:
        return this.#push(this.#peek(this.#cursor.u8()));
      case OP.swap:
        this.#peek(1);
        stack.push(...stack.splice(-2).reverse());
        return;
      case OP.rot:
        this.#peek(2);
        stack.splice(-3, 0, stack.pop()!);
        return;
      default:
        throw new Unknown();
    }
  }

  #constant(size: number, hasSign: boolean): bigint {
    const value = size === 8 ? this.#cursor.u64() : BigInt(this.#cursor.unsigned(size));
    return hasSign ? BigInt.asIntN(8 * size, value) : value;
  }

  #binary(op: number, work: (a: bigint, b: bigint) => bigint): void {
    const b = this.#pop();
    const a = this.#pop();
    if (b === 0n && (op === OP.div || op === OP.mod)) throw new Unknown();
    this.#push(work(a, b));
  }

  #jump(ifNotZero: boolean): void {
    const by = BigInt.asIntN(16, BigInt(this.#cursor.unsigned(2)));
    if (ifNotZero && this.#pop() === 0n) return;
    this.#cursor.at += Number(by);
    if (this.#cursor.at < 0) this.#cursor.fail('a jump out of the expression');
  }

  #inRegister(register: number): void {
    this.#place = { kind: 'register', register, size: 0 };
  }

  #takePlace(size: number): Piece {
    const place = this.#place;
    this.#place = undefined;
    if (place) return { ...place, size };
    const address = this.#stack.pop();
    this.#stack.length = 0;
    return address === undefined ? { kind: 'missing', size } : { kind: 'memory', address, size };
  }

  #read(size: number): bigint {
    return known(this.#around.read(this.#pop(), size));
  }

  #peek(depth: number): bigint {
    const value = this.#stack.at(-1 - depth);
    if (value === undefined) this.#cursor.fail('the stack is empty');
    return value;
  }

  #push(value: bigint): void {
    if (this.#stack.length === MOST_STACK) this.#cursor.fail('the stack is full');
    this.#stack.push(BigInt.asUintN(64, value));
  }

  #pop(): bigint {
    const value = this.#peek(0);
    this.#stack.pop();
    return value;
  }
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Unknown();
  return value;
}
