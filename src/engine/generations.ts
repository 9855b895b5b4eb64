import { BPF_PSEUDO_FUNC, type Code, decodeCode, encodeCode, LD_IMM64 } from '../isa/index.ts';
import { patchStaticBranch, type StaticBranch } from '../object/index.ts';
import type { Runtime } from '../runtime/types.ts';
import { imagesOf } from './fault.ts';
import { saveRun } from './run-state.ts';
import type { LoadedCode, ProgramFault, ProgramImage } from './types.ts';

/** Generations of a program that are kept to be taken again. */
const MOST_KEPT = 64;

function add(sum: Float64Array, counts: Float64Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += counts[i]!;
}

/** A static branch and the place of its key in the list of the program's keys. */
export interface KeyedBranch extends StaticBranch {
  readonly key: number;
}

interface Generation {
  readonly code: LoadedCode;
  /** Its entry, for the slot of the function table that stands for the program. */
  readonly entry: unknown;
}

/**
 * Code with static branches. Nothing is patched where it stands: for each state of the keys that is
 * asked for there is a generation of its own, compiled with the jumps as they are then, so that a
 * branch that is off is no instruction at all. Taking another one changes the slot in the function
 * table, hence what hooks and tail calls find; invocations that run finish in the old code.
 */
export class SwitchedCode implements LoadedCode {
  readonly entry: number;
  readonly #image: ProgramImage;
  readonly #code: Code;
  readonly #branches: readonly KeyedBranch[];
  readonly #runtime: Runtime;
  readonly #load: (image: ProgramImage) => LoadedCode;
  /** By the state of the keys, least recently taken first. */
  readonly #generations = new Map<string, Generation>();
  /** Counts of generations that are gone. */
  readonly #counted: Float64Array;
  readonly #hasCallbacks: boolean;
  #current: LoadedCode;
  /** What ran the last batch. */
  #ran: LoadedCode | undefined;
  #next: Generation | undefined;
  #state: readonly boolean[];

  /** `image` has the jumps as they are in the object; `load` compiles one generation. */
  constructor(
    image: ProgramImage,
    branches: readonly KeyedBranch[],
    state: readonly boolean[],
    runtime: Runtime,
    load: (image: ProgramImage) => LoadedCode,
  ) {
    this.#image = image;
    const code = decodeCode(image.insns);
    this.#code = code;
    this.#counted = new Float64Array(code.length);
    this.#hasCallbacks = code.op.some(
      (op, i) => op === LD_IMM64 && code.src[i] === BPF_PSEUDO_FUNC,
    );
    this.#branches = branches;
    this.#runtime = runtime;
    this.#load = load;
    this.#state = state;
    const first = this.#generation(state);
    this.#current = first.code;
    this.entry = first.code.entry;
  }

  /** Makes the code for another state of the keys, which `commit` then takes. */
  prepare(key: number, on: boolean): void {
    const state = this.#state.map((was, i) => (i === key ? on : was));
    this.#next = this.#generation(state);
    this.#state = state;
  }

  commit(): void {
    if (!this.#next) return;
    const { code, entry } = this.#next;
    this.#next = undefined;
    this.#current = code;
    this.#install(entry);
  }

  get image(): ProgramImage {
    return this.#current.image;
  }

  run(context: number): number {
    return this.#current.run(context);
  }

  batch(contexts: number, stride: number, count: number, results: number, times: number): number {
    const code = this.#current;
    this.#ran = code;
    return code.batch(contexts, stride, count, results, times);
  }

  get fault(): ProgramFault | undefined {
    return this.#ran?.fault;
  }

  counts(): Float64Array {
    const sum = this.#counted.slice();
    for (const { code } of this.#generations.values()) add(sum, code.counts());
    return sum;
  }

  dispose(): void {
    for (const { code } of this.#generations.values()) code.dispose();
    this.#generations.clear();
  }

  #install(entry: unknown): void {
    this.#runtime.table.set(this.entry, entry);
    imagesOf(this.#runtime).set(this.#current.image.id, this.#current.image);
  }

  #generation(state: readonly boolean[]): Generation {
    const name = state.map(Number).join('');
    const known = this.#generations.get(name);
    this.#generations.delete(name);
    const generation = known ?? this.#compile(state);
    this.#generations.set(name, generation);
    if (this.#generations.size > MOST_KEPT) this.#forgetOldest();
    return generation;
  }

  /** Unless it may still run: in a run that goes on, or as a callback that waits. */
  #forgetOldest(): void {
    if (this.#hasCallbacks || saveRun(this.#runtime) !== undefined) return;
    const [name, { code }] = this.#generations.entries().next().value!;
    add(this.#counted, code.counts());
    code.dispose();
    this.#generations.delete(name);
  }

  #compile(state: readonly boolean[]): Generation {
    for (const branch of this.#branches) {
      patchStaticBranch(this.#code, branch, state[branch.key]!);
    }
    const code = this.#load({ ...this.#image, insns: encodeCode(this.#code) });
    return { code, entry: this.#runtime.table.get(code.entry) };
  }
}
