import {
  BPF_ABS,
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
  BPF_FETCH,
  BPF_H,
  BPF_IND,
  BPF_JA,
  BPF_JCOND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LSH,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_W,
  BPF_X,
  BPF_XCHG,
  BPF_XOR,
  LD_IMM64,
} from '../../src/isa/index.ts';
import { Builder, type Label, type TestProgram, withNops } from './program.ts';
import type { Random } from './random.ts';

/** Bytes a program may touch: of the map's value, of its own frame, behind a pointer argument. */
export const VALUE_SIZE = 64;
const FRAME_BYTES = 64;
const ARGUMENT_BYTES = 32;

const MOV64 = BPF_ALU64 | BPF_MOV;
const ARITHMETIC = [
  BPF_ADD,
  BPF_SUB,
  BPF_MUL,
  BPF_DIV,
  BPF_MOD,
  BPF_OR,
  BPF_AND,
  BPF_XOR,
  BPF_LSH,
  BPF_RSH,
  BPF_ARSH,
  BPF_MOV,
];
const CONDITIONS = [
  BPF_JEQ,
  BPF_JNE,
  BPF_JGT,
  BPF_JGE,
  BPF_JLT,
  BPF_JLE,
  BPF_JSET,
  BPF_JSGT,
  BPF_JSGE,
  BPF_JSLT,
  BPF_JSLE,
];
const SIZES = [
  { size: BPF_B, bytes: 1 },
  { size: BPF_H, bytes: 2 },
  { size: BPF_W, bytes: 4 },
  { size: BPF_DW, bytes: 8 },
];
const ATOMICS = [
  BPF_ADD,
  BPF_OR,
  BPF_AND,
  BPF_XOR,
  BPF_ADD | BPF_FETCH,
  BPF_OR | BPF_FETCH,
  BPF_AND | BPF_FETCH,
  BPF_XOR | BPF_FETCH,
  BPF_XCHG,
  BPF_CMPXCHG,
];
const EDGES = [
  0, 1, -1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff,
  0x10000, 0x7fffffff, -0x80000000, -0x7fffffff, -2, -8, -128, -129, -0x8000,
];

/** Registers with numbers in them. r6 is the context or a pointer argument, r7 a loop's counter. */
const DATA = [0, 1, 2, 3, 4, 5, 8];
const POINTER = 6;
const COUNTER = 7;
/** Results are mixed into r9 before something overwrites them. */
const WITNESS = 9;
const FRAME = 10;

interface FunctionPlan {
  readonly name: string;
  readonly label: Label;
  readonly kind: 'main' | 'subprogram' | 'callback';
}

/**
 * A program that ends, touches only what is its own (but for a wild access now and then), and folds
 * what it computed into r0. Registers that a call leaves unspecified are set anew after it.
 */
export function generateProgram(random: Random): TestProgram {
  return new Generator(random).program();
}

/**
 * The same with a few fields changed at random: mostly programs that a verifier would refuse.
 * Constants keep their registers, because what calls leave in r1 to r5 is nobody's business.
 */
export function mutate(program: TestProgram, random: Random): TestProgram {
  const mutant = withNops(program, []);
  const { code } = mutant;
  for (let n = random.between(1, 4); n > 0; n--) {
    const i = random.below(code.length);
    if (code.op[i] === (MOV64 | BPF_K) || code.op[i] === LD_IMM64 || code.op[i] === 0) continue;
    random.pick([
      () => (code.op[i] = random.u32()),
      () => (code.op[i] ^= 1 << random.below(8)),
      () => (code.dst[i] = random.below(12)),
      () => (code.src[i] = random.below(12)),
      () => (code.off[i] = random.between(-40, 40)),
      () => (code.off[i] = random.pick(EDGES)),
      () => (code.imm[i] = random.pick(EDGES)),
    ])();
  }
  return mutant;
}

