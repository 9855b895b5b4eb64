/** Bytes of the packet that a group of sockets is asked about (net/core/filter.c). */
import { BPF_HDR_START_MAC, BPF_HDR_START_NET } from '../../abi/generated/6.12/constants';
import { REUSE_DATA, REUSE_DATA_END, REUSE_HEADERS, REUSE_NETWORK } from '../layout';
import { EFAULT } from '../core/errno';

const INT_MAX: u32 = 0x7fffffff;
const FARTHEST: u32 = 0xffff;

/** Copies if it is all there; else what the program gets is zeros. */
function take(context: u64, from: u64, to: u64, size: u32, allowed: bool): u64 {
  if (!allowed || from + size > <u64>load<u32>(<u32>context, REUSE_DATA_END)) {
    memory.fill(<u32>to, 0, size);
    return EFAULT;
  }
  memory.copy(<u32>to, <u32>from, size);
  return 0;
}

export function sk_reuseport_load_bytes(context: u64, offset: u64, to: u64, size: u64): u64 {
  const at = <u32>offset;
  const from = <u64>load<u32>(<u32>context, REUSE_DATA) + at;
  return take(context, from, to, <u32>size, at <= INT_MAX);
}

export function sk_reuseport_load_bytes_relative(
  context: u64,
  offset: u64,
  to: u64,
  size: u64,
  start: u64,
): u64 {
  const header = <u32>start;
  const isMac = header == BPF_HDR_START_MAC;
  const before = load<u32>(<u32>context + (isMac ? REUSE_HEADERS : REUSE_NETWORK));
  const from = <u64>(load<u32>(<u32>context, REUSE_DATA) - before) + <u32>offset;
  const known = isMac || header == BPF_HDR_START_NET;
  return take(context, from, to, <u32>size, known && <u32>offset <= FARTHEST);
}
