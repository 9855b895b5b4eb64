import {
  attachTakes,
  constants,
  enums,
  hasOrder,
  isCgroupType,
  mayAttach,
} from '../../abi/index.ts';
import type { ProgAttachAttr, ProgQueryAttr } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { MachineProgram } from '../program.ts';
import { checkOrder } from './links.ts';
import type { Process } from './process.ts';
import { u64, userBytes } from './values.ts';

const c = constants;
const attach = enums.bpf_attach_type;
const BASE = c.BPF_F_ALLOW_OVERRIDE | c.BPF_F_ALLOW_MULTI | c.BPF_F_REPLACE | c.BPF_F_PREORDER;
const ORDER = c.BPF_F_REPLACE | c.BPF_F_BEFORE | c.BPF_F_AFTER | c.BPF_F_ID | c.BPF_F_LINK;

/** BPF_PROG_ATTACH */
export function progAttach(process: Process, attr: ProgAttachAttr): number {
  const { attachType, attachFlags: flags = 0 } = attr;
  const type = attachTakes(attachType) ?? refuse('EINVAL', 'no such place');
  const plain = !hasOrder(type) && !isCgroupType(type);
  const known = hasOrder(type) ? ORDER : plain ? BASE : BASE | ORDER;
  if (flags & ~known) refuse('EINVAL', 'flags');
  if (plain && (attr.relativeFd || u64(attr.expectedRevision) !== 0n)) refuse('EINVAL');
  const program = process.get(attr.attachBpfFd ?? 0, 'prog');
  if (program.typeId !== type) refuse('EINVAL', 'the program is of another type');
  if (!mayAttach(type, program.expectedAttachType, attachType)) refuse('EINVAL');
  if (isTcx(attachType)) return attachTcx(process, attr, program);
  return refuse(withoutHook(process, attr, type));
}

const isTcx = (attachType: number): boolean =>
  attachType === attach.BPF_TCX_INGRESS || attachType === attach.BPF_TCX_EGRESS;

function attachTcx(process: Process, attr: ProgAttachAttr, program: MachineProgram): number {
  const { machine } = process;
  const { attachType, targetFd: ifindex = 0, attachFlags: flags = 0 } = attr;
  const subsystem = machine.subsystemOf(program);
  const device = subsystem.deviceAt?.(ifindex);
  if (!device) refuse('ENODEV', `there is no device ${ifindex}`);
  checkOrder(process, { ifindex, attachType }, program, flags, u64(attr.expectedRevision));
  const direction = attachType === attach.BPF_TCX_EGRESS ? 'egress' : 'ingress';
  const options = { device: device.name, direction } as const;
  machine.attachments.attach(program, subsystem, options, subsystem.place!(program, options));
  return 0;
}

/** The errno of a place that this machine has not got, after what Linux looks at first. */
function withoutHook(process: Process, { targetFd = 0, attachType }: ProgAttachAttr, type: number) {
  const file = process.file(targetFd);
  if (isCgroupType(type, attachType)) return file?.kind === 'owner' ? 'EOPNOTSUPP' : 'EBADF';
  if (SOCKMAP.includes(type)) {
    if (file?.kind !== 'map') return file ? 'EINVAL' : 'EBADF';
    return 'EOPNOTSUPP';
  }
  if (NETKIT.includes(attachType))
    return process.machine.settings.subsystems.some((each) => each.deviceAt?.(targetFd))
      ? 'ENXIO'
      : 'ENODEV';
  return type === enums.bpf_prog_type.BPF_PROG_TYPE_FLOW_DISSECTOR ? 'EOPNOTSUPP' : 'EINVAL';
}

const { BPF_PROG_TYPE_SK_SKB, BPF_PROG_TYPE_SK_MSG } = enums.bpf_prog_type;
const SOCKMAP: readonly number[] = [BPF_PROG_TYPE_SK_SKB, BPF_PROG_TYPE_SK_MSG];
const NETKIT: readonly number[] = [attach.BPF_NETKIT_PRIMARY, attach.BPF_NETKIT_PEER];

