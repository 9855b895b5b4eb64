/** Hooks programs up: which command of Linux each type of program wants. */
import { closeSync, openSync } from 'node:fs';
import { constants, enums, isCgroupType, succeed } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import type { AttachOptions, KernelLink, LinkCreateAttr, OrderAnchor } from '../kernel/index.ts';
import { cgroupFolder } from './cgroup.ts';
import { ifindexOf } from './devices.ts';
import { openKprobe, openTracepoint } from './events.ts';
import { LinuxAttachment, LinuxLink } from './link.ts';
import { setXdp } from './netlink.ts';
import type { LinuxProgram } from './program.ts';
import { closeFd } from './system.ts';

const types = enums.bpf_prog_type;
const attach = enums.bpf_attach_type;
const { BPF_F_BEFORE, BPF_F_AFTER, BPF_F_ID, BPF_F_LINK, BPF_F_REPLACE } = constants;
const { BPF_F_ALLOW_MULTI, BPF_F_ALLOW_OVERRIDE, BPF_F_PREORDER } = constants;
/** XDP_FLAGS_* of modes. */
export const XDP_MODES = { generic: 2, native: 4 } as const;
const NETFILTER_DEFRAG = 1;
const FAMILIES = { ipv4: 2, ipv6: 10 } as const;
const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
const SHARING = { multi: BPF_F_ALLOW_MULTI, override: BPF_F_ALLOW_OVERRIDE, none: 0 } as const;

/** Throws KernelError: what Linux says, EINVAL for options that miss, EOPNOTSUPP. */
export function attachProgram(program: LinuxProgram, options: AttachOptions): KernelLink {
  const { type, expectedAttachType } = program.input;
  if (type === types.BPF_PROG_TYPE_LSM && expectedAttachType !== attach.BPF_LSM_CGROUP) {
    return openRaw(program);
  }
  if (isCgroupType(type, expectedAttachType)) return toCgroup(program, options);
  return (BY_TYPE.get(type) ?? nowhere)(program, options);
}

const IN_THE_SECTION: readonly number[] = [
  types.BPF_PROG_TYPE_TRACING,
  types.BPF_PROG_TYPE_LSM,
  types.BPF_PROG_TYPE_RAW_TRACEPOINT,
  types.BPF_PROG_TYPE_TRACEPOINT,
  types.BPF_PROG_TYPE_KPROBE,
  types.BPF_PROG_TYPE_EXT,
];

/** Its section says where it goes, as for libbpf's bpf_program__attach: no options are needed. */
export function attachesItself({ spec, input }: Pick<LinuxProgram, 'spec' | 'input'>): boolean {
  if (input.expectedAttachType === attach.BPF_LSM_CGROUP) return false;
  if (input.expectedAttachType === attach.BPF_TRACE_ITER) return true;
  return IN_THE_SECTION.includes(input.type) && Boolean(spec.attachTarget);
}

type Way = (program: LinuxProgram, options: AttachOptions) => KernelLink;

function refuse(program: LinuxProgram, why: string, code = 'EINVAL', errno = 22): never {
  throw new KernelError(code, errno, `program '${program.spec.name}': ${why}`);
}

const nowhere: Way = (program) =>
  refuse(program, `beeyard does not attach type ${program.spec.type} on Linux`, 'EOPNOTSUPP', 95);

const BY_TYPE: ReadonlyMap<number, Way> = new Map<number, Way>([
  [types.BPF_PROG_TYPE_XDP, toXdp],
  [types.BPF_PROG_TYPE_SCHED_CLS, toTcx],
  [types.BPF_PROG_TYPE_SK_LOOKUP, toNamespace],
  [types.BPF_PROG_TYPE_FLOW_DISSECTOR, toNamespace],
  [types.BPF_PROG_TYPE_NETFILTER, toNetfilter],
  [types.BPF_PROG_TYPE_TRACING, toFunction],
  [types.BPF_PROG_TYPE_RAW_TRACEPOINT, openRaw],
  [types.BPF_PROG_TYPE_TRACEPOINT, toTracepoint],
  [types.BPF_PROG_TYPE_KPROBE, toKprobe],
  [types.BPF_PROG_TYPE_SK_SKB, toSockets],
  [types.BPF_PROG_TYPE_SK_MSG, toSockets],
  [types.BPF_PROG_TYPE_EXT, toProgram],
]);

