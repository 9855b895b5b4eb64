import type { KernelLink } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { MachineProgram } from '../program.ts';
import { KernelObject } from './object.ts';

/** What struct bpf_link_info says of a link beyond id, type and program; by the kernel's names. */
export type LinkInfo = Readonly<Record<string, number | bigint | string>>;

/** A program at a hook. One class per type; what a type cannot do stays undefined in it. */
export abstract class MachineLink extends KernelObject implements KernelLink {
  id = 0;
  /** BPF_LINK_TYPE_* */
  abstract readonly type: number;
  #program: MachineProgram;
  readonly #ended: (link: MachineLink) => void;
  #closed = false;

  /** Holds the program. */
  constructor(program: MachineProgram, ended: (link: MachineLink) => void) {
    super();
    this.#program = program.hold();
    this.#ended = ended;
  }

  get program(): MachineProgram {
    return this.#program;
  }

  /** False: what it was at has gone, or it was detached. */
  abstract get attached(): boolean;
  abstract info(): LinkInfo;
  /** BPF_LINK_DETACH: off the hook, while the link stays. Undefined: EOPNOTSUPP. */
  detachHook?(): void;
  /** BPF_LINK_UPDATE. Throws KernelError. Undefined: EINVAL. */
  update?(program: MachineProgram, old: MachineProgram | undefined): void;
  /** What it was attached to has gone. */
  loseDevice?(): void;
  /** Runs an iterator. Throws KernelError EINVAL: this link is none. */
  read(): Uint8Array {
    return refuse('EINVAL', 'the link is no iterator');
  }

  /** Off the hook for good. */
  protected abstract leave(): void;

  /** Another program is in its place. */
  protected replaceProgram(program: MachineProgram): void {
    const old = this.#program;
    this.#program = program.hold();
    old.drop();
  }

  /** Off the hook, and the handle is given up. */
  detach(): void {
    if (this.#closed) return;
    this.detachHook?.();
    this[Symbol.dispose]();
  }

  /** Gives the handle up: a link that is pinned stays at its hook. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.drop();
  }

  /** Nobody has a handle in JavaScript any more (file descriptors count by themselves). */
  get closed(): boolean {
    return this.#closed;
  }

  protected end(): void {
    this.leave();
    this.#ended(this);
    this.#program.drop();
  }
}
