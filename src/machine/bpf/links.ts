import { constants, enums, isCgroupType, isOrdered } from '../../abi/index.ts';
import type {
  IterCreateAttr,
  KernelLink,
  LinkCreateAttr,
  LinkDetachAttr,
  LinkUpdateAttr,
  RawTracepointOpenAttr,
} from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';
import { attachRefusal } from './attach.ts';
import { openLink } from './files.ts';
import { cgroupLink } from './cgroup.ts';
import { hookRequest } from './hook-links.ts';
import { hooklessLink } from './hookless.ts';
import { anchorOf, orderedPlace } from './order.ts';
import type { Process } from './process.ts';
import { u64 } from './values.ts';

const { BPF_F_REPLACE } = constants;
const attach = enums.bpf_attach_type;
/** XDP_FLAGS_{SKB,DRV,HW}_MODE */
const [XDP_GENERIC, XDP_NATIVE, XDP_OFFLOAD] = [2, 4, 8] as const;
const XDP_MODES: readonly number[] = [XDP_GENERIC, XDP_NATIVE, XDP_OFFLOAD];

/** BPF_LINK_CREATE: a file descriptor. */
export function linkCreate(process: Process, attr: LinkCreateAttr): number {
  const { attachType } = attr;
  if (attachType === attach.BPF_STRUCT_OPS) return structOpsLink(process, attr);
  const program = process.get(attr.progFd, 'prog');
  const refusal = attachRefusal(process, program, attachType);
  if (refusal) refuse(refusal, 'it does not go there');
  const exact = ['tracing', 'lsm'].includes(program.type.name);
  if (exact && attachType !== program.expectedAttachType) refuse('EINVAL');
  const request = hookRequest(program);
  if (request) return openNew(process, process.machine.attach(program, request(process, attr)));
  if (attachType === attach.BPF_XDP) return xdpLink(process, attr, program);
  if (isOrdered(attachType)) return orderedLink(process, attr, program);
  if (SOCKMAP.has(attachType)) return mapLink(process, attr, program);
  if (isCgroupType(program.typeId, attachType)) {
    return openNew(process, cgroupLink(process, attr, program));
  }
  const hookless = hooklessLink(program, attachType) ?? refuse('EINVAL', 'no such link');
  hookless.check?.(process, attr, program);
  return refuse(hookless.errno, `there is no hook for ${hookless.link} links`);
}

/** Places at maps of sockets. */
const SOCKMAP: ReadonlySet<number> = new Set([
  attach.BPF_SK_MSG_VERDICT,
  attach.BPF_SK_SKB_STREAM_PARSER,
  attach.BPF_SK_SKB_STREAM_VERDICT,
  attach.BPF_SK_SKB_VERDICT,
]);

/** sock_map_link_create */
function mapLink(process: Process, attr: LinkCreateAttr, program: MachineProgram): number {
  const { targetFd = 0, flags = 0, attachType } = attr;
  if (flags !== 0) refuse('EINVAL', 'flags');
  const map = process.get(targetFd, 'map');
  if (!map.programs) refuse('EINVAL', 'no map of sockets');
  const link = process.machine.attachMapLink(program, map, attachType);
  try {
    return openLink(process, link);
  } finally {
    link[Symbol.dispose]();
  }
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
  if (flags & XDP_OFFLOAD) refuse('EOPNOTSUPP', 'the card runs no programs');
  const mode = { [XDP_GENERIC]: 'generic', [XDP_NATIVE]: 'native' } as const;
  const options = { device: device.name, mode: mode[flags as keyof typeof mode] };
  const place = process.machine.placeOf(program, options);
  return openNew(process, process.machine.attachLink(program, place, {}));
}

function orderedLink(process: Process, attr: LinkCreateAttr, program: MachineProgram): number {
  const { targetFd = 0, flags = 0, attachType, tcx, netkit } = attr;
  const place = orderedPlace(process, attachType, targetFd);
  const { relativeFd = 0, expectedRevision } = { tcx, netkit }[place.name as 'tcx'] ?? {};
  const rules = {
    flags,
    revision: u64(expectedRevision),
    anchor: anchorOf(process, flags, relativeFd, program.typeId),
  };
  return openNew(process, process.machine.attachLink(program, place, rules));
}

/** Descriptors hold links; the handle that making one gives is not kept. */
function openNew(process: Process, made: KernelLink): number {
  const link = made as MachineLink;
  try {
    return openLink(process, link);
  } finally {
    link[Symbol.dispose]();
  }
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
    const request = hookRequest(program);
    const plain = { progFd: attr.progFd, attachType: 0 };
    if (request) return openNew(process, process.machine.attach(program, request(process, plain)));
    return refuse('ENOTSUPP', 'there are no hooks for tracing links');
  }
  if (!RAW_TYPES.includes(program.type.name)) refuse('EINVAL', 'no program for tracepoints');
  if (attr.name === undefined) refuse('EFAULT', 'no name');
  return refuse('ENOENT', `there is no tracepoint '${attr.name}'`);
}
