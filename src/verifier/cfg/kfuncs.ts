import { kfuncByName, kfuncFlags, kfuncId } from '../../abi/index.ts';
import { calledBtf } from '../btf/modules.ts';
import { calledKfunc, protoOf } from '../call/kfunc-contract.ts';
import type { Btf } from '../../btf/index.ts';
import type { VerifierEnv } from '../env.ts';
import { isGplCompatible } from '../load/program-kinds.ts';
import { kfuncMessages } from '../messages/kfunc.ts';
import type { FastcallFacts } from './fastcall.ts';
import { isKfuncCall } from './calls.ts';

/** Different kernel functions one program may call. */
const MAX_KFUNCS = 256;
/** Load flag: for one network device only. */
const BPF_F_XDP_DEV_BOUND_ONLY = 1 << 6;

/** Ids are below: modules' ids count together with their place in the list. */
const ID_LIMIT = 2 ** 32;

const METADATA_SET = 'xdp_metadata_kfunc_ids';

/** Kernel functions over lists, trees and reference counts, which may be called under a lock. */
const LIST_KFUNCS = [
  'bpf_list_push_front_impl',
  'bpf_list_push_back_impl',
  'bpf_list_pop_front',
  'bpf_list_pop_back',
];
const RBTREE_KFUNCS = ['bpf_rbtree_add_impl', 'bpf_rbtree_remove', 'bpf_rbtree_first'];

const idsOf = (names: readonly string[]): ReadonlySet<number> => new Set(names.map(kfuncId));

const listIds = idsOf(LIST_KFUNCS);
const rbtreeIds = idsOf(RBTREE_KFUNCS);
const refcountAcquire = kfuncId('bpf_refcount_acquire_impl');
const throwId = kfuncId('bpf_throw');
const rbtreeAdd = kfuncId('bpf_rbtree_add_impl');
const setWorkqueueCallback = kfuncId('bpf_wq_set_callback_impl');
const fastcallIds = idsOf(['bpf_cast_to_kern_ctx', 'bpf_rdonly_cast']);

/** Id of the kernel function called at `insn` if it is one of the kernel itself, else -1. */
function kernelKfunc(env: VerifierEnv, insn: number): number {
  return isKfuncCall(env, insn) && env.code.off[insn] === 0 ? env.code.imm[insn]! : -1;
}

/** Registers the kernel function that the call at `insn` names (add_kfunc_call). */
export function addKfuncCall(env: VerifierEnv, insn: number): void {
  const id = env.code.imm[insn]!;
  const off = env.code.off[insn]!;
  if (!isGplCompatible(env.input.license)) env.reject('EINVAL', kfuncMessages.not_gpl());
  // Whether an unresolved call matters shows when dead code is gone.
  if (id === 0 && off === 0) return;
  const btf = btfOf(env, off);
  const key = off * ID_LIMIT + id;
  if (env.kfuncs.has(key)) return;
  if (env.kfuncs.size === MAX_KFUNCS) env.reject('E2BIG', kfuncMessages.too_many());
  if (!protoOf(btf, id)) env.reject('EINVAL', kfuncMessages.not_function(id));
  if (off === 0) checkDevice(env, id);
  env.kfuncs.add(key);
}

/** The BTF that `off` names: 0 the kernel's, else that of a module the loader handed over. */
function btfOf(env: VerifierEnv, off: number): Btf {
  if (off < 0) {
    env.say(kfuncMessages.negative_offset());
    env.reject('EINVAL', kfuncMessages.no_btf());
  }
  const btf = calledBtf(env, off);
  if (btf) return btf;
  const names = env.input.modules ?? [];
  env.say(names.length === 0 ? kfuncMessages.no_fd_array() : kfuncMessages.invalid_module_fd());
  return env.reject(names.length === 0 ? 'EPROTO' : 'EBADF', kfuncMessages.no_btf());
}

function checkDevice(env: VerifierEnv, id: number): void {
  const { name } = env.profile.btf().type(id);
  if (kfuncByName(name)?.set !== METADATA_SET) return;
  if (!(env.input.flags & BPF_F_XDP_DEV_BOUND_ONLY)) {
    env.reject('EINVAL', kfuncMessages.device_bound());
  }
}

/** The call may sleep or call back later: `bpf_wq_set_callback` and its kind. */
export function isAsyncCallbackKfunc(env: VerifierEnv, insn: number): boolean {
  return kernelKfunc(env, insn) === setWorkqueueCallback;
}

/** The kernel function calls back before it returns: `bpf_rbtree_add`. */
export function isSyncCallbackKfunc(env: VerifierEnv, insn: number): boolean {
  return kernelKfunc(env, insn) === rbtreeAdd;
}

/** The kernel function moves an iterator on. */
export function isIterNextKfunc(env: VerifierEnv, insn: number): boolean {
  if (!isKfuncCall(env, insn)) return false;
  return ((calledKfunc(env, insn)?.def.flags ?? 0) & kfuncFlags.ITER_NEXT) !== 0;
}

/** The bpf_fastcall contract of the kernel function called at `insn`, if it can be found. */
export function kfuncFastcall(env: VerifierEnv, insn: number): FastcallFacts | undefined {
  const contract = calledKfunc(env, insn);
  if (!contract) return undefined;
  let clobbered = contract.result.kind === 'void' ? 0 : 1;
  contract.params.forEach((_, i) => {
    clobbered |= 2 << i;
  });
  return { clobbered, inlined: fastcallIds.has(contract.def.id) };
}

/** bpf_throw: the path ends there (is_bpf_throw_kfunc). */
export function isThrowKfunc(env: VerifierEnv, insn: number): boolean {
  return kernelKfunc(env, insn) === throwId;
}

/** Kernel functions over lists and trees, called under a lock (is_bpf_graph_api_kfunc). */
export function isGraphKfunc(env: VerifierEnv, insn: number): boolean {
  const id = kernelKfunc(env, insn);
  return listIds.has(id) || rbtreeIds.has(id) || id === refcountAcquire;
}

/** Kernel functions over trees, by id (is_bpf_rbtree_api_kfunc). */
export function isRbtreeKfunc(id: number): boolean {
  return rbtreeIds.has(id);
}
