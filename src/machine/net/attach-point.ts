import { KernelError } from '../../base/index.ts';
import type { MachineProgram } from '../program.ts';

/** The programs at one hook of one device, in the order they run. */
export class AttachPoint {
  /** Never changed in place: a run under way goes on with the list it began with. */
  programs: readonly MachineProgram[] = [];
  readonly #where: string;
  readonly #exclusive: boolean;

  /** `where`: words for errors. `exclusive`: one program at most. */
  constructor(where: string, exclusive = false) {
    this.#where = where;
    this.#exclusive = exclusive;
  }

  /** Throws KernelError EBUSY if there is a program. */
  checkFree(): void {
    if (this.programs.length === 0) return;
    throw new KernelError('EBUSY', 16, `${this.#where} already`);
  }

  /** Puts a program at the end; returns the way to take it off. Throws KernelError EBUSY. */
  attach(program: MachineProgram): () => void {
    if (this.#exclusive) this.checkFree();
    this.programs = [...this.programs, program];
    return () => {
      const at = this.programs.indexOf(program);
      this.programs = this.programs.filter((_, i) => i !== at);
    };
  }
}
