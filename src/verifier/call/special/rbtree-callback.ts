import type { VerifierEnv } from '../../env.ts';

/** Kfuncs that need the lock of their tree; the first one calls back under it. */
const RBTREE_KFUNCS = ['bpf_rbtree_add_impl', 'bpf_rbtree_remove', 'bpf_rbtree_first'];

/** The walk is in a comparison of bpf_rbtree_add, or in what it calls. */
export function inRbtreeLockRequiredCallback(env: VerifierEnv): boolean {
  const { state } = env;
  for (let n = state.curframe; n > 0; n--) {
    const frame = state.frameAt(n);
    if (frame.inCallback && isRbtreeKfunc(env, env.code.imm[frame.callsite]!)) return true;
  }
  return false;
}

function isRbtreeKfunc(env: VerifierEnv, btfId: number): boolean {
  const btf = env.profile.btf();
  return RBTREE_KFUNCS.some((name) => btf.find('func', name) === btfId);
}
