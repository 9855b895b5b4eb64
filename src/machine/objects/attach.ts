import { constants } from '../../abi/index.ts';
import type { AttachOptions, KernelLink, KernelProgram, OrderAnchor } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { Machine } from '../machine.ts';
import { MachineProgram } from '../program.ts';
import type { OrderRules } from './attachments.ts';
import type { DevicePlace } from './device-link.ts';
import { MachineLink } from './link.ts';

const { BPF_F_BEFORE, BPF_F_AFTER, BPF_F_REPLACE } = constants;

/** What options say of the order. Throws KernelError ENOENT, EINVAL. */
export function orderRules(machine: Machine, options: AttachOptions): OrderRules {
  const { before, after, replace, expectedRevision = 0 } = options;
  const named = [before, after].filter((one) => one !== undefined && one !== true);
  if (named.length > 1 && named[0] !== named[1]) refuse('EINVAL', 'there is one anchor at most');
  const flags =
    (before === undefined ? 0 : BPF_F_BEFORE) |
    (after === undefined ? 0 : BPF_F_AFTER) |
    (replace === undefined ? 0 : BPF_F_REPLACE);
  const found = named[0] === undefined ? undefined : anchorOf(machine, named[0]);
  return {
    flags,
    revision: BigInt(expectedRevision),
    ...(found && { anchor: () => found }),
    ...(replace !== undefined && { replaces: anchorOf(machine, replace).program }),
    ...(options.classic && typeof options.classic === 'object' && { filter: options.classic }),
  };
}

function anchorOf({ objects }: Machine, anchor: OrderAnchor) {
  if (anchor instanceof MachineProgram) return { program: anchor, link: undefined };
  const link =
    'link' in anchor && typeof anchor.link === 'number' ? objects.links.get(anchor.link) : anchor;
  if (link instanceof MachineLink) return { program: link.program, link };
  const id = 'program' in anchor && typeof anchor.program === 'number' ? anchor.program : 0;
  const program = objects.programs.get(id) ?? refuse('ENOENT', 'what is to be beside is not there');
  return { program, link: undefined };
}

/** A program that no link holds where it is: it stays until `detach`. */
export class PlainAttachment implements KernelLink {
  /** It has no id. */
  readonly id = 0;
  readonly program: KernelProgram;
  readonly #off: () => void;
  #there = true;

  /** `off`: takes it off. */
  constructor(program: MachineProgram, off: () => void) {
    this.program = program;
    this.#off = off;
  }

  /** Throws KernelError EINVAL: it is no iterator. */
  read(): Uint8Array {
    return refuse('EINVAL', 'a program without a link is no iterator');
  }

  detach(): void {
    if (!this.#there) return;
    this.#off();
    this.#there = false;
  }

  [Symbol.dispose](): void {
    this.detach();
  }
}

/** A program at a device without a link. */
export class DirectAttachment extends PlainAttachment {
  constructor(machine: Machine, program: MachineProgram, place: DevicePlace, rules: OrderRules) {
    machine.attachments.attach(program, place, rules);
    const { filter } = rules;
    super(program, () =>
      machine.attachments.detach(place.point, { program, ...(filter && { filter }) }),
    );
  }
}
