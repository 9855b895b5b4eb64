/** RCU read sections and sections without preemption, as kernel functions enter and leave them. */
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

/** What a call of a kernel function does to the section the program is in, or may not do there. */
export function enterOrLeaveRegion(env: VerifierEnv, meta: KfuncMeta): void {
  const { enters, leaves } = meta.contract;
  if (env.state.activeRcuLock) inRcuRegion(env, meta);
  else if (enters === 'rcu') env.state.activeRcuLock = true;
  else if (leaves === 'rcu') {
    env.reject('EINVAL', regionMessages.unmatched_rcu(meta.name));
  }
  changePreemption(env, meta);
}

function inRcuRegion(env: VerifierEnv, meta: KfuncMeta): void {
  const { contract } = meta;
  const isLock = contract.enters === 'rcu';
  const isUnlock = contract.leaves === 'rcu';
  if ((isLock || isUnlock) && inRbtreeLockRequiredCallback(env)) {
    env.reject('EACCES', regionMessages.rcu_in_rbtree_callback());
  }
  if (isLock) env.reject('EINVAL', regionMessages.nested_rcu(meta.name));
  if (isUnlock) {
    eachReg(env.state, forgetProtection, (1 << STACK_SPILL) | (1 << STACK_ITER));
    env.state.activeRcuLock = false;
  } else if (contract.maySleep) {
    env.reject('EACCES', regionMessages.sleeps_in_rcu(meta.name));
  }
}

/** What RCU protected may be gone from now on. */
function forgetProtection(w: Int32Array, r: number): void {
  const type = w[r + TYPE]!;
  if (type & MEM_RCU) w[r + TYPE] = (type & ~(MEM_RCU | PTR_MAYBE_NULL)) | PTR_UNTRUSTED;
}

function changePreemption(env: VerifierEnv, meta: KfuncMeta): void {
  const { state } = env;
  const { enters, leaves, maySleep } = meta.contract;
  if (enters === 'preempt_off') {
    state.activePreemptLock++;
  } else if (leaves === 'preempt_off') {
    if (state.activePreemptLock === 0) {
      env.reject('EINVAL', regionMessages.unmatched_preempt(meta.name));
    }
    state.activePreemptLock--;
  } else if (maySleep && state.activePreemptLock > 0) {
    env.reject('EACCES', regionMessages.sleeps_in_preempt(meta.name));
  }
}