function linked(program: LinuxProgram, attr: Omit<LinkCreateAttr, 'progFd'>): LinuxLink {
  const { system } = program;
  const what = `program '${program.spec.name}' is not attached`;
  const fd = succeed(system.bpf.linkCreate({ progFd: program.fd, ...attr }), what);
  return new LinuxLink(system, program, fd);
}

function deviceOf(program: LinuxProgram, { device }: AttachOptions): number {
  if (device !== undefined) return ifindexOf(device);
  return refuse(program, "it attaches to a device: give { device: 'eth0' }");
}

function toXdp(program: LinuxProgram, options: AttachOptions): KernelLink {
  const { mode, chain, link = true } = options;
  if (chain) refuse(program, 'chains of XDP are an extension of beeyard', 'EOPNOTSUPP', 95);
  if (!link) return xdpWithoutLink(program, options);
  return linked(program, {
    targetFd: deviceOf(program, options),
    attachType: attach.BPF_XDP,
    flags: mode ? XDP_MODES[mode] : 0,
  });
}

/** What `ip link set dev … xdp` does: it stays when this process is gone. */
function xdpWithoutLink(program: LinuxProgram, options: AttachOptions): KernelLink {
  const { libc } = program.system;
  const ifindex = deviceOf(program, options);
  const flags = options.mode ? XDP_MODES[options.mode] : 0;
  setXdp(libc, { ifindex, fd: program.fd, flags });
  return new LinuxAttachment(program, () => setXdp(libc, { ifindex, fd: -1, flags }));
}

function toTcx(program: LinuxProgram, options: AttachOptions): KernelLink {
  const { spec, input } = program;
  if (options.classic) {
    refuse(program, 'classic filters are for netlink: use tc(8)', 'EOPNOTSUPP', 95);
  }
  const direction = options.direction ?? (/egress/.test(spec.section) ? 'egress' : 'ingress');
  const tcx = direction === 'egress' ? attach.BPF_TCX_EGRESS : attach.BPF_TCX_INGRESS;
  const netkit: readonly number[] = [attach.BPF_NETKIT_PRIMARY, attach.BPF_NETKIT_PEER];
  const isNetkit = netkit.includes(input.expectedAttachType);
  const attachType = isNetkit ? input.expectedAttachType : tcx;
  const targetFd = deviceOf(program, options);
  const { flags, relativeFd } = orderOf(program, options);
  const expectedRevision = options.expectedRevision ?? 0;
  if (options.link === false || options.replace) {
    return attached(program, { targetFd, attachType, attachFlags: flags }, options);
  }
  const order = { relativeFd, expectedRevision };
  return linked(program, {
    targetFd,
    attachType,
    flags,
    ...(isNetkit ? { netkit: order } : { tcx: order }),
  });
}

/** BPF_F_BEFORE, BPF_F_AFTER and what they are about. */
function orderOf(program: LinuxProgram, { before, after }: AttachOptions) {
  const anchor = before ?? after;
  if (anchor === undefined) return { flags: 0, relativeFd: 0 };
  const side = (before === undefined ? 0 : BPF_F_BEFORE) | (after === undefined ? 0 : BPF_F_AFTER);
  if (anchor === true) return { flags: side, relativeFd: 0 };
  const { flags, number } = anchorOf(program, anchor);
  return { flags: side | flags, relativeFd: number };
}

