/** File descriptors for objects: each holds what it stands for. */
import { constants } from '../../abi/index.ts';
import { refuse } from '../errno.ts';
import type { MachineMap } from '../map.ts';
import type { BtfObject } from '../objects/btf.ts';
import type { MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';
import type { Process } from './process.ts';

const { BPF_F_RDONLY, BPF_F_WRONLY } = constants;

/** May read, may write. */
export interface Access {
  readonly read: boolean;
  readonly write: boolean;
}

export const READ_WRITE: Access = { read: true, write: true };

/** What BPF_F_RDONLY and BPF_F_WRONLY ask for (bpf_get_file_flag). Throws KernelError EINVAL. */
export function accessOf(flags: number): Access {
  const [readOnly, writeOnly] = [(flags & BPF_F_RDONLY) !== 0, (flags & BPF_F_WRONLY) !== 0];
  if (readOnly && writeOnly) refuse('EINVAL', 'read-only and write-only');
  return { read: !writeOnly, write: !readOnly };
}

export function openMap(process: Process, map: MachineMap, access: Access): number {
  map.holdUser();
  return process.open({ kind: 'map', object: map, ...access, release: () => map.dropUser() });
}

export function openProgram(process: Process, program: MachineProgram): number {
  return openHeld(process, 'prog', program);
}

export function openLink(process: Process, link: MachineLink): number {
  return openHeld(process, 'link', link);
}

export function openBtf(process: Process, btf: BtfObject): number {
  return openHeld(process, 'btf', btf);
}

function openHeld(
  process: Process,
  kind: 'prog' | 'link' | 'btf',
  object: MachineProgram | MachineLink | BtfObject,
): number {
  object.hold();
  return process.open({ kind, object, ...READ_WRITE, release: () => object.drop() });
}
