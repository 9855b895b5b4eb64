import {
  BPF_ABS,
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_B,
  BPF_CALL,
  BPF_DW,
  BPF_EXIT,
  BPF_IND,
  BPF_JCOND,
  BPF_JEQ,
  BPF_JGT,
  BPF_JLT,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSGT,
  BPF_JSLT,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_MUL,
  BPF_ST,
  BPF_STX,
  BPF_W,
  BPF_X,
  BPF_XOR,
} from '../../src/isa/index.ts';
import type { Label, TestProgram } from './program.ts';
import type { Random } from './random.ts';
import { StatementGenerator } from './statements.ts';
import {
  VALUE_SIZE,
  FRAME_BYTES,
  MOV64,
  SIZES,
  DATA,
  POINTER,
  COUNTER,
  WITNESS,
  FRAME,
  type FunctionPlan,
} from './vocabulary.ts';

/**
 * A program that ends, touches only what is its own (but for a wild access now and then), and folds
 * what it computed into r0. Registers that a call leaves unspecified are set anew after it.
 */
export function generateProgram(random: Random): TestProgram {
  return new Generator(random).program();
}

class Generator extends StatementGenerator {
  program(): TestProgram {
    const random = this.random;
    this.big = random.oneIn(150);
    const count = random.below(4);
    const kind = (i: number): FunctionPlan['kind'] => {
      if (i === 0) return 'main';
      return random.oneIn(3) ? 'callback' : 'subprogram';
    };
    this.functions = Array.from({ length: count + 1 }, (_, i) => ({
      name: i === 0 ? 'main' : `f${i}`,
      label: this.builder.label(),
      kind: kind(i),
    }));
    this.functions.forEach((_, i) => this.function(i));
    return this.builder.finish(random.oneIn(6) ? random.between(1, 60) : 20_000);
  }

  function(index: number): void {
    const random = this.random;
    const plan = this.functions[index]!;
    this.current = index;
    this.budget = this.big ? random.between(200, 800) : random.between(3, index === 0 ? 30 : 12);
    this.builder.function(plan.name, plan.label);
    this.prologue(plan);
    while (this.budget > 0) this.statement();
    this.fold(plan);
  }

  /** Everything that is read later gets a value. */
  prologue(plan: FunctionPlan): void {
    const b = this.builder;
    // A callback's pointer is its second argument.
    b.insn(MOV64 | BPF_X, POINTER, plan.kind === 'callback' ? 2 : 1);
    for (let off = -FRAME_BYTES; off < 0; off += 8) {
      const keep = plan.kind !== 'main' && this.random.oneIn(3);
      if (keep) b.insn(BPF_STX | BPF_MEM | BPF_DW, FRAME, this.random.between(2, 5), off);
      else b.insn(BPF_ST | BPF_MEM | BPF_DW, FRAME, 0, off, this.constant());
    }
    for (const register of [...DATA, COUNTER, WITNESS]) {
      const argument = plan.kind === 'subprogram' && register >= 2 && register <= 5;
      if (!argument) this.set(register);
    }
  }

  statement(): void {
    this.budget--;
    const random = this.random;
    const choices: (() => void)[] = [
      () => this.arithmetic(),
      () => this.arithmetic(),
      () => this.arithmetic(),
      () => this.unary(),
      () => this.memory(),
      () => this.memory(),
      () => this.atomic(),
      () => this.variable(),
      () => this.spill(),
      () => this.copy(),
    ];
    if (this.depth < 3) {
      choices.push(
        () => this.branch(),
        () => this.branch(),
        () => this.lookup(),
      );
      if (this.loops < 2) {
        choices.push(
          () => this.loop(),
          () => this.irreducible(),
          () => this.tightLoop(),
        );
      }
      choices.push(
        () => this.call(),
        () => this.packet(),
        () => this.legacy(),
      );
      if (random.oneIn(10)) choices.push(() => this.tailCall());
    }
    if (random.oneIn(80)) this.wild();
    else if (random.oneIn(25)) this.cluster();
    else random.pick(choices)();
  }

  block(): void {
    this.depth++;
    for (let n = this.random.between(1, 3); n > 0; n--) this.statement();
    this.depth--;
  }