function anchorOf(program: LinuxProgram, anchor: OrderAnchor): { flags: number; number: number } {
  if ('id' in anchor) {
    const isLink = 'detach' in anchor;
    return { flags: BPF_F_ID | (isLink ? BPF_F_LINK : 0), number: anchor.id };
  }
  if ('link' in anchor) return { flags: BPF_F_ID | BPF_F_LINK, number: anchor.link };
  if ('program' in anchor && typeof anchor.program === 'number') {
    return { flags: BPF_F_ID, number: anchor.program };
  }
  return refuse(program, 'before and after want a program or a link');
}

/** BPF_PROG_ATTACH: no link holds it. */
function attached(
  program: LinuxProgram,
  place: { targetFd: number; attachType: number; attachFlags?: number },
  options: AttachOptions = {},
  fds: readonly number[] = [],
): KernelLink {
  const { system } = program;
  const { relativeFd } = orderOf(program, options);
  const replaced = options.replace as { readonly fd?: number } | undefined;
  const attr = {
    ...place,
    attachBpfFd: program.fd,
    relativeFd,
    expectedRevision: options.expectedRevision ?? 0,
    attachFlags: (place.attachFlags ?? 0) | (replaced ? BPF_F_REPLACE : 0),
    replaceBpfFd: replaced?.fd ?? 0,
  };
  succeed(system.bpf.progAttach(attr), `program '${program.spec.name}' is not attached`);
  const { targetFd, attachType } = place;
  return new LinuxAttachment(program, () => {
    system.bpf.progDetach({ targetFd, attachType, attachBpfFd: program.fd });
    for (const fd of fds) closeSync(fd);
  });
}

function toCgroup(program: LinuxProgram, options: AttachOptions): KernelLink {
  const { cgroup } = options;
  if (cgroup === undefined) refuse(program, "it attaches to a cgroup: give { cgroup: '/pod1' }");
  const attachType = program.input.expectedAttachType;
  const path = typeof cgroup === 'string' ? cgroup : cgroup.path;
  const folder = openSync(cgroupFolder(path), 'r');
  const preorder = options.preorder ? BPF_F_PREORDER : 0;
  if (options.link === false) {
    const attachFlags = SHARING[options.sharing ?? 'multi'] | preorder;
    return attached(program, { targetFd: folder, attachType, attachFlags }, options, [folder]);
  }
  try {
    const order = orderOf(program, options);
    return linked(program, {
      targetFd: folder,
      attachType,
      flags: order.flags | preorder,
      ...(order.relativeFd !== 0 && { cgroup: { relativeFd: order.relativeFd } }),
    });
  } finally {
    closeSync(folder);
  }
}

function toNamespace(program: LinuxProgram, { namespace = '' }: AttachOptions): KernelLink {
  const path = namespace === '' ? '/proc/self/ns/net' : `/var/run/netns/${namespace}`;
  const folder = openSync(path, 'r');
  try {
    return linked(program, {
      targetFd: folder,
      attachType: program.input.expectedAttachType || attach.BPF_FLOW_DISSECTOR,
    });
  } finally {
    closeSync(folder);
  }
}

function toNetfilter(program: LinuxProgram, { netfilter }: AttachOptions): KernelLink {
  if (!netfilter) refuse(program, "give { netfilter: { family: 'ipv4', hook: 'input' } }");
  const { family, hook, priority = 0, defrag } = netfilter;
  const flags = defrag ? NETFILTER_DEFRAG : 0;
  const place = { pf: FAMILIES[family], hooknum: HOOKS.indexOf(hook), priority, flags };
  return linked(program, { attachType: attach.BPF_NETFILTER, netfilter: place });
}

/** fentry, fexit, fmod_ret, tp_btf: the place is in the program; iterators. */
function toFunction(program: LinuxProgram): KernelLink {
  const { expectedAttachType } = program.input;
  if (expectedAttachType !== attach.BPF_TRACE_ITER) return openRaw(program);
  return linked(program, { attachType: expectedAttachType });
}

