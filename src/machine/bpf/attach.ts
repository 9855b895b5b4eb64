import {
  attachTakes,
  constants,
  enums,
  hasOrder,
  isCgroupType,
  mayAttach,
  programRules,
  isOrdered,
} from '../../abi/index.ts';
import type { ProgAttachAttr, ProgQueryAttr } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { MachineProgram } from '../program.ts';
import type { PointMember } from '../objects/hook-point.ts';
import { programsOf } from '../objects/map-link.ts';
import { attachAtCgroup, detachFromCgroup, queryCgroup } from './cgroup.ts';
import { anchorOf, orderedPlace } from './order.ts';
import {
  attachInNamespace,
  detachInNamespace,
  namespaceHook,
  programsInNamespace,
} from './namespace-hooks.ts';
import type { NamespaceHook } from '../subsystem.ts';
import type { Process } from './process.ts';
import { putU32s, u64 } from './values.ts';

const c = constants;
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
  if (attachRefusal(process, program, attachType)) refuse('EINVAL', 'it does not go there');
  if (isOrdered(attachType)) return attachOrdered(process, attr, program);
  if (SOCKMAP.includes(type)) return attachToMap(process, attr, program);
  if (isCgroupType(type, attachType)) return attachAtCgroup(process, attr, program);
  const hook = namespaceHook(process, attachType);
  if (hook) return attachInNamespace(process, hook, attr);
  return refuse('EINVAL', 'no such place');
}

/** Why a program may not be attached so (bpf_prog_attach_check_attach_type). */
export function attachRefusal(
  process: Process,
  { typeId, expectedAttachType, parts }: MachineProgram,
  attachType: number,
): 'EPERM' | 'EINVAL' | undefined {
  const capability = programRules(typeId)?.attachNeeds;
  if (capability && !process.bpfCapable(capability, parts.token)) return 'EPERM';
  return mayAttach(typeId, expectedAttachType, attachType) ? undefined : 'EINVAL';
}

function attachOrdered(process: Process, attr: ProgAttachAttr, program: MachineProgram): number {
  const { attachType, targetFd = 0, attachFlags: flags = 0, relativeFd = 0 } = attr;
  const place = orderedPlace(process, attachType, targetFd);
  const { typeId } = program;
  const replaces =
    flags & c.BPF_F_REPLACE ? process.get(attr.replaceBpfFd ?? 0, 'prog') : undefined;
  if (replaces && replaces.typeId !== typeId) refuse('EINVAL', 'the program is of another type');
  process.machine.attachments.attach(program, place, {
    flags,
    replaces,
    revision: u64(attr.expectedRevision),
    anchor: anchorOf(process, flags, relativeFd, typeId),
  });
  return 0;
}

/** sock_map_get_from_fd */
function attachToMap(process: Process, attr: ProgAttachAttr, program: MachineProgram): number {
  const { attachType, targetFd = 0, attachFlags = 0, replaceBpfFd = 0 } = attr;
  if (attachFlags !== 0 || replaceBpfFd !== 0) refuse('EINVAL', 'flags');
  programsOf(process.get(targetFd, 'map')).attach(program, attachType);
  return 0;
}

/** sock_map_prog_detach */
function detachFromMap(process: Process, attr: ProgAttachAttr, type: number): number {
  const { attachType, targetFd = 0, attachBpfFd = 0, replaceBpfFd = 0 } = attr;
  if (replaceBpfFd !== 0) refuse('EINVAL');
  const map = process.get(targetFd, 'map');
  const program = process.get(attachBpfFd, 'prog');
  if (program.typeId !== type) refuse('EINVAL', 'the program is of another type');
  programsOf(map).detach(program, attachType);
  return 0;
}

const { BPF_PROG_TYPE_SK_SKB, BPF_PROG_TYPE_SK_MSG } = enums.bpf_prog_type;
const SOCKMAP: readonly number[] = [BPF_PROG_TYPE_SK_SKB, BPF_PROG_TYPE_SK_MSG];

