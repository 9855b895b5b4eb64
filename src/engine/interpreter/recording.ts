import { BugError } from '../../base/index.ts';
import { INSN_SIZE, isJump } from '../../isa/index.ts';
import { C_INTERPRETER } from '../../runtime/layout.ts';
import type { Runtime } from '../../runtime/types.ts';
import type { Engine, ProgramImage } from '../types.ts';
import { FRAMES, F_RETURN, F_SIZE, STEPS_LEFT } from './core/ops.ts';
import { InterpretedCode } from './index.ts';
import { MemoryHistory, type MemoryState } from './memory-history.ts';

/** Steps between checkpoints at first; doubled when there are too many. */
const INTERVAL = 1 << 14;
const MOST_CHECKPOINTS = 64;
/** More steps than anybody waits for. */
const NOBODY = 0xffff_ffff;
/** A step is an instruction and, above it, the frame it ran in. */
const FRAME_SHIFT = 24;
const INSN_MASK = (1 << FRAME_SHIFT) - 1;
const REGISTERS = 11;

/** A place in a run: before this instruction ran. */
export interface RecordedStep {
  readonly image: ProgramImage;
  readonly insn: number;
  /** Frames that are open: 0 = the program itself. */
  readonly frame: number;
}

/** The registers of an open frame, and where it is. */
export interface RecordedFrame extends RecordedStep {
  readonly registers: readonly bigint[];
}

/** Reads a register of the frame a step is in. */
export type ReadRegister = (register: number) => bigint;

/** Where a run can go on without its beginning. */
interface Checkpoint {
  readonly step: number;
  readonly code: InterpretedCode;
  readonly insn: number;
  /** A program begins here: what came before does not lead here. */
  readonly starts: boolean;
  readonly base: number;
  readonly regs: number;
  readonly memory: MemoryState;
}

class Paused extends Error {}

/** Nobody is told of the next steps: a call into JavaScript costs more than an instruction. */
function skipSteps(runtime: Runtime, steps: number): void {
  runtime.u32()[(runtime.cpuBlock + C_INTERPRETER + STEPS_LEFT) >>> 2] = steps;
}

/** Loads programs so that their runs can be recorded. Give `engine` to the machine. */
export class Stepper {
  readonly engine: Engine;
  readonly codes: InterpretedCode[] = [];
  #runtime: Runtime | undefined;
  #recording: Recording | undefined;