/** BPF_PROG_DETACH */
export function progDetach(process: Process, attr: ProgAttachAttr): number {
  const { attachType, attachFlags: flags = 0, relativeFd = 0, attachBpfFd = 0 } = attr;
  const type = attachTakes(attachType);
  const revision = u64(attr.expectedRevision);
  if (!hasOrder(type)) {
    const extra = isCgroupType(type) ? false : revision !== 0n;
    if (flags !== 0 || relativeFd !== 0 || extra) refuse('EINVAL');
    return refuse(type === undefined ? 'EINVAL' : withoutHook(process, attr, type));
  }
  if (flags & ~ORDER) refuse('EINVAL', 'flags');
  const program = attachBpfFd === 0 ? undefined : process.get(attachBpfFd, 'prog');
  if (program && program.typeId !== type) refuse('EINVAL', 'the program is of another type');
  return isTcx(attachType)
    ? detachTcx(process, attr, program)
    : refuse(withoutHook(process, attr, type!));
}

function detachTcx(
  { machine }: Process,
  attr: ProgAttachAttr,
  program: MachineProgram | undefined,
): number {
  const { attachType, targetFd: ifindex = 0, attachFlags: flags = 0 } = attr;
  const { attachments, settings } = machine;
  if (!settings.subsystems.some((each) => each.deviceAt?.(ifindex))) refuse('ENODEV');
  const place = { ifindex, attachType };
  const there = attachments.at(place);
  if (there.length === 0) refuse('ENOENT', 'no program is there');
  const revision = u64(attr.expectedRevision);
  if (revision !== 0n && revision !== BigInt(attachments.revision(place))) refuse('ESTALE');
  if (flags !== 0) refuse('EOPNOTSUPP', 'programs are detached by themselves only');
  const found = program ? there.find((each) => each.program === program) : there.at(-1);
  if (!found) refuse('ENOENT', 'the program is not there');
  if (found.link) refuse('EBUSY', 'a link holds the program there');
  attachments.detach(found);
  return 0;
}

/** BPF_PROG_QUERY */
export function progQuery(process: Process, attr: ProgQueryAttr): number {
  if (!process.bpfCapable('CAP_NET_ADMIN')) refuse('EPERM', 'CAP_NET_ADMIN is missing');
  const { attachType, queryFlags = 0, targetFd: ifindex = 0 } = attr;
  if (queryFlags & ~c.BPF_F_QUERY_EFFECTIVE) refuse('EINVAL', 'flags');
  if (!isTcx(attachType)) return refuse(queryWithoutHook(process, attr));
  const { attachments, settings } = process.machine;
  if (!settings.subsystems.some((each) => each.deviceAt?.(ifindex))) refuse('ENODEV');
  if (queryFlags !== 0 || attr.attachFlags) refuse('EINVAL');
  const there = attachments.at({ ifindex, attachType });
  const room = attr.progCnt ?? 0;
  attr.attachFlags = 0;
  attr.revision = BigInt(there.length > 0 ? attachments.revision({ ifindex, attachType }) : 1);
  attr.progCnt = there.length;
  if (room === 0 || !attr.progIds || there.length === 0) return 0;
  const shown = there.slice(0, room);
  numbers(
    attr.progIds,
    shown.map(({ program }) => program.id),
  );
  if (attr.progAttachFlags)
    numbers(
      attr.progAttachFlags,
      shown.map(() => 0),
    );
  if (attr.linkIds)
    numbers(
      attr.linkIds,
      shown.map(({ link }) => link?.id ?? 0),
    );
  if (attr.linkAttachFlags)
    numbers(
      attr.linkAttachFlags,
      shown.map(() => 0),
    );
  return shown.length < there.length ? refuse('ENOSPC', 'more programs than room') : 0;
}

function queryWithoutHook(process: Process, attr: ProgQueryAttr): string {
  const { attachType, targetFd = 0, queryFlags = 0 } = attr;
  const type = attachTakes(attachType);
  if (attachType === attach.BPF_SK_LOOKUP || attachType === attach.BPF_FLOW_DISSECTOR) {
    if (queryFlags !== 0) return 'EINVAL';
    return process.file(targetFd) ? 'EINVAL' : 'EBADF';
  }
  const known = type !== undefined && (isCgroupType(type, attachType) || SOCKMAP.includes(type));
  return known || NETKIT.includes(attachType)
    ? withoutHook(process, { attachType, targetFd }, type!)
    : 'EINVAL';
}

function numbers(to: Uint8Array, values: readonly number[]): void {
  const bytes = userBytes(to, values.length * 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  values.forEach((value, i) => view.setUint32(i * 4, value, true));
}
