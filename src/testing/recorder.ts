import type { Engine, LoadedCode, ProgramImage, StepState } from '../engine/index.ts';
import { type Code, decodeCode } from '../isa/index.ts';

/** Steps of a run that are kept: enough for the way to its verdict. */
const KEPT_STEPS = 512;
/** Runs that are kept. */
const KEPT_RUNS = 64;
/** A step is an instruction and, above it, the frame it ran in. */
const FRAME_SHIFT = 24;

/** What one run of a program did last, oldest step first. */
export interface RecordedRun {
  readonly program: RecordedProgram;
  /** Instructions it executed in all. */
  readonly executed: number;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly insn: number;
  /** 0 = the program itself, 1 = a subprogram it called, … */
  readonly frame: number;
}

/** A program that was loaded, and how often its instructions ran. */
export class RecordedProgram {
  readonly image: ProgramImage;
  readonly code: Code;
  /** Executions of each instruction. */
  readonly executions: Float64Array;
  /** Of conditional jumps: how often they jumped. */
  readonly taken: Float64Array;
  /** Ring of the steps of the run that goes on, and how many it has had. */
  readonly #ring = new Int32Array(KEPT_STEPS);
  #count = 0;
  #last = -1;

  constructor(image: ProgramImage) {
    this.image = image;
    this.code = decodeCode(image.insns);
    this.executions = new Float64Array(this.code.length);
    this.taken = new Float64Array(this.code.length);
  }

  begin(): void {
    this.#count = 0;
    this.#last = -1;
  }

  step(insn: number, frame: number): void {
    const last = this.#last;
    if (last >= 0 && insn !== last + 1) this.taken[last]!++;
    this.executions[insn]!++;
    this.#last = insn;
    this.#ring[this.#count++ % KEPT_STEPS] = insn | (frame << FRAME_SHIFT);
  }

  /** Steps of the run so far, or of the last one. */
  get run(): RecordedRun {
    const steps: Step[] = [];
    for (let i = Math.max(0, this.#count - KEPT_STEPS); i < this.#count; i++) {
      const step = this.#ring[i % KEPT_STEPS]!;
      steps.push({ insn: step & ((1 << FRAME_SHIFT) - 1), frame: step >>> FRAME_SHIFT });
    }
    return { program: this, executed: this.#count, steps };
  }
}

/** Watches the programs of a machine run: pass `engine` to the machine. */
export class Recorder {
  readonly programs: RecordedProgram[] = [];
  readonly engine: Engine;
  /** Programs in the order in which they last began to run. */
  #begun: RecordedProgram[] = [];

  constructor(inner: Engine) {
    this.engine = {
      name: inner.name,
      load: (image, runtime, options) => {
        const program = new RecordedProgram(image);
        this.programs.push(program);
        const onStep = (state: StepState) => this.#step(program, state);
        return inner.load(image, runtime, { ...options, onStep }) satisfies LoadedCode;
      },
    };
  }

  /** Forgets which programs ran so far, but not how often. */
  mark(): void {
    this.#begun = [];
  }

  /** What ran since `mark`, in the order of the beginnings; of each program its last run. */
  get runs(): readonly RecordedRun[] {
    return this.#begun.map((program) => program.run);
  }

  #step(program: RecordedProgram, { insn, frame }: StepState): void {
    if (insn === 0 && frame === 0) {
      program.begin();
      this.#begun = this.#begun.filter((one) => one !== program);
      this.#begun.push(program);
      if (this.#begun.length > KEPT_RUNS) this.#begun.shift();
    }
    program.step(insn, frame);
  }
}
