/** Cgroups and the programs at them, as plain data and back. */
import { constants } from '../../abi/index.ts';
import { attachCgroupLink } from '../cgroup/attach.ts';
import type { Cgroup } from '../cgroup/cgroup.ts';
import { programOf } from '../cgroup/effective.ts';
import type { Machine } from '../machine.ts';
import type { Roots } from '../objects/kept.ts';
import type { MachineProgram } from '../program.ts';
import type { SavedCgroup, SavedCgroupProgram } from './state.ts';

const { BPF_F_ALLOW_MULTI, BPF_F_ALLOW_OVERRIDE, BPF_F_PREORDER } = constants;
/** What of the flags still means something when a program is there. */
const LASTING = BPF_F_ALLOW_MULTI | BPF_F_ALLOW_OVERRIDE | BPF_F_PREORDER;

/** All directories that are alive, parents first. */
export function saveCgroups({ cgroups }: Machine): SavedCgroup[] {
  return [...cgroups.root.descendants()].map((cgroup) => ({
    path: cgroup.path,
    id: cgroup.id,
    programs: cgroup.attachTypes.flatMap((attachType) => programsAt(cgroup, attachType)),
    revisions: cgroup.allPrograms.map(([type, { revision }]) => [type, revision] as const),
  }));
}

function programsAt(cgroup: Cgroup, attachType: number): SavedCgroupProgram[] {
  return cgroup.programs(attachType)!.entries.map((entry) => ({
    attachType,
    program: programOf(entry).id,
    link: entry.link?.id,
    closed: entry.link?.closed ?? true,
    flags: entry.flags & LASTING,
  }));
}

/** Puts directories back: sockets and tasks are in them. */
export function resumeDirectories({ cgroups }: Machine, saved: readonly SavedCgroup[]): void {
  for (const { path, id } of saved) {
    cgroups.nextId = id;
    cgroups.make(path);
  }
}

/** Puts programs back, in the order they were listed in. */
export function resumeCgroups(
  machine: Machine,
  saved: readonly SavedCgroup[],
  nextId: bigint,
  program: (id: number) => MachineProgram,
): void {
  const { cgroups, objects } = machine;
  // Those below first: what is above may allow no others any more.
  for (const { path, programs, revisions } of saved.toReversed()) {
    const cgroup = cgroups.make(path);
    for (const { attachType, program: number, link, flags } of programs) {
      const rules = { flags, relative: 0, revision: 0n, anchor: () => undefined };
      if (link === undefined) {
        cgroup.attach(attachType, { ...rules, program: program(number) });
      } else {
        objects.links.next = link;
        attachCgroupLink(machine, program(number), cgroup, attachType, rules);
      }
    }
    for (const [attachType, revision] of revisions) cgroup.resumeAt(attachType, revision);
  }
  cgroups.nextId = nextId;
}

/** Directories, as other objects name them. */
export function* cgroupRoots({ cgroups }: Machine): Roots {
  for (const cgroup of cgroups.root.descendants()) yield [`cgroup ${cgroup.path}`, cgroup];
}
