/** What the legacy packet loads (ld_abs, ld_ind) read; both engines call it. */

// Offsets from these bases count from the network and the link layer header (linux/filter.h).
const SKF_NET_OFF: i32 = -0x100000;
const SKF_LL_OFF: i32 = -0x200000;

/**
 * Big-endian value of `size` bytes (1, 2, 4) at `offset` of the packet start .. end, or -1 when
 * they are not all inside. `network` is the offset of the network header from the start, -1 =
 * unknown.
 */
export function packet_load(start: u32, end: u32, network: i32, offset: i32, size: u32): i64 {
  let from: i64 = offset;
  if (offset < 0) {
    if (offset >= SKF_NET_OFF && network >= 0) from = <i64>network + offset - SKF_NET_OFF;
    else if (offset < SKF_NET_OFF && offset >= SKF_LL_OFF) from = offset - SKF_LL_OFF;
    else return -1;
  }
  const at = <i64>start + from;
  if (at + size > <i64>end) return -1;
  if (size == 1) return load<u8>(<u32>at);
  if (size == 2) return bswap<u16>(load<u16>(<u32>at));
  return bswap<u32>(load<u32>(<u32>at));
}