/** BPF_PROG_DETACH */
export function progDetach(process: Process, attr: ProgAttachAttr): number {
  const { attachType, attachFlags: flags = 0, relativeFd = 0, attachBpfFd = 0 } = attr;
  const type = attachTakes(attachType);
  const revision = u64(attr.expectedRevision);
  if (!hasOrder(type)) {
    const extra = isCgroupType(type) ? false : revision !== 0n;
    if (flags !== 0 || relativeFd !== 0 || extra) refuse('EINVAL');
    if (type === undefined) refuse('EINVAL', 'no such place');
    if (SOCKMAP.includes(type)) return detachFromMap(process, attr, type);
    if (isCgroupType(type)) return detachFromCgroup(process, attr, type);
    const hook = namespaceHook(process, attachType);
    if (hook) return detachInNamespace(process, hook, attr, type);
    return refuse('EINVAL', 'no such place');
  }
  if (flags & ~ORDER) refuse('EINVAL', 'flags');
  const program = attachBpfFd === 0 ? undefined : process.get(attachBpfFd, 'prog');
  if (program && program.typeId !== type) refuse('EINVAL', 'the program is of another type');
  if (!isOrdered(attachType)) refuse('EINVAL', 'no such place');
  return detachOrdered(process, attr, program);
}

function detachOrdered(
  process: Process,
  attr: ProgAttachAttr,
  program: MachineProgram | undefined,
): number {
  const { attachType, targetFd = 0, attachFlags: flags = 0, relativeFd = 0 } = attr;
  process.machine.attachments.detach(orderedPlace(process, attachType, targetFd).point, {
    program,
    flags,
    revision: u64(attr.expectedRevision),
    anchor: anchorOf(process, flags, relativeFd, program?.typeId),
  });
  return 0;
}

/** BPF_PROG_QUERY */
export function progQuery(process: Process, attr: ProgQueryAttr): number {
  if (!process.bpfCapable('CAP_NET_ADMIN')) refuse('EPERM', 'CAP_NET_ADMIN is missing');
  const { attachType, queryFlags = 0, targetFd: ifindex = 0 } = attr;
  if (queryFlags & ~c.BPF_F_QUERY_EFFECTIVE) refuse('EINVAL', 'flags');
  if (SOCKMAP.includes(attachTakes(attachType) ?? 0)) return queryMap(process, attr);
  if (isCgroupType(attachTakes(attachType), attachType)) return queryCgroup(process, attr);
  const hook = namespaceHook(process, attachType);
  if (hook) return queryNamespace(process, hook, attr);
  if (!isOrdered(attachType)) return refuse('EINVAL', 'no such place');
  const { point } = orderedPlace(process, attachType, ifindex);
  if (queryFlags !== 0 || attr.attachFlags) refuse('EINVAL');
  attr.attachFlags = 0;
  attr.revision = point.revision;
  return listMembers(point.members, attr);
}

function queryNamespace(process: Process, hook: NamespaceHook, attr: ProgQueryAttr): number {
  const programs = programsInNamespace(process, hook, attr);
  attr.attachFlags = 0;
  return listMembers(
    programs.map((program) => ({ program, link: undefined })),
    { ...attr, progAttachFlags: undefined, linkIds: undefined, linkAttachFlags: undefined },
    attr,
  );
}

/** sock_map_bpf_prog_query */
function queryMap(process: Process, attr: ProgQueryAttr): number {
  const { attachType, queryFlags = 0, targetFd = 0, progCnt: room = 0, progIds } = attr;
  if (queryFlags !== 0) refuse('EINVAL', 'flags');
  const programs = programsOf(process.get(targetFd, 'map'));
  attr.attachFlags = 0;
  attr.progCnt = 0;
  const program = programs.query(attachType);
  attr.progCnt = program ? 1 : 0;
  if (program && room !== 0 && progIds) putU32s(progIds, [program.id]);
  return 0;
}

/** Ids of as many as there is room for; without room only their number. */
function listMembers(
  there: readonly PointMember[],
  wanted: ProgQueryAttr,
  attr: ProgQueryAttr = wanted,
): number {
  const { progCnt: room = 0, progIds, progAttachFlags, linkIds, linkAttachFlags } = wanted;
  attr.progCnt = there.length;
  if (room === 0 || !progIds || there.length === 0) return 0;
  const shown = there.slice(0, room);
  const programs = shown.map(({ program }) => program.id);
  const links = shown.map(({ link }) => link?.id ?? 0);
  const none = shown.map(() => 0);
  putU32s(progIds, programs);
  if (progAttachFlags) putU32s(progAttachFlags, none);
  if (linkIds) putU32s(linkIds, links);
  if (linkAttachFlags) putU32s(linkAttachFlags, none);
  return shown.length < there.length ? refuse('ENOSPC', 'more programs than room') : 0;
}