  /** if, if/else, or a switch-like ladder of jumps to one end. */
  branch(): void {
    const random = this.random;
    const b = this.builder;
    const end = b.label();
    const otherwise = b.label();
    this.condition(otherwise);
    this.block();
    if (random.oneIn(3)) this.condition(end);
    if (random.oneIn(2)) {
      this.goto(end);
      b.place(otherwise);
      this.block();
    } else {
      b.place(otherwise);
    }
    if (random.oneIn(4)) this.block();
    b.place(end);
  }

  /** Counts down in r7 (outer loop) or in a slot of the frame that nothing else touches. */
  countdown(count: number): { start(): void; again(target: Label): void } {
    const b = this.builder;
    const slot = -FRAME_BYTES - 8 * (this.loops + 1);
    if (this.loops === 0) {
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

  loop(): void {
    const random = this.random;
    const b = this.builder;
    const [top, out] = [b.label(), b.label()];
    const counter = this.countdown(random.between(1, 6));
    counter.start();
    this.loops++;
    b.place(top);
    if (random.oneIn(4)) b.jump(BPF_JMP | BPF_JCOND, out);
    this.block();
    if (random.oneIn(3)) this.condition(out);
    this.loops--;
    counter.again(top);
    b.place(out);
  }

  /** Straight code round and round: what compilers unroll. Walks over memory, often to its end. */
  tightLoop(): void {
    const random = this.random;
    const b = this.builder;
    if (this.loops > 0) return this.loop();
    const top = b.label();
    const up = random.oneIn(2);
    const count = random.between(1, 40);
    b.insn(MOV64 | BPF_K, COUNTER, 0, 0, up ? 0 : count);
    b.place(top);
    for (let n = random.between(1, 5); n > 0; n--) this.simple();
    if (random.oneIn(2)) this.walk();
    b.insn(BPF_ALU64 | BPF_ADD | BPF_K, COUNTER, 0, 0, up ? 1 : -1);
    const conditions = up ? [BPF_JNE, BPF_JLT, BPF_JSLT] : [BPF_JNE, BPF_JGT, BPF_JSGT];
    const width = random.pick([BPF_JMP, BPF_JMP32]);
    b.jump(random.pick(conditions) | width | BPF_K, top, COUNTER, 0, up ? count : 0);
  }

  /** A loop that can be entered at two places. */
  irreducible(): void {
    const random = this.random;
    const b = this.builder;
    const [first, second, out] = [b.label(), b.label(), b.label()];
    const counter = this.countdown(random.between(2, 5));
    counter.start();
    this.loops++;
    this.condition(second);
    b.place(first);
    this.block();
    b.place(second);
    this.block();
    if (random.oneIn(3)) this.condition(out);
    this.loops--;
    counter.again(random.oneIn(2) ? first : second);
    if (random.oneIn(2)) this.condition(out);
    b.place(out);
  }

  /** A later function (so that recursion is rare), directly or as a callback of bpf_loop. */
  call(): void {
    const random = this.random;
    const later = this.functions.slice(random.oneIn(50) ? 1 : this.current + 1);
    const b = this.builder;
    if (later.length === 0) {
      b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 5);
    } else {
      const callee = random.pick(later);
      if (callee.kind === 'callback') this.callBack(callee);
      else this.callLocal(callee);
    }
    this.witness(0);
    for (const register of [1, 2, 3, 4, 5]) this.set(register);
  }

  callLocal(callee: FunctionPlan): void {
    this.pointer(1);
    this.builder.far(BPF_JMP | BPF_CALL, callee.label, 1);
  }

  callBack(callee: FunctionPlan): void {
    const b = this.builder;
    b.insn(MOV64 | BPF_K, 1, 0, 0, this.random.below(4));
    b.functionAddress(2, callee.label);
    this.pointer(3);
    b.insn(MOV64 | BPF_K, 4);
    b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 181);
  }

