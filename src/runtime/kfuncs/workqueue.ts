/** Work in map values (kernel/bpf/helpers.c): a callback that runs soon, where it may sleep. */
import { FIELD_IS_WORK, GLOBALS, G_CLOCK, TIMER_PLACE, TIMER_SLOT } from '../layout';
import { asyncInit, asyncSetCallback } from '../core/async';
import { EINVAL, ENOMEM } from '../core/errno';
import { timerArm, timerAt } from '../core/timers';

export function bpf_wq_init(wq: u64, map: u64, flags: u64): u64 {
  return <u32>flags != 0 ? EINVAL : asyncInit(wq, <u32>map, FIELD_IS_WORK);
}

export function bpf_wq_set_callback_impl(wq: u64, callback: u64, flags: u64, aux: u64): u64 {
  return <u32>flags != 0 ? EINVAL : asyncSetCallback(<u32>wq, <u32>callback);
}

/** Work that waits already waits on. */
export function bpf_wq_start(wq: u64, flags: u64): u64 {
  if (<u32>flags != 0) return EINVAL;
  const found = timerAt(<u32>wq);
  if (found == 0 || load<u32>(found, TIMER_SLOT) == 0) return EINVAL;
  if (load<u32>(found, TIMER_PLACE) != 0) return 0;
  return timerArm(found, load<i64>(GLOBALS, G_CLOCK)) ? 0 : ENOMEM;
}
