import { BPF_PSEUDO_FUNC, type Code, decodeCode, encodeCode, LD_IMM64 } from '../isa/index.ts';
import { patchStaticBranch, type StaticBranch } from '../object/index.ts';
import type { Runtime } from '../runtime/types.ts';
import { imagesOf } from './fault.ts';
import { isRunning } from './run-state.ts';
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
  /**
   * Where its entry is, whichever one is taken. The slot that stands for the program is the first
   * one's own, so that one's entry gets another when it is first left. In the slots functions stay
   * right when a code memory moves them.
   */
  slot: number;
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
  readonly #first: Generation;
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
    this.#first = this.#generation(state);
    this.#current = this.#first.code;
    this.entry = this.#current.entry;
  }

  /** Makes the code for another state of the keys, which `commit` then takes. */
  prepare(key: number, on: boolean): void {
    const state = this.#state.map((was, i) => (i === key ? on : was));
    this.#next = this.#generation(state);
    this.#state = state;
  }

  commit(): void {
    if (!this.#next) return;
    const { code, slot } = this.#next;
    this.#next = undefined;
    this.#current = code;
    this.#install(slot);
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
    const { code, slot } = this.#first;
    if (slot !== code.entry) this.#runtime.functions.release(slot);
    for (const one of this.#generations.values()) one.code.dispose();
    this.#generations.clear();
  }

  #install(slot: number): void {
    const { functions } = this.#runtime;
    if (this.#first.slot === this.entry)
      this.#first.slot = functions.reserve(functions.get(this.entry));
    functions.set(this.entry, functions.get(slot === this.entry ? this.#first.slot : slot));
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
    if (this.#hasCallbacks || isRunning(this.#runtime)) return;
    const [name, { code }] = [...this.#generations].find(([, one]) => one !== this.#first)!;
    add(this.#counted, code.counts());
    code.dispose();
    this.#generations.delete(name);
  }

  #compile(state: readonly boolean[]): Generation {
    for (const branch of this.#branches) {
      patchStaticBranch(this.#code, branch, state[branch.key]!);
    }
    const code = this.#load({ ...this.#image, insns: encodeCode(this.#code) });
    return { code, slot: code.entry };
  }
}
