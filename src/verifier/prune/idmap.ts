import { BPF_ADD_CONST, MAX_CALL_FRAMES, MAX_REGS, MAX_STACK, REG_SIZE } from '../state/layout.ts';

const SIZE = (MAX_REGS + MAX_STACK / REG_SIZE) * MAX_CALL_FRAMES;

/** Which id of an old state stands for which id of the running one (struct bpf_idmap). */
export class IdMap {
  readonly #old = new Int32Array(SIZE);
  readonly #current = new Int32Array(SIZE);
  #count = 0;
  #temporary = 0;

  /** Forgets all; ids for registers without one start behind `lastId`. */
  reset(lastId: number): void {
    this.#count = 0;
    this.#temporary = lastId;
  }

  /** The ids can stand for each other, given the pairs seen before (check_ids). */
  check(old: number, current: number): boolean {
    if ((old === 0) !== (current === 0)) return false;
    if (old === 0) return true;
    for (let i = 0; i < this.#count; i++) {
      if (this.#old[i] === old) return this.#current[i] === current;
      if (this.#current[i] === current) return false;
    }
    if (this.#count === SIZE) return false;
    this.#old[this.#count] = old;
    this.#current[this.#count++] = current;
    return true;
  }

  /** The same for scalars, where a lack of links is no harm (check_scalar_ids). */
  checkScalar(old: number, current: number): boolean {
    if (old === 0) return true;
    const id = current === 0 ? ++this.#temporary : current;
    if (!this.check(old, id)) return false;
    if (!(old & BPF_ADD_CONST)) return true;
    return this.check(old & ~BPF_ADD_CONST, id & ~BPF_ADD_CONST);
  }
}
