import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_ATOMIC,
  BPF_B,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_DIV,
  BPF_DW,
  BPF_END,
  BPF_EXIT,
  BPF_JA,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_JMP32,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_K,
  BPF_LDX,
  BPF_LSH,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_X,
} from '../../src/isa/index.ts';
import { Builder, type Label } from './program.ts';
import type { Random } from './random.ts';
import {
  VALUE_SIZE,
  FRAME_BYTES,
  ARGUMENT_BYTES,
  MOV64,
  ARITHMETIC,
  CONDITIONS,
  SIZES,
  ATOMICS,
  EDGES,
  DATA,
  POINTER,
  COUNTER,
  WITNESS,
  FRAME,
  type FunctionPlan,
} from './vocabulary.ts';

/** The parts programs are made of; control flow is in generate.ts. */
export class StatementGenerator {
  readonly random: Random;
  readonly builder = new Builder();
  functions: FunctionPlan[] = [];
  current = 0;
  /** Nesting of statements; loops use the counter register only outermost. */
  depth = 0;
  loops = 0;
  budget = 0;
  /** Now and then a program big enough to be compiled in pieces. */
  big = false;

  constructor(random: Random) {
    this.random = random;
  }

  constant(): number {
    const random = this.random;
    return random.oneIn(3) ? random.u32() | 0 : random.pick(EDGES);
  }

  /** dst = some number. */
  set(dst: number): void {
    const random = this.random;
    if (random.oneIn(3)) this.builder.wide(dst, random.u32() | 0, random.u32() | 0);
    else this.builder.insn(MOV64 | BPF_K, dst, 0, 0, this.constant());
  }

  data(): number {
    return this.random.pick(DATA);
  }

  arithmetic(): void {
    const random = this.random;
    const op = random.pick(ARITHMETIC) | (random.oneIn(2) ? BPF_ALU : BPF_ALU64);
    const signed = (op & 0xf0) === BPF_DIV || (op & 0xf0) === BPF_MOD ? random.below(2) : 0;
    const dst = this.data();
    if (random.oneIn(2)) this.builder.insn(op | BPF_K, dst, 0, signed, this.constant());
    else this.builder.insn(op | BPF_X, dst, this.operand(), signed);
    this.witness(dst);
  }

  witness(register: number): void {
    const b = this.builder;
    if (this.random.oneIn(4)) return;
    b.insn(BPF_ALU64 | BPF_MUL | BPF_K, WITNESS, 0, 0, 31);
    b.insn(BPF_ALU64 | BPF_ADD | BPF_X, WITNESS, register);
  }

  /** A register to read: now and then one that holds a pointer, whose value is a number too. */
  operand(): number {
    const random = this.random;
    return random.oneIn(12) ? random.pick([POINTER, COUNTER, FRAME]) : this.data();
  }

  unary(): void {
    const random = this.random;
    const b = this.builder;
    const dst = this.data();
    const bits = random.pick([16, 32, 64]);
    random.pick([
      () => b.insn(random.pick([BPF_ALU, BPF_ALU64]) | BPF_NEG, dst),
      () => b.insn(BPF_ALU | BPF_END | random.pick([BPF_K, BPF_X]), dst, 0, 0, bits),
      () => b.insn(BPF_ALU64 | BPF_END, dst, 0, 0, bits),
      () => b.insn(MOV64 | BPF_X, dst, this.operand(), random.pick([8, 16, 32])),
      () => b.insn(BPF_ALU | BPF_MOV | BPF_X, dst, this.operand(), random.pick([8, 16])),
    ])();
    this.witness(dst);
  }

  /** Base register and offset of `bytes` bytes that may be read and written. */
  place(bytes: number): { base: number; off: number } {
    const random = this.random;
    const aligned = (size: number) =>
      random.oneIn(5) ? random.below(size - bytes + 1) : random.below(size / bytes) * bytes;
    if (random.oneIn(2)) return { base: FRAME, off: aligned(FRAME_BYTES) - FRAME_BYTES };
    if (this.functions[this.current]!.kind !== 'main') {
      return { base: POINTER, off: aligned(ARGUMENT_BYTES) };
    }
    // Bytes 12 to 24 of the context hold nothing the machine needs.
    if (bytes <= 4 && random.oneIn(2)) return { base: POINTER, off: 12 + random.below(3) * 4 };
    const base = this.data();
    this.builder.wide(base, 0, 0, 'value');
    return { base, off: aligned(VALUE_SIZE) };
  }

