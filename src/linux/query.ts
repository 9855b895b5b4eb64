/** What is attached at a place: BPF_PROG_QUERY. */
import { constants, errnos, isOrdered, succeed } from '../abi/index.ts';
import type { ProgQueryAttr } from '../kernel/index.ts';
import { KernelError } from '../base/index.ts';
import type { System } from './system.ts';

const { BPF_F_QUERY_EFFECTIVE } = constants;
/** Programs there is room for at first. */
const ROOM = 64;
const ENOSPC = -errnos['ENOSPC']!;

/** A cgroup, a map, a namespace, or the number of a device. */
export interface AttachedPlace {
  readonly targetFd: number;
  /** BPF_* attach type. */
  readonly attachType: number;
  /** With those of the cgroups above. */
  readonly effective?: boolean;
}

export interface Attached {
  readonly programId: number;
  /** 0: no link holds it, or the kernel does not say. */
  readonly linkId: number;
}

/** In the order they run. */
export interface AttachedPrograms {
  readonly programs: readonly Attached[];
  /** BPF_F_ALLOW_* of a cgroup. */
  readonly flags: number;
  readonly revision: number;
}

/**
 * Throws KernelError: EINVAL (such places have no such programs), EPERM.
 *
 * ```ts
 * queryPrograms(system, { targetFd: ifindexOf('eth0'), attachType: BPF_TCX_INGRESS }).programs;
 * ```
 */
export function queryPrograms({ bpf }: System, place: AttachedPlace): AttachedPrograms {
  const { targetFd, attachType, effective = false } = place;
  for (let room = ROOM; ; room *= 4) {
    const progIds = new Uint8Array(4 * room);
    const linkIds = new Uint8Array(4 * room);
    const attr: ProgQueryAttr = {
      targetFd,
      attachType,
      progIds,
      progCnt: room,
      queryFlags: effective ? BPF_F_QUERY_EFFECTIVE : 0,
      attachFlags: 0,
      // Only these tell links and their revision; others refuse what is not zero.
      ...(isOrdered(attachType) && { linkIds, revision: 0 }),
    };
    const result = bpf.progQuery(attr);
    if (result === ENOSPC) continue;
    succeed(result, 'what is attached there is not told');
    const ids = new Uint32Array(progIds.buffer);
    const links = new Uint32Array(linkIds.buffer);
    const programs = Array.from({ length: attr.progCnt! }, (_, i) => ({
      programId: ids[i]!,
      linkId: links[i]!,
    }));
    return { programs, flags: attr.attachFlags!, revision: Number(attr.revision ?? 0) };
  }
}

const NOTHING: AttachedPrograms = { programs: [], flags: 0, revision: 0 };

/**
 * The same, and nothing where the kernel is too old for such programs or the place takes none.
 * Throws KernelError EPERM.
 */
export function queryIfThere(system: System, place: AttachedPlace): AttachedPrograms {
  try {
    return queryPrograms(system, place);
  } catch (error) {
    if (error instanceof KernelError && error.code !== 'EPERM') return NOTHING;
    throw error;
  }
}
