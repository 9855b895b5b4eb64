/** Programs in front of and behind functions of other programs (kernel/bpf/trampoline.c). */
import type { CallContract, KernelProfile } from '../../abi/index.ts';
import type { ProgramImage } from '../../engine/index.ts';
import {
  BPF_ADD,
  BPF_ALU64,
  BPF_DW,
  BPF_K,
  BPF_LDX,
  BPF_MEM,
  BPF_MOV,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_STX,
  BPF_X,
  CALL,
  Code,
  encodeCode,
  EXIT,
  FRAME_POINTER,
} from '../../isa/index.ts';
import { contextPointer } from '../../runtime/host/pointers.ts';
import { C_CTX } from '../../runtime/layout.ts';
import type { Runtime } from '../../runtime/index.ts';
import { PacketStructs } from '../objects/packet-structs.ts';
import type { MachineProgram } from '../program.ts';
import { type Target, typesOf } from './target.ts';

/** Registers a function gets its arguments in. */
const REGISTERS = 5;
/** In the frame of the code around a function: its arguments, then its result. */
const WORDS = REGISTERS + 1;
/** MAX_BPF_FUNC_ARGS and the result. */
const CONTEXT_WORDS = 13;
/** BPF_MAX_TRAMP_LINKS */
const MOST = 38;

/** The kernel function by which the code around a function comes here. */
const PASS: CallContract = {
  callee: 'kfunc',
  name: '__bpf_trampoline',
  args: [
    { kind: 'scalar', name: 'function' },
    { kind: 'any', name: 'words' },
    { kind: 'scalar', name: 'returned' },
  ],
  returns: { kind: 'void' },
};

/** What runs in place of a function, and which of its instructions calls that. */
export interface Surrounding {
  readonly image: ProgramImage;
  readonly calls: number;
}

/** The programs at one function, those that came last first. */
export class Trampoline {
  readonly number: number;
  readonly target: Target;
  /** New lists with each change: runs go on over the old ones. */
  fentry: readonly MachineProgram[] = [];
  fexit: readonly MachineProgram[] = [];
  /** Where the result is in the context of programs: behind this many arguments. */
  readonly params: number;

  constructor(number: number, target: Target) {
    this.number = number;
    this.target = target;
    this.params = paramsOf(target);
  }

  get size(): number {
    return this.fentry.length + this.fexit.length;
  }

  get full(): boolean {
    return this.size >= MOST;
  }
}

/** All registers where no BTF says how many. */
function paramsOf({ program, btfId }: Target): number {
  const types = typesOf(program);
  const func = types && btfId !== 0 ? types.type(btfId) : undefined;
  const proto = func?.kind === 'func' ? types!.type(func.type) : undefined;
  return proto?.kind === 'func_proto' ? Math.min(proto.params.length, REGISTERS) : REGISTERS;
}

/** The trampolines of a machine, as the code around functions calls them. */
export class Trampolines {
  readonly #runtime: Runtime;
  readonly #structs: PacketStructs;
  readonly #all = new Map<number, Trampoline>();
  #next = 1;

  constructor(runtime: Runtime, rules: KernelProfile | undefined) {
    this.#runtime = runtime;
    this.#structs = new PacketStructs(runtime, rules);
    runtime.setHostKfunc(PASS.name, PASS.args.length, (call) => {
      // Gone: the run that goes on began when there were programs.
      const trampoline = this.#all.get(call.u32(0));
      if (trampoline) this.#pass(trampoline, call.u32(1), call.u32(2) !== 0);
    });
  }

  make(target: Target): Trampoline {
    const made = new Trampoline(this.#next++, target);
    this.#all.set(made.number, made);
    return made;
  }

  forget({ number }: Trampoline): void {
    this.#all.delete(number);
  }

  /** `words`: address of the function's arguments, and its result if it has returned. */
  #pass(trampoline: Trampoline, words: number, returned: boolean): void {
    const { target, fentry, fexit } = trampoline;
    const programs = returned ? fexit : fentry;
    if (programs.length === 0) return;
    const runtime = this.#runtime;
    const context = runtime.u32()[(runtime.cpuBlock + C_CTX) >>> 2]!;
    this.#structs.during(target.program.parts.runsAs, context, (struct) => {
      const at = runtime.allocate(8 * CONTEXT_WORDS, 8);
      try {
        runtime.u8().fill(0, at, at + 8 * CONTEXT_WORDS);
        const own = contextPointer(context);
        this.#fill(at, words, trampoline.params, returned, (word) =>
          word === own ? struct : word,
        );
        for (const { code } of programs) code.run(at);
      } finally {
        runtime.release(at);
      }
    });
  }

  /**
   * The context of the programs. Those at a function whose types are not to be relied on find the
   * result behind five registers, others behind the parameters.
   */
  #fill(
    at: number,
    words: number,
    params: number,
    returned: boolean,
    translate: (word: bigint) => bigint,
  ): void {
    const view = this.#runtime.view();
    for (let i = 0; i < REGISTERS; i++) {
      view.setBigUint64(at + 8 * i, translate(view.getBigUint64(words + 8 * i, true)), true);
    }
    const result = returned ? view.getBigUint64(words + 8 * REGISTERS, true) : 0n;
    for (const place of new Set([params, REGISTERS])) {
      if (returned || place === REGISTERS) view.setBigUint64(at + 8 * place, result, true);
    }
  }
}

type Row = readonly [op: number, dst: number, src: number, off: number, imm: number];

const STORE = BPF_STX | BPF_DW | BPF_MEM;
const LOAD = BPF_LDX | BPF_DW | BPF_MEM;
const MOVE = BPF_ALU64 | BPF_MOV | BPF_K;
/** Where in the frame a word is. */
const place = (word: number): number => 8 * (word - WORDS);

/** Tells the trampoline, with the words in the frame. */
function tell(number: number, returned: boolean): Row[] {
  return [
    [MOVE, 1, 0, 0, number],
    [BPF_ALU64 | BPF_MOV | BPF_X, 2, FRAME_POINTER, 0, 0],
    [BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, place(0)],
    [MOVE, 3, 0, 0, returned ? 1 : 0],
    [CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, 0],
  ];
}

/** What stands in place of a traced function: it calls that one, and tells before and after. */
export function around(own: ProgramImage, { number, target }: Trampoline): Surrounding {
  const registers = Array.from({ length: REGISTERS }, (_, i) => i);
  const rows: Row[] = [
    ...registers.map((i): Row => [STORE, FRAME_POINTER, i + 1, place(i), 0]),
    ...tell(number, false),
    ...registers.map((i): Row => [LOAD, i + 1, FRAME_POINTER, place(i), 0]),
  ];
  const calls = rows.length;
  rows.push(
    [CALL, 0, BPF_PSEUDO_CALL, 0, 0],
    [STORE, FRAME_POINTER, 0, place(REGISTERS), 0],
    ...tell(number, true),
    [LOAD, 0, FRAME_POINTER, place(REGISTERS), 0],
    [EXIT, 0, 0, 0, 0],
  );
  const code = new Code(rows.length);
  rows.forEach((row, i) => code.set(i, ...row));
  const functions = [{ name: `${target.name} (trampoline)`, start: 0 }];
  const { objectTypes: _none, ...rest } = own;
  const image = { ...rest, insns: encodeCode(code), functions, lines: [], kfuncs: [PASS] };
  return { image, calls };
}
