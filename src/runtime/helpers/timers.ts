/** Timers in map values (kernel/bpf/helpers.c, kernel/time/hrtimer.c). */
import {
  C_TIMER_RUNNING,
  FIELD_IS_TIMER,
  GLOBALS,
  G_BOOT_OFFSET,
  G_CLOCK,
  G_TAI_OFFSET,
  TIMER_CLOCK,
  TIMER_SLOT,
} from '../layout';
import { asyncInit, asyncSetCallback } from '../core/async';
import { EDEADLK, EINVAL, ENOMEM } from '../core/errno';
import { cpu_block } from '../core/instance';
import { timerArm, timerAt, timerDisarm } from '../core/timers';

const CLOCK_REALTIME: u64 = 0;
const CLOCK_MONOTONIC: u64 = 1;
const CLOCK_BOOTTIME: u64 = 7;
const BPF_F_TIMER_ABS: u64 = 1;
const BPF_F_TIMER_CPU_PIN: u64 = 2;

export function bpf_timer_init(timer: u64, map: u64, flags: u64): u64 {
  if (flags != CLOCK_MONOTONIC && flags != CLOCK_REALTIME && flags != CLOCK_BOOTTIME) return EINVAL;
  const error = asyncInit(timer, <u32>map, FIELD_IS_TIMER);
  if (error == 0) store<u32>(timerAt(<u32>timer), <u32>flags, TIMER_CLOCK);
  return error;
}

export function bpf_timer_set_callback(timer: u64, callback: u64): u64 {
  return asyncSetCallback(<u32>timer, <u32>callback);
}

/** A timer runs on the CPU that started it: there BPF_F_TIMER_CPU_PIN changes nothing. */
export function bpf_timer_start(timer: u64, nsecs: u64, flags: u64): u64 {
  if (flags & ~(BPF_F_TIMER_ABS | BPF_F_TIMER_CPU_PIN)) return EINVAL;
  const found = timerAt(<u32>timer);
  if (found == 0 || load<u32>(found, TIMER_SLOT) == 0) return EINVAL;
  const due = flags & BPF_F_TIMER_ABS ? <i64>nsecs - clockOffset(found) : fromNow(<i64>nsecs);
  return timerArm(found, due) ? 0 : ENOMEM;
}

/** How far its clock is ahead. CLOCK_REALTIME is CLOCK_TAI until something sets leap seconds. */
function clockOffset(timer: u32): i64 {
  const clock = load<u32>(timer, TIMER_CLOCK);
  if (clock == <u32>CLOCK_REALTIME) return load<i64>(GLOBALS, G_TAI_OFFSET);
  return clock == <u32>CLOCK_BOOTTIME ? load<i64>(GLOBALS, G_BOOT_OFFSET) : 0;
}

/** Times that overflow never come (ktime_add_safe). */
function fromNow(nsecs: i64): i64 {
  const now = load<i64>(GLOBALS, G_CLOCK);
  const due = now + nsecs;
  return nsecs < 0 || due < now ? i64.MAX_VALUE : due;
}

/**
 * 1 if it was armed, else 0. Callbacks are never under way on another CPU here, so that Linux's
 * other EDEADLK, callbacks that cancel each other at once, cannot come up.
 */
export function bpf_timer_cancel(timer: u64): u64 {
  const found = timerAt(<u32>timer);
  if (found == 0) return EINVAL;
  if (load<u32>(cpu_block, C_TIMER_RUNNING) == found) return EDEADLK;
  store<u32>(found, 0, TIMER_SLOT);
  return timerDisarm(found) ? 1 : 0;
}
