import {
  type CompileOptions,
  type Engine,
  ProgramFaultError,
  type ProgramImage,
} from '../../src/engine/index.ts';
import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import { assemble, encodeCode, gasText, insnSlots } from '../../src/isa/index.ts';
import { createRuntime } from '../../src/runtime/index.ts';
import {
  C_R0,
  C_STACK,
  C_STACK_END,
  M_VALUE_TAG,
  M_VALUES,
  REGION_MAP_HANDLE,
  TAG_BASE,
} from '../../src/runtime/layout.ts';
import type { Runtime, RuntimeMap } from '../../src/runtime/types.ts';
import { VALUE_SIZE } from './generate.ts';
import { placed, type TestProgram } from './program.ts';

export interface Variant {
  readonly name: string;
  readonly engine: Engine;
  readonly options: CompileOptions;
}

const CONTEXT: ProgramImage['context'] = {
  size: 24,
  allocated: 64,
  packet: { start: 0, end: 4, meta: 8 },
};
const PACKET_SIZE = 34;

/** All that a run leaves behind, as text: two runs agree when the texts do. */
export interface Outcome {
  readonly end: string;
  readonly fault: ProgramFaultError | undefined;
  readonly memory: string;
  /** Executions per instruction of runs without fault; zeros unless profiled. */
  readonly counts: string;
}

/** A machine that every variant of every program finds in the same state. */
export class World {
  readonly #runtime: Runtime;
  readonly #map: RuntimeMap;
  /** Two slots, the second taken. */
  readonly #programs: RuntimeMap;
  readonly #context: number;
  readonly #packet: number;
  #nextId = 1;

