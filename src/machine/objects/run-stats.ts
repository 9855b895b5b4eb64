import type { LoadedCode, ProgramFault, ProgramImage } from '../../engine/index.ts';

/** What BPF_ENABLE_STATS counts of a program. */
export interface RunStats {
  /** Runs (run_cnt). */
  count: number;
  /** Nanoseconds they took (run_time_ns), of real time. */
  time: number;
  /** Runs left out because the program was running already (recursion_misses). */
  misses: number;
}

/** Code that counts its runs. Programs have it only while somebody wants the counts. */
export class CountedCode implements LoadedCode {
  readonly #code: LoadedCode;
  readonly #stats: RunStats;

  constructor(code: LoadedCode, stats: RunStats) {
    this.#code = code;
    this.#stats = stats;
  }

  get image(): ProgramImage {
    return this.#code.image;
  }

  get entry(): number {
    return this.#code.entry;
  }

  get fault(): ProgramFault | undefined {
    return this.#code.fault;
  }

  run(context: number): number {
    const start = performance.now();
    try {
      return this.#code.run(context);
    } finally {
      this.#add(1, start);
    }
  }

  batch(contexts: number, stride: number, count: number, results: number, times: number): number {
    const start = performance.now();
    const reached = this.#code.batch(contexts, stride, count, results, times);
    this.#add(Math.min(count, reached + (this.fault ? 1 : 0)), start);
    return reached;
  }

  #add(runs: number, start: number): void {
    this.#stats.count += runs;
    this.#stats.time += Math.round((performance.now() - start) * 1e6);
  }

  counts(): Float64Array {
    return this.#code.counts();
  }

  dispose(): void {
    this.#code.dispose();
  }
}
