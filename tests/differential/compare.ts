import {
  type CompileOptions,
  type Engine,
  type LoadedCode,
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
import { VALUE_SIZE } from './vocabulary.ts';
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
const CONTEXTS = 3;

/** All that a run leaves behind, as text: two runs agree when the texts do. */
export interface Outcome {
  readonly end: string;
  readonly fault: ProgramFaultError | undefined;
  readonly memory: string;
  /** Executions per instruction of runs without fault; zeros unless profiled. */
  readonly counts: string;
  /** What a batch over several contexts gave afterwards, if there was one. */
  readonly batch: string;
  readonly batchFault: ProgramFaultError | undefined;
}

function describe(fault: ProgramFaultError): string {
  const { kind, insn, address, size, write, argument } = fault;
  return `${kind} at ${insn}: 0x${address.toString(16)} ${size} ${write} ${argument}`;
}

/** A machine that every variant of every program finds in the same state. */
export class World {
  readonly #runtime: Runtime;
  readonly #map: RuntimeMap;
  /** Two slots, the second taken. */
  readonly #programs: RuntimeMap;
  /** The first of CONTEXTS. */
  readonly #context: number;
  /** Room for the results of a batch, and behind it for its times. */
  readonly #results: number;
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
    this.#context = this.#runtime.allocate(CONTEXTS * CONTEXT.allocated, 64);
    this.#results = this.#runtime.allocate(CONTEXTS * 16);
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
    if (this.#programs.setObject(bytes(1), target.entry, 1) !== 0) throw new Error('prog_array');
  }

  #reset(stack: number): void {
    const runtime = this.#runtime;
    const view = runtime.view();
    runtime.clock = 12345n;
    runtime.u8().fill(stack, runtime.cpuBlock + C_STACK, runtime.cpuBlock + C_STACK_END);
    for (let i = 0; i < 2; i++) {
      this.#map.valueBytes(i).forEach((_, k, bytes) => (bytes[k] = (k * 37 + i * 11) & 0xff));
    }
    for (let k = 0; k < PACKET_SIZE; k++) view.setUint8(this.#packet + k, (k * 101) & 0xff);
    for (let n = 0; n < CONTEXTS; n++) {
      const words = [this.#packet, this.#packet + PACKET_SIZE - n, this.#packet, 1 + n, 2, -3];
      const context = this.#context + n * CONTEXT.allocated;
      words.forEach((word, i) => view.setInt32(context + 4 * i, word, true));
      view.setBigUint64(this.#results + 8 * CONTEXTS + 8 * n, BigInt(777 * n), true);
    }
  }

  /** Loads, runs and disposes of the program. A batch follows a run without fault, if wanted. */
  outcome(program: TestProgram, variant: Variant, wantsBatch: boolean, stack = 0): Outcome {
    this.#reset(stack);
    const code = variant.engine.load(this.#image(program), this.#runtime, {
      ...variant.options,
      fuel: program.fuel,
    });
    try {
      const outcome = this.#run(() => code.run(this.#context));
      const counts = outcome.fault ? '' : code.counts().join(' ');
      if (!wantsBatch || outcome.fault)
        return { ...outcome, counts, batch: '', batchFault: undefined };
      this.#reset(stack);
      const batchFault = this.#batch(code);
      return { ...outcome, counts, ...batchFault };
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

  #batch(code: LoadedCode): Pick<Outcome, 'batch' | 'batchFault'> {
    const [results, times] = [this.#results, this.#results + 8 * CONTEXTS];
    this.#runtime.u8().fill(0, results, times);
    const reached = code.batch(this.#context, CONTEXT.allocated, CONTEXTS, results, times);
    const batchFault = code.fault as ProgramFaultError | undefined;
    const verdicts = this.#runtime.i32().subarray(results >> 2, (results >> 2) + CONTEXTS);
    const end = batchFault ? describe(batchFault) : 'all';
    return { batch: `${reached} ${verdicts.join(' ')} ${end}\n${this.#memory()}`, batchFault };
  }

  #run(run: () => number): Pick<Outcome, 'end' | 'fault' | 'memory'> {
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
      end = describe(error);
    }
    return { end, fault, memory: this.#memory() };
  }

  #memory(): string {
    const u8 = this.#runtime.u8();
    const part = (from: number, size: number) =>
      Buffer.from(u8.subarray(from, from + size)).toString('hex');
    const values = [0, 1].map((i) => Buffer.from(this.#map.valueBytes(i)).toString('hex'));
    const context = part(this.#context, CONTEXTS * CONTEXT.allocated);
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
  wantsBatch = false,
): string | undefined {
  const [referee, ...others] = variants;
  const expected = world.outcome(program, referee!, wantsBatch);
  if (readsUnwrittenStack(world, program, referee!, wantsBatch, expected)) return undefined;
  for (const variant of others) {
    if (expected.fault && !variant.options.checks) continue;
    const batch = wantsBatch && (variant.options.checks || !expected.batchFault);
    const found = outcomeOrError(world, program, variant, batch);
    if (typeof found === 'string') return `${variant.name}: ${found}`;
    if (found.end !== expected.end) {
      return `${referee!.name}: ${expected.end}\n${variant.name}: ${found.end}`;
    }
    if (found.memory !== expected.memory) {
      return `${referee!.name}:\n${expected.memory}\n${variant.name}:\n${found.memory}`;
    }
    if (batch && found.batch !== expected.batch) {
      return `${referee!.name}: batch ${expected.batch}\n${variant.name}: batch ${found.batch}`;
    }
    if (found.counts !== expected.counts) {
      return `${referee!.name}: ${expected.counts}\n${variant.name}: ${found.counts}`;
    }
  }
  return undefined;
}

/** What a program finds in stack it has not written is unspecified: engines may differ. */
function readsUnwrittenStack(
  world: World,
  program: TestProgram,
  referee: Variant,
  wantsBatch: boolean,
  expected: Outcome,
): boolean {
  const other = world.outcome(program, referee, wantsBatch, 0x5a);
  const same = (key: 'end' | 'memory' | 'batch' | 'counts') => other[key] === expected[key];
  return !(same('end') && same('memory') && same('batch') && same('counts'));
}

function outcomeOrError(
  world: World,
  program: TestProgram,
  variant: Variant,
  wantsBatch: boolean,
): Outcome | string {
  try {
    return world.outcome(program, variant, wantsBatch);
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