  memory(): void {
    const random = this.random;
    const { size, bytes } = random.pick(SIZES);
    const { base, off } = this.place(bytes);
    this.access(base, off, size, bytes);
  }

  access(base: number, off: number, size: number, bytes: number): void {
    const random = this.random;
    const b = this.builder;
    const load = (mode: number): void => {
      const dst = this.data();
      b.insn(BPF_LDX | mode | size, dst, base, off);
      this.witness(dst);
    };
    random.pick([
      () => load(BPF_MEM),
      () => load(bytes < 8 ? BPF_MEMSX : BPF_MEM),
      () => b.insn(BPF_STX | BPF_MEM | size, base, this.operand(), off),
      () => b.insn(BPF_ST | BPF_MEM | size, base, 0, off, this.constant()),
    ])();
  }

  atomic(): void {
    const random = this.random;
    const { size, bytes } = random.pick(SIZES.slice(2));
    const { base, off } = this.place(bytes);
    let source = this.data();
    if (source === base) source = base === 0 ? 1 : 0;
    const aligned = random.oneIn(30) ? off : off & -bytes;
    const operation = random.pick(ATOMICS);
    this.builder.insn(BPF_STX | BPF_ATOMIC | size, base, source, aligned, operation);
    this.witness(operation === BPF_CMPXCHG ? 0 : source);
  }

  /** Access at an offset that is computed and masked. */
  variable(): void {
    const random = this.random;
    const b = this.builder;
    const [index, base] = random.oneIn(2) ? [1, 2] : [8, 4];
    const { size, bytes } = random.pick(SIZES);
    b.insn(MOV64 | BPF_X, index, this.data());
    b.insn(random.pick([BPF_ALU, BPF_ALU64]) | BPF_AND | BPF_K, index, 0, 0, 0x38);
    if (random.oneIn(2)) {
      b.insn(MOV64 | BPF_X, base, FRAME);
      b.insn(BPF_ALU64 | BPF_ADD | BPF_K, base, 0, 0, -FRAME_BYTES);
    } else {
      b.wide(base, 0, 0, 'value');
    }
    b.insn(BPF_ALU64 | BPF_ADD | BPF_X, base, index);
    this.access(base, random.below(9 - bytes), size, bytes);
  }

  condition(target: Label): void {
    const random = this.random;
    const op = random.pick(CONDITIONS) | random.pick([BPF_JMP, BPF_JMP32]);
    const dst = this.operand();
    if (random.oneIn(2)) this.builder.jump(op | BPF_K, target, dst, 0, this.constant());
    else this.builder.jump(op | BPF_X, target, dst, this.operand());
  }

  goto(target: Label): void {
    if (this.random.oneIn(4)) this.builder.far(BPF_JMP32 | BPF_JA, target);
    else this.builder.jump(BPF_JMP | BPF_JA, target);
  }

  simple(): void {
    if (this.random.oneIn(4)) this.unary();
    else this.arithmetic();
  }

  /** Access at base + counter, of the frame or the map's value. */
  walk(): void {
    const random = this.random;
    const b = this.builder;
    const { size, bytes } = random.pick(SIZES);
    if (random.oneIn(2)) {
      b.insn(MOV64 | BPF_X, 5, FRAME);
      b.insn(BPF_ALU64 | BPF_ADD | BPF_K, 5, 0, 0, -FRAME_BYTES);
    } else {
      b.wide(5, 0, 0, 'value');
    }
    b.insn(BPF_ALU64 | BPF_ADD | BPF_X, 5, COUNTER);
    this.access(5, random.between(0, 23 - bytes), size, bytes);
  }