  /** bpf_map_lookup_elem with a key that may or may not be there. */
  lookup(): void {
    const random = this.random;
    const b = this.builder;
    const missing = b.label();
    if (random.oneIn(3)) b.insn(BPF_STX | BPF_MEM | BPF_W, FRAME, this.data(), -FRAME_BYTES);
    else b.insn(BPF_ST | BPF_MEM | BPF_W, FRAME, 0, -FRAME_BYTES, random.below(3));
    b.wide(1, 0, 0, 'map');
    b.insn(MOV64 | BPF_X, 2, FRAME);
    b.insn(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -FRAME_BYTES);
    b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 1);
    for (const register of [1, 2, 3, 4, 5]) this.set(register);
    b.jump(BPF_JMP | BPF_JEQ | BPF_K, missing, 0, 0, 0);
    const { size, bytes } = random.pick(SIZES);
    b.insn(BPF_LDX | BPF_MEM | size, 3, 0, random.below(VALUE_SIZE - bytes + 1));
    b.insn(BPF_STX | BPF_MEM | size, 0, this.data(), random.below(VALUE_SIZE - bytes + 1));
    b.place(missing);
  }

  /** The bounds check every packet program makes, then an access. Only main has the context. */
  packet(): void {
    const random = this.random;
    const b = this.builder;
    if (this.current !== 0) return this.arithmetic();
    const out = b.label();
    const reach = random.pick([1, 14, 20, 34, 40]);
    b.insn(BPF_LDX | BPF_MEM | BPF_W, 1, POINTER, 0);
    b.insn(BPF_LDX | BPF_MEM | BPF_W, 2, POINTER, 4);
    b.insn(MOV64 | BPF_X, 3, 1);
    b.insn(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, reach);
    b.jump(BPF_JMP | BPF_JGT | BPF_X, out, 3, 2);
    const fitting = SIZES.filter(({ bytes }) => bytes <= reach);
    const { size, bytes } = random.pick(fitting);
    this.access(1, random.below(reach - bytes + 1), size, bytes);
    if (random.oneIn(2)) this.access(1, random.below(reach), BPF_B, 1);
    b.place(out);
  }

  /** ld_abs, ld_ind: past the packet's end they leave the function. */
  legacy(): void {
    const random = this.random;
    const b = this.builder;
    const { size } = random.pick(SIZES.slice(0, 3));
    const reach = random.oneIn(8) ? 60 : 24;
    if (random.oneIn(2)) {
      b.insn(BPF_LD | BPF_ABS | size, 0, 0, 0, random.below(reach));
    } else {
      b.insn(BPF_ALU | BPF_AND | BPF_K, 8, 0, 0, 7);
      b.insn(BPF_LD | BPF_IND | size, 0, 8, 0, random.below(reach));
    }
    for (const register of [1, 2, 3, 4, 5]) this.set(register);
    this.witness(0);
  }

  /** To a program that may be there, or may not. Only main has the context. */
  tailCall(): void {
    const b = this.builder;
    if (this.current !== 0) return this.arithmetic();
    b.insn(MOV64 | BPF_X, 1, POINTER);
    b.wide(2, 0, 0, 'programs');
    b.insn(MOV64 | BPF_K, 3, 0, 0, this.random.below(3));
    b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 12);
    for (const register of [1, 2, 3, 4, 5]) this.set(register);
  }

  /** Several accesses near one pointer that nobody has compared with anything. */
  cluster(): void {
    const random = this.random;
    const b = this.builder;
    const [pointer, index] = random.oneIn(2) ? [4, 8] : [8, 2];
    const out = b.label();
    this.bounded(index, out);
    const isPacket = this.current === 0 && random.oneIn(2);
    if (isPacket) b.insn(BPF_LDX | BPF_MEM | BPF_W, pointer, POINTER, 0);
    else b.wide(pointer, 0, 0, 'value');
    b.insn(BPF_ALU64 | BPF_ADD | BPF_X, pointer, index);
    for (let n = random.between(2, 5); n > 0; n--) {
      const { size, bytes } = random.pick(SIZES);
      this.access(pointer, random.between(-2, isPacket ? 12 : 40), size, bytes);
      if (random.oneIn(4))
        b.insn(BPF_ALU64 | BPF_ADD | BPF_K, pointer, 0, 0, random.between(-3, 8));
      if (random.oneIn(8)) b.insn(BPF_JMP | BPF_CALL, 0, 0, 0, 5);
    }
    b.place(out);
    for (const register of [1, 2, 3, 4, 5]) this.set(register);
  }

  /** r0 = all registers and the frame, mixed. */
  fold(plan: FunctionPlan): void {
    const b = this.builder;
    if (plan.kind === 'callback') {
      // Mostly go on with the loop.
      b.insn(BPF_ALU64 | BPF_AND | BPF_K, 0, 0, 0, this.random.oneIn(3) ? 1 : 0);
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
