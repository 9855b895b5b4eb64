import type { Runtime } from '../runtime/types.ts';
import { imagesOf } from './fault.ts';
import type { LoadedCode, ProgramFault, ProgramImage } from './types.ts';

/**
 * Code of a program in which functions were replaced by those of others: it is compiled anew, and
 * takes the place of the program's own in the function table until `restore`. Runs that go on end
 * in the code they began in.
 */
export class ExtendedCode implements LoadedCode {
  readonly entry: number;
  readonly #own: LoadedCode;
  readonly #code: LoadedCode;
  readonly #runtime: Runtime;
  /** Where the program's own entry is meanwhile. */
  readonly #kept: number;

  constructor(own: LoadedCode, code: LoadedCode, runtime: Runtime) {
    this.entry = own.entry;
    this.#own = own;
    this.#code = code;
    this.#runtime = runtime;
    const { functions } = runtime;
    this.#kept = functions.reserve(functions.get(own.entry));
    functions.set(own.entry, functions.get(code.entry));
    imagesOf(runtime).set(code.image.id, code.image);
  }

  get image(): ProgramImage {
    return this.#code.image;
  }

  get fault(): ProgramFault | undefined {
    return this.#code.fault;
  }

  run(context: number): number {
    return this.#code.run(context);
  }

  batch(contexts: number, stride: number, count: number, results: number, times: number): number {
    return this.#code.batch(contexts, stride, count, results, times);
  }

  counts(): Float64Array {
    return this.#code.counts();
  }

  /** The program's own code is what runs again. */
  dispose(): void {
    const { functions } = this.#runtime;
    functions.set(this.entry, functions.get(this.#kept));
    functions.release(this.#kept);
    this.#code.dispose();
    imagesOf(this.#runtime).set(this.#own.image.id, this.#own.image);
  }
}
