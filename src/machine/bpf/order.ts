/** What BPF_PROG_ATTACH, BPF_PROG_DETACH and BPF_LINK_CREATE say of the order (bpf_mprog). */
import { constants } from '../../abi/index.ts';
import type { Anchor } from '../mprog.ts';
import { refuse } from '../errno.ts';
import type { DevicePlace } from '../objects/device-link.ts';
import type { MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';
import type { Process } from './process.ts';

const { BPF_F_ID, BPF_F_LINK } = constants;

/** Throws KernelError ENODEV, and for netkit ENXIO and EACCES. */
export function orderedPlace(
  { machine }: Process,
  attachType: number,
  ifindex: number,
): DevicePlace {
  for (const { placeAt } of machine.settings.subsystems.map(bound)) {
    if (placeAt) return placeAt(attachType, ifindex);
  }
  return refuse('ENODEV', `there is no device ${ifindex}`);
}

const bound = (subsystem: Process['machine']['settings']['subsystems'][number]) => ({
  placeAt: subsystem.placeAt?.bind(subsystem),
});

/**
 * The anchor that relative_fd or relative_id names, looked up when its turn comes. `type`: what
 * program type it must have; without one any will do.
 */
export function anchorOf(
  process: Process,
  flags: number,
  relative: number,
  type: number | undefined,
): () => Anchor<MachineProgram, MachineLink> {
  return () => {
    if (flags & BPF_F_LINK) {
      const link = linkNamed(process, flags, relative);
      checkType(link.program, type);
      return { program: link.program, link };
    }
    if ((flags & BPF_F_ID) === 0 && relative === 0) return undefined;
    const program = programNamed(process, flags, relative);
    checkType(program, type);
    return { program, link: undefined };
  };
}

function linkNamed(process: Process, flags: number, relative: number): MachineLink {
  const { links } = process.machine.objects;
  if (flags & BPF_F_ID) return links.get(relative) ?? refuse('ENOENT', `no link ${relative}`);
  return relative === 0 ? refuse('EINVAL', 'no link is named') : process.get(relative, 'link');
}

function programNamed(process: Process, flags: number, relative: number): MachineProgram {
  const { programs } = process.machine.objects;
  if (flags & BPF_F_ID) return programs.get(relative) ?? refuse('ENOENT', `no program ${relative}`);
  return process.get(relative, 'prog');
}

function checkType(program: MachineProgram, type: number | undefined): void {
  if (type !== undefined && program.typeId !== type) refuse('EINVAL', 'a program of another type');
}
