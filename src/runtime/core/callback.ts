/** Calls of program callbacks (bpf_for_each_map_elem and kin) from the runtime. */
import { C_STACK_TOP, REGION_STACK } from '../layout';
import { cpu_block } from './instance';
import { handleOf } from './map';
import { tagged } from './regions';

/** Room on the BPF stack for a key the callback may read; give it back with stackRelease. */
export function stackReserve(size: u32): u32 {
  const at = (load<u32>(cpu_block, C_STACK_TOP) - size) & ~15;
  store<u32>(cpu_block, at, C_STACK_TOP);
  return at;
}

/** @inline */
export function stackTop(): u32 {
  return load<u32>(cpu_block, C_STACK_TOP);
}

/** @inline */
export function stackRestore(top: u32): void {
  store<u32>(cpu_block, top, C_STACK_TOP);
}

/** callback(map, key, value, ctx): `slot` is its place in the table, `key` on the stack. @inline */
export function callForElement(slot: u32, map: u32, key: u32, value: u64, ctx: u64): u64 {
  return call_indirect<u64>(slot, handleOf(map), tagged(REGION_STACK, key), value, ctx, <u64>0);
}
