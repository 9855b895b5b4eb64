/** Which call gives back what a call acquired. */
import { helperId, helperName, kfuncByName } from '../../../abi/index.ts';
import { BPF_CALL, BPF_JMP, BPF_PSEUDO_KFUNC_CALL } from '../../../isa/index.ts';
import type { Failure } from './failure.ts';
import { callHelper, type Insn, movImm } from './insns.ts';

/** A call that releases what stands in R1. */
export interface Release {
  /** Name in C. */
  readonly name: string;
  /** Its arguments behind the first, in C. */
  readonly more: string;
  /** Instructions with R1 in place. */
  readonly insns: readonly Insn[];
  /** The argument is the stack object itself, not a pointer that was returned. */
  readonly onStack?: boolean;
}

/** By what acquires (without bpf_): what releases. */
const HELPERS: Readonly<Record<string, { name: string; more?: string; onStack?: boolean }>> = {
  sk_lookup_tcp: { name: 'sk_release' },
  sk_lookup_udp: { name: 'sk_release' },
  skc_lookup_tcp: { name: 'sk_release' },
  map_lookup_elem: { name: 'sk_release' },
  ringbuf_reserve: { name: 'ringbuf_discard', more: ', 0' },
  ringbuf_reserve_dynptr: { name: 'ringbuf_discard_dynptr', more: ', 0', onStack: true },
};

/** Kernel functions whose release is not called as they are. */
const KFUNCS: Readonly<Record<string, string>> = {
  bpf_task_from_pid: 'bpf_task_release',
  bpf_task_from_vpid: 'bpf_task_release',
  bpf_cgroup_from_id: 'bpf_cgroup_release',
  bpf_cgroup_ancestor: 'bpf_cgroup_release',
  bpf_task_get_cgroup1: 'bpf_cgroup_release',
  bpf_cpumask_create: 'bpf_cpumask_release',
  bpf_get_task_exe_file: 'bpf_put_file',
  bpf_xdp_ct_lookup: 'bpf_ct_release',
  bpf_skb_ct_lookup: 'bpf_ct_release',
};

/** What releases what the call at `insn` acquired; undefined if that is not known. */
export function releaseOf(failure: Failure, insn: number): Release | undefined {
  const { code } = failure;
  if (code.op[insn] !== (BPF_JMP | BPF_CALL)) return undefined;
  if (code.src[insn] === 0) return helperRelease(code.imm[insn]!);
  if (code.src[insn] !== BPF_PSEUDO_KFUNC_CALL || code.off[insn] !== 0) return undefined;
  const { name } = failure.profile.btf().type(code.imm[insn]!);
  return kfuncRelease(name);
}

function helperRelease(id: number): Release | undefined {
  const found = HELPERS[helperName(id) ?? ''];
  if (!found) return undefined;
  const more = found.more ?? '';
  return {
    name: `bpf_${found.name}`,
    more,
    insns: [...(more ? [movImm(2, 0)] : []), callHelper(helperId(found.name)!)],
    ...(found.onStack ? { onStack: true } : {}),
  };
}

function kfuncRelease(name: string): Release | undefined {
  const iterates = /^bpf_iter_\w+_new$/.test(name);
  const release = iterates ? name.replace(/_new$/, '_destroy') : (KFUNCS[name] ?? guess(name));
  const call = release === undefined ? undefined : callKfunc(release);
  if (!call || release === undefined) return undefined;
  const isNew = release === 'bpf_obj_drop_impl';
  return {
    name: release.replace(/_impl$/, ''),
    more: '',
    insns: [...(isNew ? [movImm(2, 0)] : []), call],
    ...(iterates ? { onStack: true } : {}),
  };
}

/** bpf_task_acquire → bpf_task_release. */
function guess(name: string): string | undefined {
  if (name === 'bpf_obj_new_impl') return 'bpf_obj_drop_impl';
  return name.endsWith('_acquire') ? name.replace(/_acquire$/, '_release') : undefined;
}

/** A call of a function of the kernel itself; undefined if it has none of that name. */
export function callKfunc(name: string): Insn | undefined {
  const found = kfuncByName(name);
  if (!found) return undefined;
  return { op: BPF_JMP | BPF_CALL, dst: 0, src: BPF_PSEUDO_KFUNC_CALL, off: 0, imm: found.id };
}
