/** bpf_redirect_map's part that all redirect maps share (include/linux/filter.h). */
import {
  C_REDIRECT_FLAGS,
  C_REDIRECT_INDEX,
  C_REDIRECT_KIND,
  C_REDIRECT_MAP,
  REDIRECT_MAP,
  REDIRECT_NONE,
} from '../layout';
import { cpu_block } from './instance';

const XDP_ABORTED: i64 = 0;
const XDP_REDIRECT: i64 = 4;
/** XDP_ABORTED .. XDP_TX: what to return when there is no target. */
const ACTIONS: u64 = 3;
export const BPF_F_BROADCAST: u64 = 8;
export const BPF_F_EXCLUDE_INGRESS: u64 = 16;

/** Remembers the target for the hook; `found` says whether the map has one at `index`. */
export function redirectTo(map: u32, index: u64, flags: u64, allowed: u64, found: bool): i64 {
  if (flags & ~(ACTIONS | allowed)) return XDP_ABORTED;
  if (!found && !(flags & BPF_F_BROADCAST)) {
    store<u32>(cpu_block, REDIRECT_NONE, C_REDIRECT_KIND);
    return <i64>(flags & ACTIONS);
  }
  store<u32>(cpu_block, REDIRECT_MAP, C_REDIRECT_KIND);
  store<u32>(cpu_block, <u32>index, C_REDIRECT_INDEX);
  store<u32>(cpu_block, map, C_REDIRECT_MAP);
  store<u32>(cpu_block, flags & BPF_F_BROADCAST ? <u32>flags : 0, C_REDIRECT_FLAGS);
  return XDP_REDIRECT;
}
