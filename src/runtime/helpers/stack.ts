/** Stacks (kernel/bpf/stackmap.c). What the stack is, the hook says: see C_CALLCHAIN. */
import {
  BPF_F_FAST_STACK_CMP,
  BPF_F_REUSE_STACKID,
  BPF_F_SKIP_FIELD_MASK,
  BPF_F_USER_STACK,
  BPF_MAP_TYPE_STACK_TRACE,
} from '../../abi/generated/6.12/constants';
import {
  CALLCHAIN_ADDRESSES,
  CALLCHAIN_KERNEL,
  CALLCHAIN_USER,
  C_CALLCHAIN,
  M_TYPE,
} from '../layout';
import { EFAULT, EINVAL } from '../core/errno';
import { cpu_block } from '../core/instance';
import { stackDepth, stackPut } from '../maps/stack_trace';

/** perf_event_max_stack. */
const MAX_DEPTH: u32 = 127;

/** Number of addresses of the side that `flags` ask for, and where they are. @inline */
function countOf(chain: u32, flags: u64): u32 {
  const user = (flags & BPF_F_USER_STACK) != 0;
  return load<u32>(chain + (user ? CALLCHAIN_USER : CALLCHAIN_KERNEL));
}

/** @inline */
function addressesOf(chain: u32, flags: u64): u32 {
  const user = (flags & BPF_F_USER_STACK) != 0;
  return chain + CALLCHAIN_ADDRESSES + (user ? load<u32>(chain, CALLCHAIN_KERNEL) << 3 : 0);
}

/** The id of this CPU's stack in the map. */
export function bpf_get_stackid(ctx: u64, map: u64, flags: u64): u64 {
  const known: u64 = BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID;
  if (flags & ~(known | BPF_F_SKIP_FIELD_MASK)) return EINVAL;
  if (load<u32>(<u32>map, M_TYPE) != BPF_MAP_TYPE_STACK_TRACE) return EINVAL;
  const chain = load<u32>(cpu_block, C_CALLCHAIN);
  if (chain == 0) return EFAULT;
  const skip = <u32>flags & BPF_F_SKIP_FIELD_MASK;
  const depth = min<u32>(stackDepth(<u32>map) + skip, MAX_DEPTH);
  const count = min<u32>(countOf(chain, flags), depth);
  if (count <= skip) return EFAULT;
  return stackPut(<u32>map, addressesOf(chain, flags) + (skip << 3), count - skip, flags);
}
