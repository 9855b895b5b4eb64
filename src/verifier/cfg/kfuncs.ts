import { type CallbackContract, kfuncByName, kfuncTraits, protoOf } from '../../abi/index.ts';
import { calledBtf } from '../btf/modules.ts';
import { calledKfunc } from '../call/kfunc-prototype.ts';
import type { Btf } from '../../btf/index.ts';
import type { VerifierEnv } from '../env.ts';
import { isGplCompatible } from '../load/program-kinds.ts';
import { kfuncMessages } from '../messages/kfunc.ts';
import { isKfuncCall } from './calls.ts';

/** Different kernel functions one program may call. */
const MAX_KFUNCS = 256;
/** Load flag: for one network device only. */
const BPF_F_XDP_DEV_BOUND_ONLY = 1 << 6;

/** Ids are below: modules' ids count together with their place in the list. */
const ID_LIMIT = 2 ** 32;

const METADATA_SET = 'xdp_metadata_kfunc_ids';

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
  if (kfuncByName(name, env.profile.tables)?.set !== METADATA_SET) return;
  if (!(env.input.flags & BPF_F_XDP_DEV_BOUND_ONLY)) {
    env.reject('EINVAL', kfuncMessages.device_bound());
  }
}

/** When the kernel function called at `insn` runs the function it is given; undefined: never. */
export function kfuncCallsBack(
  env: VerifierEnv,
  insn: number,
): CallbackContract['when'] | undefined {
  return kfuncTraits(kernelKfunc(env, insn)).callback?.when;
}

/** The kernel function moves an iterator on. */
export function isIterNextKfunc(env: VerifierEnv, insn: number): boolean {
  return isKfuncCall(env, insn) && calledKfunc(env, insn)?.contract.iterator === 'next';
}

/** bpf_throw: the path ends there (is_bpf_throw_kfunc). */
export function isThrowKfunc(env: VerifierEnv, insn: number): boolean {
  return kfuncTraits(kernelKfunc(env, insn)).throws === true;
}

/** Kernel functions over lists and trees, called under a lock (is_bpf_graph_api_kfunc). */
export function isGraphKfunc(env: VerifierEnv, insn: number): boolean {
  return kfuncTraits(kernelKfunc(env, insn)).graph !== undefined;
}

/** Kernel functions over trees, called at `insn` (is_bpf_rbtree_api_kfunc). */
export function isRbtreeKfunc(env: VerifierEnv, insn: number): boolean {
  return kfuncTraits(kernelKfunc(env, insn)).graph === 'rbtree';
}