  constructor(shared = false) {
    this.#runtime = createRuntime({ cpus: 1, seed: 7, shared });
    this.#map = this.#runtime.createMap({
      name: 'world',
      type: 2,
      keySize: 4,
      valueSize: VALUE_SIZE,
      maxEntries: 2,
      flags: 0,
    });
    this.#programs = this.#runtime.createMap({
      name: 'programs',
      type: 3,
      keySize: 4,
      valueSize: 4,
      maxEntries: 2,
      flags: 0,
    });
    this.#context = this.#runtime.allocate(CONTEXT.allocated, 64);
    this.#packet = this.#runtime.allocate(PACKET_SIZE + 64, 64) + 32;
    this.#addTarget();
  }

  /** What tail calls go to: changes its stack and the context, faults for some contexts. */
  #addTarget(): void {
    const text = `
      *(u64 *)(r10 - 64) = 7
      r0 = *(u32 *)(r1 + 12)
      r2 = r0
      r2 &= 15
      if r2 == 15 goto bad
      r2 += 1
      *(u32 *)(r1 + 16) = r2
      exit
    bad:
      r0 = *(u8 *)(r1 + 300)
      exit`;
    const image = { name: 'target', id: 0, functions: [], lines: [], context: CONTEXT };
    const insns = encodeCode(assemble(text).code);
    const options = { checks: true };
    const target = interpreterEngine.load({ ...image, insns }, this.#runtime, options);
    const bytes = (n: number) => new Uint8Array(Uint32Array.of(n).buffer);
    if (this.#programs.update(bytes(1), bytes(target.entry)) !== 0) throw new Error('prog_array');
  }

  #reset(): void {
    const runtime = this.#runtime;
    const view = runtime.view();
    runtime.clock = 12345n;
    runtime.u8().fill(0, runtime.cpuBlock + C_STACK, runtime.cpuBlock + C_STACK_END);
    for (let i = 0; i < 2; i++) {
      this.#map.valueBytes(i).forEach((_, k, bytes) => (bytes[k] = (k * 37 + i * 11) & 0xff));
    }
    for (let k = 0; k < PACKET_SIZE; k++) view.setUint8(this.#packet + k, (k * 101) & 0xff);
    const words = [this.#packet, this.#packet + PACKET_SIZE, this.#packet, 1, 2, -3];
    words.forEach((word, i) => view.setInt32(this.#context + 4 * i, word, true));
  }

  /** Loads, runs and disposes of the program. */
  outcome(program: TestProgram, variant: Variant): Outcome {
    this.#reset();
    const code = variant.engine.load(this.#image(program), this.#runtime, {
      ...variant.options,
      fuel: program.fuel,
    });
    try {
      const outcome = this.#run(() => code.run(this.#context));
      return { ...outcome, counts: outcome.fault ? '' : code.counts().join(' ') };
    } finally {
      code.dispose();
    }
  }

  #image(program: TestProgram): ProgramImage {
    const view = this.#runtime.view();
    const { address } = this.#map;
    const pointer = (high: number, low: number) => (BigInt(high >>> 0) << 32n) | BigInt(low);
    const addresses = {
      value: pointer(
        view.getInt32(address + M_VALUE_TAG, true),
        view.getUint32(address + M_VALUES, true),
      ),
      map: pointer(TAG_BASE + REGION_MAP_HANDLE, address),
      programs: pointer(TAG_BASE + REGION_MAP_HANDLE, this.#programs.address),
    };
    return {
      name: 'random',
      id: this.#nextId++,
      insns: placed(program, addresses),
      functions: program.functions,
      lines: [],
      context: CONTEXT,
    };
  }

  #run(run: () => number): Omit<Outcome, 'counts'> {
    let fault: ProgramFaultError | undefined;
    let end: string;
    try {
      const low = run();
      const runtime = this.#runtime;
      const r0 = runtime.view().getBigUint64(runtime.cpuBlock + C_R0, true);
      end = `r0 = 0x${r0.toString(16)}, run() = ${low}`;
    } catch (error) {
      if (!(error instanceof ProgramFaultError)) throw error;
      fault = error;
      const { kind, insn, address, size, write, argument } = error;
      end = `${kind} at ${insn}: 0x${address.toString(16)} ${size} ${write} ${argument}`;
    }
    return { end, fault, memory: this.#memory() };
  }

  #memory(): string {
    const u8 = this.#runtime.u8();
    const part = (from: number, size: number) =>
      Buffer.from(u8.subarray(from, from + size)).toString('hex');
    const values = [0, 1].map((i) => Buffer.from(this.#map.valueBytes(i)).toString('hex'));
    const context = part(this.#context, CONTEXT.allocated);
    return [...values, context, part(this.#packet, PACKET_SIZE)].join('\n');
  }
}

/**
 * What differs between the variants, or undefined. The first variant is the referee and must be
 * checked: variants without checks only run what it found to be without fault.
 */
export function difference(
  world: World,
  program: TestProgram,
  variants: readonly Variant[],
): string | undefined {
  const [referee, ...others] = variants;
  const expected = world.outcome(program, referee!);
  for (const variant of others) {
    if (expected.fault && !variant.options.checks) continue;
    const found = outcomeOrError(world, program, variant);
    if (typeof found === 'string') return `${variant.name}: ${found}`;
    if (found.end !== expected.end) {
      return `${referee!.name}: ${expected.end}\n${variant.name}: ${found.end}`;
    }
    if (found.memory !== expected.memory) {
      return `${referee!.name}:\n${expected.memory}\n${variant.name}:\n${found.memory}`;
    }
    if (found.counts !== expected.counts) {
      return `${referee!.name}: ${expected.counts}\n${variant.name}: ${found.counts}`;
    }
  }
  return undefined;
}

function outcomeOrError(world: World, program: TestProgram, variant: Variant): Outcome | string {
  try {
    return world.outcome(program, variant);
  } catch (error) {
    return String(error);
  }
}

/** The program's text without its `goto +0`, with instruction numbers and where functions start. */
export function listing(program: TestProgram): string {
  const names = new Map(program.functions.map((f) => [f.start, f.name]));
  const lines: string[] = [];
  for (let i = 0; i < program.code.length; i += insnSlots(program.code, i)) {
    const name = names.get(i);
    if (name !== undefined) lines.push(`${name}:`);
    if (program.code.op[i] === 0x05 && program.code.off[i] === 0) continue;
    const symbol = program.symbols.get(i);
    const text = `${gasText(program.code, i)}${symbol === undefined ? '' : `  // ${symbol}`}`;
    lines.push(`${String(i).padStart(5)}: ${text}`);
  }
  return lines.join('\n');
}
