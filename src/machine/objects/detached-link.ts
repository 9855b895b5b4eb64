import { refuse } from '../errno.ts';
import type { MachineProgram } from '../program.ts';
import { type LinkInfo, MachineLink } from './link.ts';

/** What is left of a link that was detached when the machine was saved: it is of no use. */
export class DetachedLink extends MachineLink {
  readonly type: number;
  readonly attached = false;
  readonly #info: LinkInfo;

  constructor(
    program: MachineProgram,
    ended: (link: MachineLink) => void,
    type: number,
    info: LinkInfo,
  ) {
    super(program, ended);
    this.type = type;
    this.#info = info;
  }

  override info(): LinkInfo {
    return this.#info;
  }

  override detachHook(): void {}

  override update(): void {
    refuse('ENOLINK', 'the link was detached');
  }

  protected override leave(): void {}
}
