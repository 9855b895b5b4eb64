import { constants } from '../../abi/index.ts';
import { KernelError } from '../../base/index.ts';
import type { AttachOptions } from '../../kernel/index.ts';
import type { MachineProgram } from '../program.ts';
import { type Attachments, type OrderRules, check } from './attachments.ts';
import type { HookPoint, PointAttach, PointMember } from './hook-point.ts';
import { type LinkInfo, MachineLink } from './link.ts';

/** What a subsystem says of a place at one of its devices. */
export interface DevicePlace {
  /** BPF_LINK_TYPE_* */
  readonly type: number;
  readonly ifindex: number;
  /** Where bpf_link_info tells it: 'tcx'. */
  readonly name: string;
  /** BPF_* attach type, for links that tell it. */
  readonly attachType?: number;
  /** The device's path: 'eth0', 'pod1/eth0'. */
  readonly device: string;
  readonly point: HookPoint;
  /** XDP: how it runs. */
  readonly mode?: 'native' | 'generic';
  /** What the place itself asks beside the order. */
  readonly more?: Pick<PointAttach, 'chainCalls'>;
  /** What puts a program there again that is there. */
  options(member: PointMember): AttachOptions;
}

/** XDP, tcx, netkit: a program at a network device (bpf_xdp_link, tcx_link, netkit_link). */
export class DeviceLink extends MachineLink {
  readonly type: number;
  readonly place: DevicePlace;
  readonly #attachments: Attachments;
  #attached = false;

  constructor(
    program: MachineProgram,
    ended: (link: MachineLink) => void,
    place: DevicePlace,
    attachments: Attachments,
  ) {
    super(program, ended);
    this.#attachments = attachments;
    this.type = place.type;
    this.place = place;
  }

  /** To its place. Throws KernelError: then the link is of no use. */
  enter(rules: OrderRules): void {
    this.#attachments.addLink(this, rules);
    this.#attached = true;
  }

  override get attached(): boolean {
    return this.#attached;
  }

  info(): LinkInfo {
    const { name, ifindex, attachType } = this.place;
    const place = { [`${name}.ifindex`]: this.attached ? ifindex : 0 };
    return attachType === undefined ? place : { ...place, [`${name}.attach_type`]: attachType };
  }

  override loseDevice(): void {
    this.#attached = false;
  }

  override detachHook(): void {
    this.leave();
  }

  override update(program: MachineProgram, old: MachineProgram | undefined): void {
    if (!this.#attached) throw new KernelError('ENOLINK', 67, 'the link has lost its device');
    if (old && old !== this.program) throw new KernelError('EPERM', 1, 'another program is there');
    if (program === this.program) return;
    if (program.type.id !== this.program.type.id) {
      throw new KernelError('EINVAL', 22, 'the programs are of different types');
    }
    const flags = constants.BPF_F_REPLACE;
    check(this.place.point.attach({ program, link: this, replaces: this.program, flags }));
    this.replaceProgram(program);
  }

  protected leave(): void {
    if (this.#attached) this.#attachments.removeLink(this);
    this.#attached = false;
  }
}
