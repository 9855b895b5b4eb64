import { constants, enums, mayAttach } from '../../abi/index.ts';
import type {
  IterCreateAttr,
  LinkCreateAttr,
  LinkDetachAttr,
  LinkUpdateAttr,
  RawTracepointOpenAttr,
} from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';
import { openLink } from './files.ts';
import { hooklessLink } from './hookless.ts';
import type { Process } from './process.ts';
import { u64 } from './values.ts';

const { BPF_F_REPLACE } = constants;
const attach = enums.bpf_attach_type;
/** XDP_FLAGS_{SKB,DRV,HW}_MODE */
const XDP_MODES = [2, 4, 8] as const;
const XDP_NATIVE = 4 | 8;

/** BPF_LINK_CREATE: a file descriptor. */
export function linkCreate(process: Process, attr: LinkCreateAttr): number {
  const { attachType } = attr;
  if (attachType === attach.BPF_STRUCT_OPS) return structOpsLink(process, attr);
  const program = process.get(attr.progFd, 'prog');
  if (!mayAttach(program.typeId, program.expectedAttachType, attachType)) refuse('EINVAL');
  if (attachType === attach.BPF_XDP) return xdpLink(process, attr, program);
  if (attachType === attach.BPF_TCX_INGRESS || attachType === attach.BPF_TCX_EGRESS) {
    return tcxLink(process, attr, program);
  }
  const hookless = hooklessLink(program, attachType) ?? refuse('EINVAL', 'no such link');
  const exact = ['tracing', 'lsm'].includes(program.type.name);
  if (exact && attachType !== program.expectedAttachType) refuse('EINVAL');
  hookless.check?.(process, attr, program);
  return refuse(hookless.errno, `there is no hook for ${hookless.link} links`);
}

function structOpsLink(process: Process, { progFd }: LinkCreateAttr): number {
  const map = process.get(progFd, 'map');
  if (!map.facts.needsKernelType) refuse('EINVAL', 'no table of functions');
  return refuse('EOPNOTSUPP', 'there are no hooks for struct_ops links');
}

function xdpLink(process: Process, attr: LinkCreateAttr, program: MachineProgram): number {
  const { targetFd: ifindex = 0, flags = 0 } = attr;
  const device = process.machine.subsystemOf(program).deviceAt?.(ifindex);
  if (!device) refuse('EINVAL', `there is no device ${ifindex}`);
  const modes = XDP_MODES.filter((mode) => (flags & mode) !== 0);
  if (flags & ~XDP_MODES.reduce((all, one) => all | one, 0) || modes.length > 1) refuse('EINVAL');
  if (flags & XDP_NATIVE) refuse('EOPNOTSUPP', 'the driver has no XDP of its own');
  return openNew(process, process.machine.attach(program, { device: device.name }));
}

function tcxLink(process: Process, attr: LinkCreateAttr, program: MachineProgram): number {
  const { machine } = process;
  const { targetFd: ifindex = 0, flags = 0, attachType, tcx = {} } = attr;
  const device = machine.subsystemOf(program).deviceAt?.(ifindex);
  if (!device) refuse('ENODEV', `there is no device ${ifindex}`);
  checkOrder(process, { ifindex, attachType }, program, flags, u64(tcx.expectedRevision));
  const direction = attachType === attach.BPF_TCX_EGRESS ? 'egress' : 'ingress';
  return openNew(process, machine.attach(program, { device: device.name, direction }));
}

/** Descriptors hold links; the handle that `attach` gives is not kept. */
function openNew(process: Process, link: MachineLink): number {
  try {
    return openLink(process, link);
  } finally {
    link[Symbol.dispose]();
  }
}

/** What bpf_mprog says of a new program; places other than the last are not there yet. */
export function checkOrder(
  { machine }: Process,
  place: { readonly ifindex: number; readonly attachType: number },
  program: MachineProgram,
  flags: number,
  revision: bigint,
): void {
  const { attachments } = machine;
  if (revision !== 0n && revision !== BigInt(attachments.revision(place))) refuse('ESTALE');
  if (attachments.at(place).some((each) => each.program === program)) refuse('EEXIST');
  if (flags !== 0) refuse('EOPNOTSUPP', 'programs go to the end only');
}

/** BPF_LINK_UPDATE */
export function linkUpdate(process: Process, attr: LinkUpdateAttr): number {
  const { flags = 0, oldProgFd = 0 } = attr;
  if (flags & ~BPF_F_REPLACE) refuse('EINVAL', 'flags');
  const link = process.get(attr.linkFd, 'link');
  const next = process.get(attr.newProgFd, 'prog');
  const replaces = (flags & BPF_F_REPLACE) !== 0;
  if (!replaces && oldProgFd !== 0) refuse('EINVAL', 'old_prog_fd without its flag');
  const old = replaces ? process.get(oldProgFd, 'prog') : undefined;
  if (!link.update) refuse('EINVAL', 'such links keep their program');
  link.update(next, old);
  return 0;
}

/** BPF_LINK_DETACH */
export function linkDetach(process: Process, { linkFd }: LinkDetachAttr): number {
  const link = process.get(linkFd, 'link');
  if (!link.detachHook) refuse('EOPNOTSUPP', 'such links are never detached');
  link.detachHook();
  return 0;
}

/** BPF_ITER_CREATE */
export function iterCreate(process: Process, { linkFd, flags = 0 }: IterCreateAttr): number {
  if (flags !== 0) refuse('EINVAL', 'flags');
  process.get(linkFd, 'link');
  return refuse('EINVAL', 'the link is no iterator');
}

const RAW_TYPES = ['raw_tracepoint', 'raw_tracepoint_writable'];
const BY_BTF = ['tracing', 'ext', 'lsm'];

/** BPF_RAW_TRACEPOINT_OPEN: there are no tracepoints. */
export function rawTracepointOpen(process: Process, attr: RawTracepointOpenAttr): number {
  const program = process.get(attr.progFd, 'prog');
  if (BY_BTF.includes(program.type.name)) {
    if (attr.name !== undefined) refuse('EINVAL', 'the program names its target itself');
    return refuse('ENOTSUPP', 'there are no hooks for tracing links');
  }
  if (!RAW_TYPES.includes(program.type.name)) refuse('EINVAL', 'no program for tracepoints');
  if (attr.name === undefined) refuse('EFAULT', 'no name');
  return refuse('ENOENT', `there is no tracepoint '${attr.name}'`);
}
