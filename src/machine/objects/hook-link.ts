import type { AttachOptions } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { MachineProgram } from '../program.ts';
import type { Attached } from '../subsystem.ts';
import { type LinkInfo, MachineLink } from './link.ts';

/** A program at a hook that is at no device: of a namespace, or an iterator. */
export class HookLink extends MachineLink {
  readonly type: number;
  override readonly detachHook?: NonNullable<MachineLink['detachHook']>;
  override readonly update?: NonNullable<MachineLink['update']>;
  readonly #attached: Attached;
  #there = true;

  /** What puts it there again. */
  readonly options: AttachOptions;

  constructor(
    program: MachineProgram,
    ended: (link: MachineLink) => void,
    attached: Attached,
    options: AttachOptions,
  ) {
    super(program, ended);
    this.options = options;
    this.type = attached.type;
    this.#attached = attached;
    const { detachable, update } = attached;
    if (detachable) this.detachHook = () => this.leave();
    if (!update) return;
    this.update = (next, old) => {
      update(next, old);
      this.replaceProgram(next);
    };
  }

  override get attached(): boolean {
    return this.#there;
  }

  override info(): LinkInfo {
    const { info } = this.#attached;
    return typeof info === 'function' ? info() : info;
  }

  override read(): Uint8Array {
    const { read } = this.#attached;
    if (!read || this.closed) return refuse('EINVAL', 'the link is no iterator, or detached');
    return read();
  }

  protected override leave(): void {
    if (!this.#there) return;
    this.#there = false;
    this.#attached.detach();
  }
}
