import { KernelError } from '../../base/index.ts';
import type { AttachOptions } from '../../kernel/index.ts';
import type { MachineProgram } from '../program.ts';
import type { Subsystem } from '../subsystem.ts';
import type { Attachments } from './attachments.ts';
import { type LinkInfo, MachineLink } from './link.ts';

/** What a subsystem says of a link at one of its devices. */
export interface DevicePlace {
  /** BPF_LINK_TYPE_* */
  readonly type: number;
  readonly ifindex: number;
  /** Where bpf_link_info tells it: 'tcx'. */
  readonly name: string;
  /** BPF_* attach type, for links that tell it. */
  readonly attachType?: number;
}

/** XDP and tcx: a program at a network device (bpf_xdp_link, tcx_link). */
export class DeviceLink extends MachineLink {
  readonly type: number;
  readonly place: DevicePlace;
  readonly options: AttachOptions;
  readonly #subsystem: Subsystem;
  #off: (() => void) | undefined;

  readonly #attachments: Attachments;

  /** Throws KernelError where the place is taken, and then holds nothing. */
  constructor(
    program: MachineProgram,
    ended: (link: MachineLink) => void,
    subsystem: Subsystem,
    options: AttachOptions,
    place: DevicePlace,
    attachments: Attachments,
  ) {
    const off = subsystem.attach(program, options);
    super(program, ended);
    this.#attachments = attachments;
    this.type = place.type;
    this.place = place;
    this.options = options;
    this.#subsystem = subsystem;
    this.#off = off;
    attachments.addLink(this);
  }

  /** False: its device has gone, or it was detached. */
  get attached(): boolean {
    return this.#off !== undefined;
  }

  info(): LinkInfo {
    const { name, ifindex, attachType } = this.place;
    const place = { [`${name}.ifindex`]: this.attached ? ifindex : 0 };
    return attachType === undefined ? place : { ...place, [`${name}.attach_type`]: attachType };
  }

  override detachHook(): void {
    this.leave();
  }

  override update(program: MachineProgram, old: MachineProgram | undefined): void {
    if (!this.#off) throw new KernelError('ENOLINK', 67, 'the link has lost its device');
    if (old && old !== this.program) throw new KernelError('EPERM', 1, 'another program is there');
    if (program.type.id !== this.program.type.id) {
      throw new KernelError('EINVAL', 22, 'the programs are of different types');
    }
    if (program === this.program) return;
    this.#off();
    this.#off = this.#subsystem.attach(program, this.options);
    this.replaceProgram(program);
    this.#attachments.changed(this.place);
  }

  protected leave(): void {
    if (this.#off) this.#attachments.removeLink(this);
    this.#off?.();
    this.#off = undefined;
  }
}