class Generator {
  readonly #random: Random;
  readonly #builder = new Builder();
  #functions: FunctionPlan[] = [];
  #current = 0;
  /** Nesting of statements; loops use the counter register only outermost. */
  #depth = 0;
  #loops = 0;
  #budget = 0;
  /** Now and then a program big enough to be compiled in pieces. */
  #big = false;

  constructor(random: Random) {
    this.#random = random;
  }

  program(): TestProgram {
    const random = this.#random;
    this.#big = random.oneIn(150);
    const count = random.below(4);
    const kind = (i: number): FunctionPlan['kind'] => {
      if (i === 0) return 'main';
      return random.oneIn(3) ? 'callback' : 'subprogram';
    };
    this.#functions = Array.from({ length: count + 1 }, (_, i) => ({
      name: i === 0 ? 'main' : `f${i}`,
      label: this.#builder.label(),
      kind: kind(i),
    }));
    this.#functions.forEach((_, i) => this.#function(i));
    return this.#builder.finish(random.oneIn(6) ? random.between(1, 60) : 20_000);
  }

  #function(index: number): void {
    const random = this.#random;
    const plan = this.#functions[index]!;
    this.#current = index;
    this.#budget = this.#big ? random.between(200, 800) : random.between(3, index === 0 ? 30 : 12);
    this.#builder.function(plan.name, plan.label);
    this.#prologue(plan);
    while (this.#budget > 0) this.#statement();
    this.#fold(plan);
  }

  /** Everything that is read later gets a value. */
  #prologue(plan: FunctionPlan): void {
    const b = this.#builder;
    // A callback's pointer is its second argument.
    b.insn(MOV64 | BPF_X, POINTER, plan.kind === 'callback' ? 2 : 1);
    for (let off = -FRAME_BYTES; off < 0; off += 8) {
      const keep = plan.kind !== 'main' && this.#random.oneIn(3);
      if (keep) b.insn(BPF_STX | BPF_MEM | BPF_DW, FRAME, this.#random.between(2, 5), off);
      else b.insn(BPF_ST | BPF_MEM | BPF_DW, FRAME, 0, off, this.#constant());
    }
    for (const register of [...DATA, COUNTER, WITNESS]) {
      const argument = plan.kind === 'subprogram' && register >= 2 && register <= 5;
      if (!argument) this.#set(register);
    }
  }

  #constant(): number {
    const random = this.#random;
    return random.oneIn(3) ? random.u32() | 0 : random.pick(EDGES);
  }

  /** dst = some number. */
  #set(dst: number): void {
    const random = this.#random;
    if (random.oneIn(3)) this.#builder.wide(dst, random.u32() | 0, random.u32() | 0);
    else this.#builder.insn(MOV64 | BPF_K, dst, 0, 0, this.#constant());
  }

  #data(): number {
    return this.#random.pick(DATA);
  }

  #statement(): void {
    this.#budget--;
    const random = this.#random;
    const choices: (() => void)[] = [
      () => this.#arithmetic(),
      () => this.#arithmetic(),
      () => this.#arithmetic(),
      () => this.#unary(),
      () => this.#memory(),
      () => this.#memory(),
      () => this.#atomic(),
      () => this.#variable(),
      () => this.#spill(),
      () => this.#copy(),
    ];
    if (this.#depth < 3) {
      choices.push(
        () => this.#branch(),
        () => this.#branch(),
        () => this.#lookup(),
      );
      if (this.#loops < 2) {
        choices.push(
          () => this.#loop(),
          () => this.#irreducible(),
          () => this.#tightLoop(),
        );
      }
      choices.push(
        () => this.#call(),
        () => this.#packet(),
        () => this.#legacy(),
      );
      if (random.oneIn(10)) choices.push(() => this.#tailCall());
    }
    if (random.oneIn(80)) this.#wild();
    else if (random.oneIn(25)) this.#cluster();
    else random.pick(choices)();
  }

  #block(): void {
    this.#depth++;
    for (let n = this.#random.between(1, 3); n > 0; n--) this.#statement();
    this.#depth--;
  }

  #arithmetic(): void {
    const random = this.#random;
    const op = random.pick(ARITHMETIC) | (random.oneIn(2) ? BPF_ALU : BPF_ALU64);
    const signed = (op & 0xf0) === BPF_DIV || (op & 0xf0) === BPF_MOD ? random.below(2) : 0;
    const dst = this.#data();
    if (random.oneIn(2)) this.#builder.insn(op | BPF_K, dst, 0, signed, this.#constant());
    else this.#builder.insn(op | BPF_X, dst, this.#operand(), signed);
    this.#witness(dst);
  }

  #witness(register: number): void {
    const b = this.#builder;
    if (this.#random.oneIn(4)) return;
    b.insn(BPF_ALU64 | BPF_MUL | BPF_K, WITNESS, 0, 0, 31);
    b.insn(BPF_ALU64 | BPF_ADD | BPF_X, WITNESS, register);
  }

  /** A register to read: now and then one that holds a pointer, whose value is a number too. */
  #operand(): number {
    const random = this.#random;
    return random.oneIn(12) ? random.pick([POINTER, COUNTER, FRAME]) : this.#data();
  }

  #unary(): void {
    const random = this.#random;
    const b = this.#builder;
    const dst = this.#data();
    const bits = random.pick([16, 32, 64]);
    random.pick([
      () => b.insn(random.pick([BPF_ALU, BPF_ALU64]) | BPF_NEG, dst),
      () => b.insn(BPF_ALU | BPF_END | random.pick([BPF_K, BPF_X]), dst, 0, 0, bits),
      () => b.insn(BPF_ALU64 | BPF_END, dst, 0, 0, bits),
      () => b.insn(MOV64 | BPF_X, dst, this.#operand(), random.pick([8, 16, 32])),
      () => b.insn(BPF_ALU | BPF_MOV | BPF_X, dst, this.#operand(), random.pick([8, 16])),
    ])();
    this.#witness(dst);
  }

  /** Base register and offset of `bytes` bytes that may be read and written. */
  #place(bytes: number): { base: number; off: number } {
    const random = this.#random;
    const aligned = (size: number) =>
      random.oneIn(5) ? random.below(size - bytes + 1) : random.below(size / bytes) * bytes;
    if (random.oneIn(2)) return { base: FRAME, off: aligned(FRAME_BYTES) - FRAME_BYTES };
    if (this.#functions[this.#current]!.kind !== 'main') {
      return { base: POINTER, off: aligned(ARGUMENT_BYTES) };
    }
    // Bytes 12 to 24 of the context hold nothing the machine needs.
    if (bytes <= 4 && random.oneIn(2)) return { base: POINTER, off: 12 + random.below(3) * 4 };
    const base = this.#data();
    this.#builder.wide(base, 0, 0, 'value');
    return { base, off: aligned(VALUE_SIZE) };
  }

  #memory(): void {
    const random = this.#random;
    const { size, bytes } = random.pick(SIZES);
    const { base, off } = this.#place(bytes);
    this.#access(base, off, size, bytes);
  }

  #access(base: number, off: number, size: number, bytes: number): void {
    const random = this.#random;
    const b = this.#builder;
    const load = (mode: number): void => {
      const dst = this.#data();
      b.insn(BPF_LDX | mode | size, dst, base, off);
      this.#witness(dst);
    };
    random.pick([
      () => load(BPF_MEM),
      () => load(bytes < 8 ? BPF_MEMSX : BPF_MEM),
      () => b.insn(BPF_STX | BPF_MEM | size, base, this.#operand(), off),
      () => b.insn(BPF_ST | BPF_MEM | size, base, 0, off, this.#constant()),
    ])();
  }

  #atomic(): void {
    const random = this.#random;
    const { size, bytes } = random.pick(SIZES.slice(2));
    const { base, off } = this.#place(bytes);
    let source = this.#data();
    if (source === base) source = base === 0 ? 1 : 0;
    const aligned = random.oneIn(30) ? off : off & -bytes;
    const operation = random.pick(ATOMICS);
    this.#builder.insn(BPF_STX | BPF_ATOMIC | size, base, source, aligned, operation);
    this.#witness(operation === BPF_CMPXCHG ? 0 : source);
  }

  /** Access at an offset that is computed and masked. */
  #variable(): void {
    const random = this.#random;
    const b = this.#builder;
    const [index, base] = random.oneIn(2) ? [1, 2] : [8, 4];
    const { size, bytes } = random.pick(SIZES);
    b.insn(MOV64 | BPF_X, index, this.#data());
    b.insn(random.pick([BPF_ALU, BPF_ALU64]) | BPF_AND | BPF_K, index, 0, 0, 0x38);
    if (random.oneIn(2)) {
      b.insn(MOV64 | BPF_X, base, FRAME);
      b.insn(BPF_ALU64 | BPF_ADD | BPF_K, base, 0, 0, -FRAME_BYTES);
    } else {
      b.wide(base, 0, 0, 'value');
    }
    b.insn(BPF_ALU64 | BPF_ADD | BPF_X, base, index);
    this.#access(base, random.below(9 - bytes), size, bytes);
  }

  #condition(target: Label): void {
    const random = this.#random;
    const op = random.pick(CONDITIONS) | random.pick([BPF_JMP, BPF_JMP32]);
    const dst = this.#operand();
    if (random.oneIn(2)) this.#builder.jump(op | BPF_K, target, dst, 0, this.#constant());
    else this.#builder.jump(op | BPF_X, target, dst, this.#operand());
  }

  #goto(target: Label): void {
    if (this.#random.oneIn(4)) this.#builder.far(BPF_JMP32 | BPF_JA, target);
    else this.#builder.jump(BPF_JMP | BPF_JA, target);
  }

  /** if, if/else, or a switch-like ladder of jumps to one end. */
  #branch(): void {
    const random = this.#random;
    const b = this.#builder;
    const end = b.label();
    const otherwise = b.label();
    this.#condition(otherwise);
    this.#block();
    if (random.oneIn(3)) this.#condition(end);
    if (random.oneIn(2)) {
      this.#goto(end);
      b.place(otherwise);
      this.#block();
    } else {
      b.place(otherwise);
    }
    if (random.oneIn(4)) this.#block();
    b.place(end);
  }

  /** Counts down in r7 (outer loop) or in a slot of the frame that nothing else touches. */
  #countdown(count: number): { start(): void; again(target: Label): void } {
    const b = this.#builder;
    const slot = -FRAME_BYTES - 8 * (this.#loops + 1);
    if (this.#loops === 0) {
      return {
        start: () => b.insn(MOV64 | BPF_K, COUNTER, 0, 0, count),
        again: (target) => {
          b.insn(BPF_ALU64 | BPF_ADD | BPF_K, COUNTER, 0, 0, -1);
          b.jump(BPF_JMP | BPF_JSGT | BPF_K, target, COUNTER, 0, 0);
        },
      };
    }
    return {
      start: () => b.insn(BPF_ST | BPF_MEM | BPF_DW, FRAME, 0, slot, count),
      again: (target) => {
        b.insn(BPF_LDX | BPF_MEM | BPF_DW, 0, FRAME, slot);
        b.insn(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, -1);
        b.insn(BPF_STX | BPF_MEM | BPF_DW, FRAME, 0, slot);
        b.jump(BPF_JMP | BPF_JNE | BPF_K, target, 0, 0, 0);
      },
    };
  }

  #loop(): void {
    const random = this.#random;
    const b = this.#builder;
    const [top, out] = [b.label(), b.label()];
    const counter = this.#countdown(random.between(1, 6));
    counter.start();
    this.#loops++;
    b.place(top);
    if (random.oneIn(4)) b.jump(BPF_JMP | BPF_JCOND, out);
    this.#block();
    if (random.oneIn(3)) this.#condition(out);
    this.#loops--;
    counter.again(top);
    b.place(out);
  }

  /** Straight code round and round: what compilers unroll. Walks over memory, often to its end. */
  #tightLoop(): void {
    const random = this.#random;
    const b = this.#builder;
    if (this.#loops > 0) return this.#loop();
    const top = b.label();
    const up = random.oneIn(2);
    const count = random.between(1, 40);
    b.insn(MOV64 | BPF_K, COUNTER, 0, 0, up ? 0 : count);
    b.place(top);
    for (let n = random.between(1, 5); n > 0; n--) this.#simple();
    if (random.oneIn(2)) this.#walk();
    b.insn(BPF_ALU64 | BPF_ADD | BPF_K, COUNTER, 0, 0, up ? 1 : -1);
    const conditions = up ? [BPF_JNE, BPF_JLT, BPF_JSLT] : [BPF_JNE, BPF_JGT, BPF_JSGT];
    const width = random.pick([BPF_JMP, BPF_JMP32]);
    b.jump(random.pick(conditions) | width | BPF_K, top, COUNTER, 0, up ? count : 0);
  }

  #simple(): void {
    if (this.#random.oneIn(4)) this.#unary();
    else this.#arithmetic();
  }

  /** Access at base + counter, of the frame or the map's value. */
  #walk(): void {
    const random = this.#random;
    const b = this.#builder;
    const { size, bytes } = random.pick(SIZES);
    if (random.oneIn(2)) {
      b.insn(MOV64 | BPF_X, 5, FRAME);
      b.insn(BPF_ALU64 | BPF_ADD | BPF_K, 5, 0, 0, -FRAME_BYTES);
    } else {
      b.wide(5, 0, 0, 'value');
    }
    b.insn(BPF_ALU64 | BPF_ADD | BPF_X, 5, COUNTER);
    this.#access(5, random.between(0, 23 - bytes), size, bytes);
  }

  /** A pointer that goes through memory. */
  #spill(): void {
    const random = this.#random;
    const b = this.#builder;
    const slot = -8 * random.between(1, 8);
    const { base, off } = this.#place(8);
    const to = this.#data();
    b.insn(BPF_STX | BPF_MEM | BPF_DW, FRAME, base, slot);
    b.insn(BPF_LDX | BPF_MEM | BPF_DW, to, FRAME, slot);
    this.#access(to, off, BPF_B, 1);
  }

  /** bpf_probe_read_kernel from one place to another, of a length that may be 0. */
  #copy(): void {
    const random = this.#random;
    const b = this.#builder;
    const size = random.below(17);
    b.insn(MOV64 | BPF_X, 1, FRAME);
    b.insn(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -8 * random.between(2, 8));
    b.insn(MOV64 | BPF_K, 2, 0, 0, random.oneIn(40) ? this.#constant() : size);
    b.wide(3, random.below(48), 0, 'value');
    b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 113);
    for (const register of [1, 2, 3, 4, 5]) this.#set(register);
  }

  /** A loop that can be entered at two places. */
  #irreducible(): void {
    const random = this.#random;
    const b = this.#builder;
    const [first, second, out] = [b.label(), b.label(), b.label()];
    const counter = this.#countdown(random.between(2, 5));
    counter.start();
    this.#loops++;
    this.#condition(second);
    b.place(first);
    this.#block();
    b.place(second);
    this.#block();
    if (random.oneIn(3)) this.#condition(out);
    this.#loops--;
    counter.again(random.oneIn(2) ? first : second);
    if (random.oneIn(2)) this.#condition(out);
    b.place(out);
  }

  /** A later function (so that recursion is rare), directly or as a callback of bpf_loop. */
  #call(): void {
    const random = this.#random;
    const later = this.#functions.slice(random.oneIn(50) ? 1 : this.#current + 1);
    const b = this.#builder;
    if (later.length === 0) {
      b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 5);
    } else {
      const callee = random.pick(later);
      if (callee.kind === 'callback') this.#callBack(callee);
      else this.#callLocal(callee);
    }
    this.#witness(0);
    for (const register of [1, 2, 3, 4, 5]) this.#set(register);
  }

  /** Memory that the callee may use: part of this frame, or of what this function was given. */
  #pointer(register: number): void {
    const random = this.#random;
    const b = this.#builder;
    if (random.oneIn(3) && this.#functions[this.#current]!.kind !== 'main') {
      b.insn(MOV64 | BPF_X, register, POINTER);
    } else if (random.oneIn(3)) {
      b.wide(register, random.below(2) * 32, 0, 'value');
    } else {
      b.insn(MOV64 | BPF_X, register, FRAME);
      b.insn(BPF_ALU64 | BPF_ADD | BPF_K, register, 0, 0, random.pick([-64, -48, -32]));
    }
  }

  #callLocal(callee: FunctionPlan): void {
    this.#pointer(1);
    this.#builder.far(BPF_JMP | BPF_CALL, callee.label, 1);
  }

  #callBack(callee: FunctionPlan): void {
    const b = this.#builder;
    b.insn(MOV64 | BPF_K, 1, 0, 0, this.#random.below(4));
    b.functionAddress(2, callee.label);
    this.#pointer(3);
    b.insn(MOV64 | BPF_K, 4);
    b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 181);
  }

  /** bpf_map_lookup_elem with a key that may or may not be there. */
  #lookup(): void {
    const random = this.#random;
    const b = this.#builder;
    const missing = b.label();
    if (random.oneIn(3)) b.insn(BPF_STX | BPF_MEM | BPF_W, FRAME, this.#data(), -FRAME_BYTES);
    else b.insn(BPF_ST | BPF_MEM | BPF_W, FRAME, 0, -FRAME_BYTES, random.below(3));
    b.wide(1, 0, 0, 'map');
    b.insn(MOV64 | BPF_X, 2, FRAME);
    b.insn(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -FRAME_BYTES);
    b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 1);
    for (const register of [1, 2, 3, 4, 5]) this.#set(register);
    b.jump(BPF_JMP | BPF_JEQ | BPF_K, missing, 0, 0, 0);
    const { size, bytes } = random.pick(SIZES);
    b.insn(BPF_LDX | BPF_MEM | size, 3, 0, random.below(VALUE_SIZE - bytes + 1));
    b.insn(BPF_STX | BPF_MEM | size, 0, this.#data(), random.below(VALUE_SIZE - bytes + 1));
    b.place(missing);
  }

  /** The bounds check every packet program makes, then an access. Only main has the context. */
  #packet(): void {
    const random = this.#random;
    const b = this.#builder;
    if (this.#current !== 0) return this.#arithmetic();
    const out = b.label();
    const reach = random.pick([1, 14, 20, 34, 40]);
    b.insn(BPF_LDX | BPF_MEM | BPF_W, 1, POINTER, 0);
    b.insn(BPF_LDX | BPF_MEM | BPF_W, 2, POINTER, 4);
    b.insn(MOV64 | BPF_X, 3, 1);
    b.insn(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, reach);
    b.jump(BPF_JMP | BPF_JGT | BPF_X, out, 3, 2);
    const fitting = SIZES.filter(({ bytes }) => bytes <= reach);
    const { size, bytes } = random.pick(fitting);
    this.#access(1, random.below(reach - bytes + 1), size, bytes);
    if (random.oneIn(2)) this.#access(1, random.below(reach), BPF_B, 1);
    b.place(out);
  }

  /** ld_abs, ld_ind: past the packet's end they leave the function. */
  #legacy(): void {
    const random = this.#random;
    const b = this.#builder;
    const { size } = random.pick(SIZES.slice(0, 3));
    const reach = random.oneIn(8) ? 60 : 24;
    if (random.oneIn(2)) {
      b.insn(BPF_LD | BPF_ABS | size, 0, 0, 0, random.below(reach));
    } else {
      b.insn(BPF_ALU | BPF_AND | BPF_K, 8, 0, 0, 7);
      b.insn(BPF_LD | BPF_IND | size, 0, 8, 0, random.below(reach));
    }
    for (const register of [1, 2, 3, 4, 5]) this.#set(register);
    this.#witness(0);
  }

  /** To a program that may be there, or may not. Only main has the context. */
  #tailCall(): void {
    const b = this.#builder;
    if (this.#current !== 0) return this.#arithmetic();
    b.insn(MOV64 | BPF_X, 1, POINTER);
    b.wide(2, 0, 0, 'programs');
    b.insn(MOV64 | BPF_K, 3, 0, 0, this.#random.below(3));
    b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 12);
    for (const register of [1, 2, 3, 4, 5]) this.#set(register);
  }

  /** A number in some range, by arithmetic or by comparisons that may leave to `out`. */
  #bounded(index: number, out: Label): void {
    const random = this.#random;
    const b = this.#builder;
    const wide = random.pick([BPF_ALU64, BPF_ALU64, BPF_ALU]);
    const compare = random.pick([BPF_JMP, BPF_JMP, BPF_JMP32]);
    const limit = random.between(1, 40);
    const shift = random.between(58, 63) - (wide === BPF_ALU ? 32 : 0);
    b.insn(MOV64 | BPF_X, index, this.#data());
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

  /** Several accesses near one pointer that nobody has compared with anything. */
  #cluster(): void {
    const random = this.#random;
    const b = this.#builder;
    const [pointer, index] = random.oneIn(2) ? [4, 8] : [8, 2];
    const out = b.label();
    this.#bounded(index, out);
    const isPacket = this.#current === 0 && random.oneIn(2);
    if (isPacket) b.insn(BPF_LDX | BPF_MEM | BPF_W, pointer, POINTER, 0);
    else b.wide(pointer, 0, 0, 'value');
    b.insn(BPF_ALU64 | BPF_ADD | BPF_X, pointer, index);
    for (let n = random.between(2, 5); n > 0; n--) {
      const { size, bytes } = random.pick(SIZES);
      this.#access(pointer, random.between(-2, isPacket ? 12 : 40), size, bytes);
      if (random.oneIn(4))
        b.insn(BPF_ALU64 | BPF_ADD | BPF_K, pointer, 0, 0, random.between(-3, 8));
      if (random.oneIn(8)) b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 5);
    }
    b.place(out);
    for (const register of [1, 2, 3, 4, 5]) this.#set(register);
  }

  /** Something a verifier would refuse: checked code must fault, in all engines alike. */
  #wild(): void {
    const random = this.#random;
    const b = this.#builder;
    const { size, bytes } = random.pick(SIZES);
    random.pick([
      () => this.#access(this.#data(), random.between(-64, 64), size, bytes),
      () => this.#access(FRAME, random.between(-8, 8), size, bytes),
      () => this.#access(POINTER, random.between(-16, 80), size, bytes),
      () => b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 9999),
      () => b.insn(0xff),
      () => b.insn(BPF_JMP | BPF_EXIT),
      () => b.insn(BPF_ALU64 | BPF_ADD | BPF_K, FRAME, 0, 0, 8),
    ])();
  }

  /** r0 = all registers and the frame, mixed. */
  #fold(plan: FunctionPlan): void {
    const b = this.#builder;
    if (plan.kind === 'callback') {
      // Mostly go on with the loop.
      b.insn(BPF_ALU64 | BPF_AND | BPF_K, 0, 0, 0, this.#random.oneIn(3) ? 1 : 0);
      b.insn(BPF_JMP | BPF_EXIT);
      return;
    }
    for (const register of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
      b.insn(BPF_ALU64 | BPF_MUL | BPF_K, 0, 0, 0, 31);
      b.insn(BPF_ALU64 | BPF_ADD | BPF_X, 0, register);
    }
    for (let off = -FRAME_BYTES; off < 0; off += 16) {
      b.insn(BPF_LDX | BPF_MEM | BPF_DW, 1, FRAME, off);
      b.insn(BPF_ALU64 | BPF_XOR | BPF_X, 0, 1);
    }
    b.insn(BPF_JMP | BPF_EXIT);
  }
}