function openRaw(program: LinuxProgram): KernelLink {
  const { system, spec, input } = program;
  const isRaw = input.type === types.BPF_PROG_TYPE_RAW_TRACEPOINT;
  if (isRaw && !spec.attachTarget) refuse(program, 'its section names no tracepoint');
  const attr = { progFd: program.fd, ...(isRaw && { name: spec.attachTarget }) };
  const what = `program '${spec.name}' is not attached to ${spec.attachTarget}`;
  const fd = succeed(system.bpf.rawTracepointOpen(attr), what);
  return new LinuxLink(system, program, fd);
}

function toTracepoint(program: LinuxProgram): KernelLink {
  const target = program.spec.attachTarget;
  if (!target) return refuse(program, 'its section names no tracepoint');
  return toEvent(program, openTracepoint(program.system, target));
}

function toKprobe(program: LinuxProgram): KernelLink {
  const { system, spec, input } = program;
  const target = spec.attachTarget;
  if (!target) return refuse(program, 'its section names no function');
  const isReturn = /^\??kretprobe/.test(spec.section);
  if (!/^\??k(ret)?probe/.test(spec.section)) return nowhere(program, {});
  if (input.expectedAttachType === attach.BPF_TRACE_KPROBE_MULTI) {
    const name = new TextEncoder().encode(`${target}\0`);
    const syms = new Uint8Array(8);
    new DataView(syms.buffer).setBigUint64(0, system.libc.address(name), true);
    const kprobeMulti = { cnt: 1, syms, flags: isReturn ? 1 : 0 };
    const link = linked(program, { attachType: attach.BPF_TRACE_KPROBE_MULTI, kprobeMulti });
    // The name must be there until the kernel has read it.
    name.fill(0);
    return link;
  }
  return toEvent(program, openKprobe(system, target, isReturn));
}

function toEvent(program: LinuxProgram, event: number): KernelLink {
  const { system } = program;
  const attr = { progFd: program.fd, targetFd: event, attachType: attach.BPF_PERF_EVENT };
  const fd = system.bpf.linkCreate(attr);
  if (fd < 0) closeFd(system, event);
  succeed(fd, `program '${program.spec.name}' is not attached`);
  return new LinuxLink(system, program, fd, [event]);
}

function toSockets(program: LinuxProgram, { map, place }: AttachOptions): KernelLink {
  if (!map) return refuse(program, 'it attaches to a map of sockets: give { map }');
  const { fd } = ('kernelMap' in map ? map.kernelMap : map) as unknown as { readonly fd: number };
  const PLACES: Readonly<Record<string, number>> = {
    msg_verdict: attach.BPF_SK_MSG_VERDICT,
    stream_parser: attach.BPF_SK_SKB_STREAM_PARSER,
    stream_verdict: attach.BPF_SK_SKB_STREAM_VERDICT,
    skb_verdict: attach.BPF_SK_SKB_VERDICT,
  };
  const expected = program.input.expectedAttachType;
  const isMessage = program.input.type === types.BPF_PROG_TYPE_SK_MSG;
  const usual = isMessage ? attach.BPF_SK_MSG_VERDICT : attach.BPF_SK_SKB_VERDICT;
  return attached(program, {
    targetFd: fd,
    attachType: place ? PLACES[place]! : expected || usual,
  });
}

function toProgram(program: LinuxProgram, { target, targetFunction }: AttachOptions): KernelLink {
  if (!target) return openRaw(program);
  const other = target as LinuxProgram;
  const name = targetFunction ?? program.spec.attachTarget ?? '';
  const targetBtfId = typeof name === 'number' ? name : other.input.btf?.find('func', name);
  if (targetBtfId === undefined)
    refuse(program, `the target has no function '${name}'`, 'ENOENT', 2);
  return linked(program, { targetFd: other.fd, attachType: 0, targetBtfId });
}
