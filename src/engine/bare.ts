/** Programs that hang at no hook: tests of the instruction set are such. */
import { BPF_ALU64, BPF_K, BPF_MOV, Code, encodeCode, INSN_SIZE } from '../isa/index.ts';
import { C_R0 } from '../runtime/layout.ts';
import type { Runtime } from '../runtime/index.ts';
import { ProgramFaultError } from './fault.ts';
import type { Engine, ProgramImage } from './types.ts';

/** A program without a hook: r1 points to plain memory. */
export interface BareProgram {
  /** Wire format. */
  readonly insns: Uint8Array;
  readonly functions?: ProgramImage['functions'];
  readonly memory: Uint8Array;
  /** True: as for a program nobody verified. */
  readonly checks: boolean;
  readonly fuel?: number;
}

export interface BareResult {
  /** Unsigned. */
  readonly r0: bigint;
  /** The memory as the program left it. */
  readonly memory: Uint8Array;
}

/** What ended a bare program: the engine's fault, with instructions counted as the caller does. */
export class BareFault extends Error {
  override readonly name = 'BareFault';
  readonly kind: ProgramFaultError['kind'];
  readonly insn: number;
  /** As the engine reported it. */
  readonly fault: ProgramFaultError;

  constructor(fault: ProgramFaultError, insn: number) {
    super(fault.message.replace(/ at insn \d+/, ` at insn ${insn}`), { cause: fault });
    this.kind = fault.kind;
    this.fault = fault;
    this.insn = insn;
  }
}

/** Puts `r2 = length` in front. Jumps and calls are relative: nothing else changes. */
function withLength(insns: Uint8Array, length: number): Uint8Array {
  const prologue = new Code(1);
  prologue.set(0, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, length);
  const all = new Uint8Array(INSN_SIZE + insns.length);
  all.set(encodeCode(prologue));
  all.set(insns, INSN_SIZE);
  return all;
}

function bareImage(program: BareProgram, before: number): ProgramImage {
  const { insns, memory, functions = [{ name: 'main', start: 0 }] } = program;
  return {
    name: 'main',
    id: 1,
    insns: before === 0 ? insns : withLength(insns, memory.length),
    functions: functions.map(({ name, start }) => ({ name, start: start && start + before })),
    lines: [],
    context: { size: memory.length, allocated: memory.length },
  };
}

/**
 * Runs a program once with r1 = `memory` and r2 = its length (both as of the entry; without memory
 * r1 points to nothing and r2 is 0). Throws `BareFault`.
 */
export function runBare(engine: Engine, runtime: Runtime, program: BareProgram): BareResult {
  const { memory, checks, fuel } = program;
  const before = memory.length > 0 ? 1 : 0;
  const address = runtime.allocate(Math.max(memory.length, 8), 8);
  runtime.u8().set(memory, address);
  const image = bareImage(program, before);
  const code = engine.load(image, runtime, { checks, ...(fuel === undefined ? {} : { fuel }) });
  try {
    code.run(address);
    const r0 = runtime.view().getBigUint64(runtime.cpuBlock + C_R0, true);
    return { r0, memory: runtime.u8().slice(address, address + memory.length) };
  } catch (error) {
    if (!(error instanceof ProgramFaultError)) throw error;
    throw new BareFault(error, error.insn < 0 ? -1 : error.insn - before);
  } finally {
    code.dispose();
    runtime.release(address);
  }
}