  /** A pointer that goes through memory. */
  spill(): void {
    const random = this.random;
    const b = this.builder;
    const slot = -8 * random.between(1, 8);
    const { base, off } = this.place(8);
    const to = this.data();
    b.insn(BPF_STX | BPF_MEM | BPF_DW, FRAME, base, slot);
    b.insn(BPF_LDX | BPF_MEM | BPF_DW, to, FRAME, slot);
    this.access(to, off, BPF_B, 1);
  }

  /** bpf_probe_read_kernel from one place to another, of a length that may be 0. */
  copy(): void {
    const random = this.random;
    const b = this.builder;
    const size = random.below(17);
    b.insn(MOV64 | BPF_X, 1, FRAME);
    b.insn(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -8 * random.between(2, 8));
    b.insn(MOV64 | BPF_K, 2, 0, 0, random.oneIn(40) ? this.constant() : size);
    b.wide(3, random.below(48), 0, 'value');
    b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 113);
    for (const register of [1, 2, 3, 4, 5]) this.set(register);
  }

  /** Memory that the callee may use: part of this frame, or of what this function was given. */
  pointer(register: number): void {
    const random = this.random;
    const b = this.builder;
    if (random.oneIn(3) && this.functions[this.current]!.kind !== 'main') {
      b.insn(MOV64 | BPF_X, register, POINTER);
    } else if (random.oneIn(3)) {
      b.wide(register, random.below(2) * 32, 0, 'value');
    } else {
      b.insn(MOV64 | BPF_X, register, FRAME);
      b.insn(BPF_ALU64 | BPF_ADD | BPF_K, register, 0, 0, random.pick([-64, -48, -32]));
    }
  }

  /** A number in some range, by arithmetic or by comparisons that may leave to `out`. */
  bounded(index: number, out: Label): void {
    const random = this.random;
    const b = this.builder;
    const wide = random.pick([BPF_ALU64, BPF_ALU64, BPF_ALU]);
    const compare = random.pick([BPF_JMP, BPF_JMP, BPF_JMP32]);
    const limit = random.between(1, 40);
    const shift = random.between(58, 63) - (wide === BPF_ALU ? 32 : 0);
    b.insn(MOV64 | BPF_X, index, this.data());
    random.pick([
      () => b.insn(wide | BPF_AND | BPF_K, index, 0, 0, random.pick([7, 15, 31])),
      () => b.insn(wide | BPF_RSH | BPF_K, index, 0, 0, shift),
      () => b.insn(wide | BPF_ARSH | BPF_K, index, 0, 0, shift),
      () => b.insn(wide | BPF_MOD | BPF_K, index, 0, random.below(2), limit),
      () => b.jump(compare | random.pick([BPF_JGT, BPF_JGE]) | BPF_K, out, index, 0, limit),
      () => {
        b.jump(compare | random.pick([BPF_JSGT, BPF_JSGE]) | BPF_K, out, index, 0, limit);
        b.jump(compare | random.pick([BPF_JSLT, BPF_JSLE]) | BPF_K, out, index, 0, 0);
      },
      () => b.insn(BPF_LDX | BPF_MEM | BPF_B, index, FRAME, -random.between(1, FRAME_BYTES)),
    ])();
    if (random.oneIn(3)) {
      const operation = random.pick([BPF_ADD, BPF_MUL, BPF_LSH, BPF_SUB]);
      b.insn(wide | operation | BPF_K, index, 0, 0, random.between(-2, 3));
    }
    if (random.oneIn(4)) b.jump(compare | BPF_JGT | BPF_K, out, index, 0, 24);
  }

  /** Something a verifier would refuse: checked code must fault, in all engines alike. */
  wild(): void {
    const random = this.random;
    const b = this.builder;
    const { size, bytes } = random.pick(SIZES);
    random.pick([
      () => this.access(this.data(), random.between(-64, 64), size, bytes),
      () => this.access(FRAME, random.between(-8, 8), size, bytes),
      () => this.access(POINTER, random.between(-16, 80), size, bytes),
      () => b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 9999),
      () => b.insn(0xff),
      () => b.insn(BPF_JMP | BPF_EXIT),
      () => b.insn(BPF_ALU64 | BPF_ADD | BPF_K, FRAME, 0, 0, 8),
    ])();
  }
}