  constructor() {
    this.engine = {
      name: 'interpreter',
      load: (image, runtime, options) => {
        const code = new InterpretedCode(image, runtime, { ...options, onStep: () => false });
        const number = this.codes.push(code) - 1;
        code.listen((insn, regs) => this.#recording?.onStep(number, insn, regs));
        this.#runtime = runtime;
        skipSteps(runtime, NOBODY);
        return code;
      },
    };
  }

  /** Memory of the machine the programs were loaded into. Throws TypeError before that. */
  get runtime(): Runtime {
    if (!this.#runtime) throw new TypeError('no program was loaded');
    return this.#runtime;
  }

  /**
   * Does `work`, in which programs run, and keeps what they did; what `work` throws is its
   * `failure`. While a recording is looked at, the machine is in its past: `finish` brings it back.
   *
   * @example
   * const recording = stepper.record(() => device.receive(packet));
   * recording.goTo(recording.length - 1).frames[0].registers[0]; // r0 before the last exit
   */
  record(work: () => unknown): Recording {
    const { runtime } = this;
    const recording = new Recording(runtime, this.codes);
    this.#recording = recording;
    skipSteps(runtime, 0);
    try {
      work();
    } catch (error) {
      recording.failure = error;
    } finally {
      this.#recording = undefined;
      skipSteps(runtime, NOBODY);
    }
    recording.end((active) => {
      this.#recording = active;
    });
    return recording;
  }
}

/** What programs did while something went on in a machine, step by step. */
export class Recording {
  /** What the work threw: a fault ends a run too. */
  failure: unknown;
  readonly #runtime: Runtime;
  readonly #codes: readonly InterpretedCode[];
  readonly #history: MemoryHistory;
  #steps = new Int32Array(1 << 12);
  #programs = new Uint16Array(1 << 12);
  /** Numbers of programs, in the order in which they first ran. */
  readonly #ran = new Set<number>();
  #length = 0;
  #checkpoints: Checkpoint[] = [];
  #interval = INTERVAL;
  #last: MemoryState | undefined;
  #activate: (active: Recording | undefined) => void = () => undefined;
  #pausedAt: number | undefined;
  /** While something is replayed. */
  #pause: ((regs: number) => boolean) | undefined;

  constructor(runtime: Runtime, codes: readonly InterpretedCode[]) {
    this.#runtime = runtime;
    this.#codes = codes;
    this.#history = new MemoryHistory(runtime.memory);
  }

  /** Steps recorded. */
  get length(): number {
    return this.#length;
  }

  /** The step that `goTo` went to; undefined: the end, nothing is being looked at. */
  get position(): number | undefined {
    return this.#pausedAt;
  }

  /** Programs that ran, in the order in which they first did. */
  get images(): ProgramImage[] {
    return [...this.#ran].map((number) => this.#codes[number]!.image);
  }

  /** Where step `i` is, without going there. */
  step(i: number): RecordedStep {
    const packed = this.#steps[i]!;
    const { image } = this.#codes[this.#programs[i]!]!;
    return { image, insn: packed & INSN_MASK, frame: packed >>> FRAME_SHIFT };
  }

  /** True if step `i` is the first of a program that was run from outside. */
  begins(i: number): boolean {
    return this.#checkpoints.some(({ step, starts }) => step === i && starts);
  }

  /**
   * Brings memory to what it was before step `i`, from the nearest checkpoint. Maps and globals can
   * be read as they were then.
   */
  goTo(i: number): RecordedFrame[] {
    if (!(i >= 0 && i < this.#length)) throw new RangeError(`there is no step ${i}`);
    this.#replay(i, () => true);
    this.#pausedAt = i;
    return this.#frames(i);
  }

  /**
   * Goes through steps `from` to before `to` again, asking `visit` at each, which may read
   * registers of the innermost frame. Returns the first step it said yes to, or -1; memory is as it
   * was there.
   */
  scan(from: number, to: number, visit: (i: number, register: ReadRegister) => boolean): number {
    for (let i = from; i < to; ) {
      const next = this.#checkpoints.find(({ step, starts }) => starts && step > i)?.step ?? to;
      const end = Math.min(next, to);
      const found = this.#scanRun(i, end, visit);
      if (found >= 0) return found;
      i = end;
    }
    return -1;
  }

  /** The same within one run of a program. */
  #scanRun(
    from: number,
    to: number,
    visit: (i: number, register: ReadRegister) => boolean,
  ): number {
    let i = from - 1;
    let at = 0;
    let found = -1;
    const register: ReadRegister = (r) => this.#runtime.view().getBigUint64(at + r * 8, true);
    this.#replay(from, (address) => {
      i++;
      at = address;
      if (visit(i, register)) found = i;
      return found >= 0 || i + 1 >= to;
    });
    this.#pausedAt = i;
    return found;
  }

  /**
   * Runs on from the nearest checkpoint: from step `from` on, `pause` is asked at each, with the
   * address of its frame, until it says yes.
   */
  #replay(from: number, pause: (regs: number) => boolean): void {
    const { code, step, insn, base, regs, memory } = this.#checkpoints.findLast(
      (one) => one.step <= from,
    )!;
    this.#history.restore(memory);
    this.#pause = pause;
    skipSteps(this.#runtime, from - step);
    this.#activate(this);
    try {
      code.resume(insn, base, regs);
    } catch (error) {
      if (error instanceof Paused) return;
      throw error;
    } finally {
      this.#pause = undefined;
      this.#activate(undefined);
      skipSteps(this.#runtime, NOBODY);
    }
    throw new BugError(`the recording does not lead on from step ${from}`);
  }

  /** Brings the machine back to the end of the recorded work. */
  finish(): void {
    if (this.#last) this.#history.restore(this.#last);
    this.#pausedAt = undefined;
  }

  /** Told of each step by the programs. */
  onStep(program: number, insn: number, regs: number): void {
    if (this.#pause) {
      if (this.#pause(regs)) throw new Paused();
      return;
    }
    const i = this.#length++;
    if (i === this.#steps.length) this.#grow();
    const frame = (regs - this.#frameArea) / F_SIZE;
    this.#steps[i] = insn | (frame << FRAME_SHIFT);
    this.#programs[i] = program;
    if (i === 0 || this.#programs[i - 1] !== program) this.#ran.add(program);
    const isStart = insn === 0 && frame === 0 && !this.#jumpedTo(i);
    const lastCheckpoint = this.#checkpoints.at(-1)?.step ?? -this.#interval;
    if (isStart || i - lastCheckpoint >= this.#interval)
      this.#checkpoint(i, program, insn, regs, isStart);
  }

  end(activate: (active: Recording | undefined) => void): void {
    this.#activate = activate;
    this.#last = this.#history.take();
  }

  get #frameArea(): number {
    return this.#runtime.cpuBlock + C_INTERPRETER + FRAMES;
  }

  #grow(): void {
    const steps = new Int32Array(this.#steps.length * 2);
    steps.set(this.#steps);
    this.#steps = steps;
    const programs = new Uint16Array(this.#programs.length * 2);
    programs.set(this.#programs);
    this.#programs = programs;
  }

  /** True if the step before `i` is a jump in the same program: a loop that begins at 0. */
  #jumpedTo(i: number): boolean {
    if (i === 0 || this.#programs[i - 1] !== this.#programs[i]) return false;
    const { image, insn } = this.step(i - 1);
    return isJump(image.insns[insn * INSN_SIZE]!);
  }

  /** Only where the interpreter's own state is all in memory: nothing called back in between. */
  #checkpoint(step: number, program: number, insn: number, regs: number, starts: boolean) {
    const base = this.#frameArea;
    const words = this.#runtime.u32();
    for (let frame = regs; frame > base; frame -= F_SIZE) {
      if (words[(frame + F_RETURN) >>> 2]! <= 1) return;
    }
    const code = this.#codes[program]!;
    this.#checkpoints.push({ step, code, insn, starts, base, regs, memory: this.#history.take() });
    if (this.#checkpoints.length > MOST_CHECKPOINTS) this.#thinOut();
  }

  /** Every second goes, but those where a program begins. */
  #thinOut(): void {
    const kept = this.#checkpoints.filter(({ starts }, i) => i % 2 === 0 || starts);
    this.#checkpoints = kept;
    this.#interval *= 2;
  }

  /** Open frames, the innermost first. */
  #frames(step: number): RecordedFrame[] {
    const view = this.#runtime.view();
    const { frame: top } = this.step(step);
    const frames: RecordedFrame[] = [];
    for (let i = step, frame = top; i >= 0 && frame >= 0; i--) {
      const at = this.step(i);
      if (at.frame !== frame) continue;
      const registers = Array.from({ length: REGISTERS }, (_, r) =>
        view.getBigUint64(this.#frameArea + frame * F_SIZE + r * 8, true),
      );
      frames.push({ ...at, registers });
      frame--;
    }
    return frames;
  }
}
