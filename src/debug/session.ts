import type {
  ReadRegister,
  Recording,
  RecordedFrame,
  RecordedStep,
} from '../engine/interpreter/recording.ts';
import type { ProgramImage } from '../engine/index.ts';
import type { SourceLine } from '../object/types.ts';
import { type Breakpoint, type Matcher, matcherOf } from './breakpoints.ts';
import { linesOf } from './lines.ts';

export type Direction = 'forward' | 'back';

/** How far a step goes. 'into', 'over' and 'out' go by source lines. */
export type StepKind = 'insn' | 'into' | 'over' | 'out';

/** Why the session stands where it does. */
export type StopReason =
  | { readonly kind: 'step' | 'start' | 'end' }
  | { readonly kind: 'breakpoint'; readonly breakpoint: Breakpoint };

/** A place in the recording, and the line it comes from. */
export interface Place extends RecordedStep {
  readonly step: number;
  readonly line: SourceLine | undefined;
}

interface Hit {
  readonly step: number;
  readonly breakpoint: Breakpoint;
}

/** Steps gone through at once on the way back. */
const WINDOW = 1 << 16;

/**
 * Moves through a recording, both ways, as a debugger does.
 *
 * @example
 * const session = new DebugSession(stepper.record(() => program.run({ data })));
 * session.add({ kind: 'helper', helper: 'bpf_map_update_elem' });
 * session.resume('forward');
 * session.step('over', 'back');
 * session.frames()[0].registers[1];
 */
export class DebugSession {
  readonly recording: Recording;
  readonly #breakpoints = new Map<Breakpoint, Matcher>();
  #at = 0;

  /** Stands before the first step. Throws RangeError for a recording in which nothing ran. */
  constructor(recording: Recording) {
    if (recording.length === 0) throw new RangeError('no program ran');
    this.recording = recording;
  }

  /** The step it stands before. */
  get at(): number {
    return this.#at;
  }

  get breakpoints(): readonly Breakpoint[] {
    return [...this.#breakpoints.keys()];
  }

  /** Throws TypeError for a breakpoint that no program of the recording can come to. */
  add(breakpoint: Breakpoint): void {
    this.#breakpoints.set(breakpoint, matcherOf(breakpoint, this.images()));
  }

  remove(breakpoint: Breakpoint): void {
    this.#breakpoints.delete(breakpoint);
  }

  /** Programs that ran, in the order they began. */
  images(): ProgramImage[] {
    return this.recording.images;
  }

  place(step = this.#at): Place {
    const found = this.recording.step(step);
    return { ...found, step, line: linesOf(found.image).at(found.insn) };
  }

  /** Open frames, the innermost first, with their registers: brings memory to this step. */
  frames(): RecordedFrame[] {
    return this.recording.goTo(this.#at);
  }

  /** Throws RangeError for a step that is not there. */
  goTo(step: number): Place {
    if (!(step >= 0 && step < this.recording.length)) {
      throw new RangeError(`there are steps 0 to ${this.recording.length - 1}, not ${step}`);
    }
    this.#at = step;
    return this.place();
  }

  step(kind: StepKind, direction: Direction = 'forward'): StopReason {
    const by = direction === 'forward' ? 1 : -1;
    if (kind === 'insn') return this.#moveTo(this.#at + by);
    const from = this.place();
    const { frame } = from;
    const stops = (i: number): boolean => {
      const depth = this.recording.step(i).frame;
      if (kind === 'out') return depth < frame || this.#changesRun(i, by);
      if (kind === 'over' && depth > frame) return false;
      return this.#hasLine(i) && !this.#isOnLine(i, from);
    };
    for (let i = this.#at + by; i >= 0 && i < this.recording.length; i += by) {
      if (!stops(i)) continue;
      return this.#moveTo(by > 0 || kind === 'out' ? i : this.#lineStart(i));
    }
    return this.#moveTo(by > 0 ? this.recording.length : -1);
  }

  /** To the next breakpoint that way, or to the end or beginning. */
  resume(direction: Direction = 'forward'): StopReason {
    const forward = direction === 'forward';
    const found = forward ? this.#next() : this.#previous();
    if (!found) return this.#moveTo(forward ? this.recording.length : -1);
    this.#at = found.step;
    return { kind: 'breakpoint', breakpoint: found.breakpoint };
  }

  /** What a step hits; conditions that need registers are asked only with `register`. */
  #hit(step: number, register: ReadRegister | undefined): Breakpoint | undefined {
    const { image, insn } = this.recording.step(step);
    for (const [breakpoint, { at, when }] of this.#breakpoints) {
      if (!at(image, insn)) continue;
      if (!when || (register && when(image, insn, register))) return breakpoint;
    }
    return undefined;
  }

  get #needsRegisters(): boolean {
    return [...this.#breakpoints.values()].some(({ when }) => when);
  }

  #next(): Hit | undefined {
    const { recording } = this;
    if (!this.#needsRegisters) {
      for (let step = this.#at + 1; step < recording.length; step++) {
        const breakpoint = this.#hit(step, undefined);
        if (breakpoint) return { step, breakpoint };
      }
      return undefined;
    }
    return this.#firstIn(this.#at + 1, recording.length);
  }

  #firstIn(from: number, to: number): Hit | undefined {
    let hit: Hit | undefined;
    this.recording.scan(from, to, (step, register) => {
      const breakpoint = this.#hit(step, register);
      if (breakpoint) hit = { step, breakpoint };
      return hit !== undefined;
    });
    return hit;
  }

  #previous(): Hit | undefined {
    if (!this.#needsRegisters) {
      for (let step = this.#at - 1; step >= 0; step--) {
        const breakpoint = this.#hit(step, undefined);
        if (breakpoint) return { step, breakpoint };
      }
      return undefined;
    }
    for (let to = this.#at; to > 0; to -= WINDOW) {
      const hit = this.#lastIn(Math.max(0, to - WINDOW), to);
      if (hit) return hit;
    }
    return undefined;
  }

  #lastIn(from: number, to: number): Hit | undefined {
    let hit: Hit | undefined;
    this.recording.scan(from, to, (step, register) => {
      const breakpoint = this.#hit(step, register);
      if (breakpoint) hit = { step, breakpoint };
      return false;
    });
    return hit;
  }

  #moveTo(step: number): StopReason {
    const last = this.recording.length - 1;
    this.#at = Math.max(0, Math.min(step, last));
    if (step > last) return { kind: 'end' };
    return { kind: step < 0 ? 'start' : 'step' };
  }

  #hasLine(i: number): boolean {
    const { image, insn } = this.recording.step(i);
    const line = linesOf(image).at(insn);
    return line !== undefined && line.line > 0;
  }

  /** Whether a step is on the same line, of the same frame. */
  #isOnLine(i: number, { image, frame, line }: Place): boolean {
    const step = this.recording.step(i);
    if (step.image !== image || step.frame !== frame) return false;
    const other = linesOf(image).at(step.insn);
    return other === line || (other?.line === line?.line && other?.file === line?.file);
  }

  /** The first step of the stay on a line whose last one is `i`. */
  #lineStart(i: number): number {
    const place = this.place(i);
    let first = i;
    for (let k = i - 1; k >= 0; k--) {
      if (this.#isOnLine(k, place)) first = k;
      else if (this.recording.step(k).frame <= place.frame) break;
    }
    return first;
  }

  #changesRun(i: number, by: number): boolean {
    return by > 0 ? this.recording.begins(i) : this.recording.begins(i + 1);
  }
}
