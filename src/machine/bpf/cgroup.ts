/** BPF_PROG_ATTACH, BPF_PROG_DETACH, BPF_PROG_QUERY and BPF_LINK_CREATE of cgroups. */
import { constants, enums } from '../../abi/index.ts';
import type { LinkCreateAttr, ProgAttachAttr, ProgQueryAttr } from '../../kernel/index.ts';
import { attachCgroupLink } from '../cgroup/attach.ts';
import { Cgroup } from '../cgroup/cgroup.ts';
import { refuse } from '../errno.ts';
import type { CgroupLink } from '../cgroup/link.ts';
import type { MachineProgram } from '../program.ts';
import { anchorOf } from './order.ts';
import type { Process } from './process.ts';
import { putU32s, u64 } from './values.ts';

const {
  BPF_F_AFTER,
  BPF_F_ALLOW_MULTI,
  BPF_F_BEFORE,
  BPF_F_ID,
  BPF_F_LINK,
  BPF_F_PREORDER,
  BPF_F_QUERY_EFFECTIVE,
  BPF_F_REPLACE,
} = constants;
const LINK_FLAGS = BPF_F_ID | BPF_F_BEFORE | BPF_F_AFTER | BPF_F_PREORDER | BPF_F_LINK;
const REPLACES = BPF_F_ALLOW_MULTI | BPF_F_REPLACE;

/** cgroup_get_from_fd. Throws KernelError EBADF, and ENOENT for a directory that has gone. */
function cgroupOf(process: Process, fd = 0): Cgroup {
  const object = process.file(fd)?.object;
  if (!(object instanceof Cgroup)) return refuse('EBADF', `${fd} is no cgroup`);
  return object.alive ? object : refuse('ENOENT', `${object.path} has gone`);
}

/** This machine has no hooks of LSM, so none for a cgroup's. */
function checkHook(attachType: number): void {
  if (attachType === enums.bpf_attach_type.BPF_LSM_CGROUP) {
    refuse('EOPNOTSUPP', 'there are no hooks of LSM');
  }
}

export function attachAtCgroup(
  process: Process,
  attr: ProgAttachAttr,
  program: MachineProgram,
): number {
  const { attachType, attachFlags: flags = 0, relativeFd = 0 } = attr;
  const cgroup = cgroupOf(process, attr.targetFd);
  const replaces =
    (flags & REPLACES) === REPLACES ? typed(process, attr.replaceBpfFd ?? 0, program) : undefined;
  checkHook(attachType);
  cgroup.attach(attachType, {
    program,
    replaces,
    flags,
    relative: relativeFd,
    revision: u64(attr.expectedRevision),
    anchor: anchorOf(process, flags, relativeFd, undefined),
  });
  return 0;
}

/** bpf_prog_get_type */
function typed(process: Process, fd: number, like: MachineProgram): MachineProgram {
  const found = process.get(fd, 'prog');
  return found.typeId === like.typeId ? found : refuse('EINVAL', 'a program of another type');
}

export function detachFromCgroup(process: Process, attr: ProgAttachAttr, type: number): number {
  const { attachType, targetFd, attachBpfFd = 0 } = attr;
  const cgroup = cgroupOf(process, targetFd);
  checkHook(attachType);
  const file = process.file(attachBpfFd);
  const program = file?.kind === 'prog' ? process.get(attachBpfFd, 'prog') : undefined;
  const fits = program?.typeId === type ? program : undefined;
  cgroup.detach(attachType, fits, undefined, u64(attr.expectedRevision));
  return 0;
}

export function cgroupLink(
  process: Process,
  attr: LinkCreateAttr,
  program: MachineProgram,
): CgroupLink {
  const { attachType, flags = 0, cgroup: { relativeFd = 0, expectedRevision } = {} } = attr;
  if (flags & ~LINK_FLAGS) refuse('EINVAL', 'flags');
  const cgroup = cgroupOf(process, attr.targetFd);
  checkHook(attachType);
  return attachCgroupLink(process.machine, program, cgroup, attachType, {
    flags,
    relative: relativeFd,
    revision: u64(expectedRevision),
    anchor: anchorOf(process, flags, relativeFd, undefined),
  });
}

/** __cgroup_bpf_query: the cgroup's own programs, or those that run for it. */
export function queryCgroup(process: Process, attr: ProgQueryAttr): number {
  const { attachType, queryFlags = 0, progIds, progAttachFlags, progCnt: room = 0 } = attr;
  const cgroup = cgroupOf(process, attr.targetFd);
  const effective = (queryFlags & BPF_F_QUERY_EFFECTIVE) !== 0;
  if (effective && progAttachFlags) refuse('EINVAL', 'programs that run have no flags');
  checkHook(attachType);
  const own = cgroup.programs(attachType);
  const ids = effective
    ? cgroup.effective(attachType).map(({ program }) => program.id)
    : (own?.ids ?? []);
  const flags = effective ? 0 : (own?.flags ?? 0);
  attr.attachFlags = flags;
  attr.progCnt = ids.length;
  attr.revision = effective ? 0n : (own?.revision ?? 1n);
  if (room === 0 || !progIds || ids.length === 0) return 0;
  const shown = ids.slice(0, room);
  putU32s(progIds, shown);
  if (progAttachFlags)
    putU32s(
      progAttachFlags,
      shown.map(() => flags),
    );
  // Programs that run are counted for as many as there is room for; then nobody hears of the rest.
  const cut = shown.length < ids.length;
  return cut ? refuse('ENOSPC', 'more programs than room') : 0;
}
