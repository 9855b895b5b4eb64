import { constants } from '../../abi/index.ts';
import { refuse } from '../errno.ts';
import { type LinkInfo, MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';
import type { Cgroup } from './cgroup.ts';
import { storageMaps } from './storage.ts';

/** A program at a cgroup (struct bpf_cgroup_link). It loses its place when the cgroup goes. */
export class CgroupLink extends MachineLink {
  readonly type = constants.BPF_LINK_TYPE_CGROUP;
  readonly attachType: number;
  #cgroup: Cgroup | undefined;

  constructor(
    program: MachineProgram,
    ended: (link: MachineLink) => void,
    cgroup: Cgroup,
    attachType: number,
  ) {
    super(program, ended);
    this.#cgroup = cgroup;
    this.attachType = attachType;
  }

  /** Undefined: it has gone, or the link was detached. */
  get cgroup(): Cgroup | undefined {
    return this.#cgroup;
  }

  override get attached(): boolean {
    return this.#cgroup !== undefined;
  }

  override info(): LinkInfo {
    const cgroup_id = this.#cgroup?.id ?? 0n;
    return { 'cgroup.cgroup_id': cgroup_id, 'cgroup.attach_type': this.attachType };
  }

  /** The cgroup has gone, or the link was never attached (bpf_cgroup_link_auto_detach). */
  loseCgroup(): void {
    this.#cgroup = undefined;
  }

  override detachHook(): void {
    this.leave();
  }

  /** cgroup_bpf_replace */
  override update(program: MachineProgram, old: MachineProgram | undefined): void {
    const cgroup = this.#cgroup ?? refuse('ENOLINK', 'the cgroup has gone');
    if (old && old !== this.program) refuse('EPERM', 'another program is there');
    if (program.typeId !== this.program.typeId) refuse('EINVAL', 'a program of another type');
    const [before, after] = [storageMaps(this.program), storageMaps(program)];
    const same = before.length === after.length && before.every((map) => after.includes(map));
    if (!same) refuse('EINVAL', 'the programs use different storage');
    cgroup.linkUpdated(this, () => this.replaceProgram(program));
  }

  protected override leave(): void {
    const cgroup = this.#cgroup;
    this.#cgroup = undefined;
    cgroup?.detach(this.attachType, undefined, this, 0n);
  }
}
