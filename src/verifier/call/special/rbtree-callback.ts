import { isRbtreeKfunc } from '../../cfg/kfuncs.ts';
import type { VerifierEnv } from '../../env.ts';

/**
 * True within a comparison of bpf_rbtree_add, or in what it calls: the lock stays held there
 * (in_rbtree_lock_required_cb).
 */
export function inRbtreeLockRequiredCallback(env: VerifierEnv): boolean {
  const { state } = env;
  for (let n = state.curframe; n > 0; n--) {
    const frame = state.frameAt(n);
    if (frame.inCallback && isRbtreeKfunc(env, frame.callsite)) return true;
  }
  return false;
}
