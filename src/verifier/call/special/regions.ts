/** RCU read sections and sections without preemption, as kernel functions enter and leave them. */
import { kfuncId } from '../../../abi/index.ts';
import type { VerifierEnv } from '../../env.ts';
import { regionMessages } from '../../messages/kfunc.ts';
import { eachReg } from '../../state/each-reg.ts';
import {
  MEM_RCU,
  PTR_MAYBE_NULL,
  PTR_UNTRUSTED,
  STACK_ITER,
  STACK_SPILL,
  TYPE,
} from '../../state/layout.ts';
import type { KfuncMeta } from '../kfunc-meta.ts';
import { inRbtreeLockRequiredCallback } from './rbtree-callback.ts';

const RCU_READ_LOCK = kfuncId('bpf_rcu_read_lock');
const RCU_READ_UNLOCK = kfuncId('bpf_rcu_read_unlock');
const PREEMPT_DISABLE = kfuncId('bpf_preempt_disable');
const PREEMPT_ENABLE = kfuncId('bpf_preempt_enable');

/** What a call of a kernel function does to the section the program is in, or may not do there. */
export function enterOrLeaveRegion(env: VerifierEnv, meta: KfuncMeta, sleeps: boolean): void {
  if (env.state.activeRcuLock) inRcuRegion(env, meta, sleeps);
  else if (meta.id === RCU_READ_LOCK) env.state.activeRcuLock = true;
  else if (meta.id === RCU_READ_UNLOCK) {
    env.reject('EINVAL', regionMessages.unmatched_rcu(meta.name));
  }
  changePreemption(env, meta, sleeps);
}

function inRcuRegion(env: VerifierEnv, meta: KfuncMeta, sleeps: boolean): void {
  const isLock = meta.id === RCU_READ_LOCK;
  const isUnlock = meta.id === RCU_READ_UNLOCK;
  if ((isLock || isUnlock) && inRbtreeLockRequiredCallback(env)) {
    env.reject('EACCES', regionMessages.rcu_in_rbtree_callback());
  }
  if (isLock) env.reject('EINVAL', regionMessages.nested_rcu(meta.name));
  if (isUnlock) {
    eachReg(env.state, forgetProtection, (1 << STACK_SPILL) | (1 << STACK_ITER));
    env.state.activeRcuLock = false;
  } else if (sleeps) {
    env.reject('EACCES', regionMessages.sleeps_in_rcu(meta.name));
  }
}

/** What RCU protected may be gone from now on. */
function forgetProtection(w: Int32Array, r: number): void {
  const type = w[r + TYPE]!;
  if (type & MEM_RCU) w[r + TYPE] = (type & ~(MEM_RCU | PTR_MAYBE_NULL)) | PTR_UNTRUSTED;
}

function changePreemption(env: VerifierEnv, meta: KfuncMeta, sleeps: boolean): void {
  const { state } = env;
  if (meta.id === PREEMPT_DISABLE) {
    state.activePreemptLock++;
  } else if (meta.id === PREEMPT_ENABLE) {
    if (state.activePreemptLock === 0) {
      env.reject('EINVAL', regionMessages.unmatched_preempt(meta.name));
    }
    state.activePreemptLock--;
  } else if (sleeps && state.activePreemptLock > 0) {
    env.reject('EACCES', regionMessages.sleeps_in_preempt(meta.name));
  }
}
