/** What kind of pointer a register is, and in what context the program runs. */
import { KERNEL_BTF, PROGRAM_BTF, type VerifierEnv } from '../env.ts';
import {
  baseType,
  BASE_TYPE_MASK,
  CONST_PTR_TO_MAP,
  MEM_ALLOC,
  MEM_RCU,
  MEM_RDONLY,
  NON_OWN_REF,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  REF_OBJ_ID,
  regAt,
  SCALAR_VALUE,
  TYPE,
} from '../state/layout.ts';

/** Flags that make a pointer trusted (BPF_REG_TRUSTED_MODIFIERS). */
export const TRUSTED_MODIFIERS = MEM_ALLOC | PTR_TRUSTED | NON_OWN_REF;

/** Flags of a type (type_flag). */
export function typeFlags(type: number): number {
  return type & ~BASE_TYPE_MASK;
}

/** Mirrors type_may_be_null. */
export function mayBeNull(type: number): boolean {
  return (type & PTR_MAYBE_NULL) !== 0;
}

/** Mirrors type_is_rdonly_mem. */
export function isReadOnly(type: number): boolean {
  return (type & MEM_RDONLY) !== 0;
}

/** Mirrors type_is_alloc. */
export function isAlloc(type: number): boolean {
  return (type & MEM_ALLOC) !== 0;
}

/** An object the program made with bpf_obj_new (type_is_ptr_alloc_obj). */
export function isAllocObject(type: number): boolean {
  return baseType(type) === PTR_TO_BTF_ID && (type & MEM_ALLOC) !== 0 && !(type & PTR_UNTRUSTED);
}

/** Mirrors type_is_non_owning_ref. */
export function isNonOwningRef(type: number): boolean {
  return isAllocObject(type) && (type & NON_OWN_REF) !== 0;
}

/** Mirrors type_is_pkt_pointer: flags are ignored. */
export function isPacketType(type: number): boolean {
  const base = baseType(type);
  return base === PTR_TO_PACKET || base === PTR_TO_PACKET_META;
}

/** Mirrors type_is_sk_pointer: flags count. */
export function isSocketType(type: number): boolean {
  return (
    type === PTR_TO_SOCKET ||
    type === PTR_TO_SOCK_COMMON ||
    type === PTR_TO_TCP_SOCK ||
    type === PTR_TO_XDP_SOCK
  );
}

const typeOf = (env: VerifierEnv, regno: number) => env.regs[regAt(regno) + TYPE]!;

/** True if the program must not learn the register's value (is_pointer_value). */
export function isPointerValue(env: VerifierEnv, regno: number): boolean {
  return !env.allowPtrLeaks && typeOf(env, regno) !== SCALAR_VALUE;
}

/** Mirrors is_ctx_reg. */
export function isContextReg(env: VerifierEnv, regno: number): boolean {
  return typeOf(env, regno) === PTR_TO_CTX;
}

/** Mirrors is_sk_reg. */
export function isSkReg(env: VerifierEnv, regno: number): boolean {
  return isSocketType(typeOf(env, regno));
}

/** Mirrors is_pkt_reg. */
export function isPacketReg(env: VerifierEnv, regno: number): boolean {
  return isPacketType(typeOf(env, regno));
}

/** Mirrors is_flow_key_reg. */
export function isFlowKeysReg(env: VerifierEnv, regno: number): boolean {
  return typeOf(env, regno) === PTR_TO_FLOW_KEYS;
}

/** Mirrors is_arena_reg. */
export function isArenaReg(env: VerifierEnv, regno: number): boolean {
  return typeOf(env, regno) === PTR_TO_ARENA;
}

/** Register types that stand for a struct of the kernel (reg2btf_ids). */
const KERNEL_STRUCTS: ReadonlyMap<number, string> = new Map([
  [PTR_TO_SOCKET, 'sock'],
  [PTR_TO_SOCK_COMMON, 'sock_common'],
  [PTR_TO_TCP_SOCK, 'tcp_sock'],
  [CONST_PTR_TO_MAP, 'bpf_map'],
]);

/** The kernel struct a register type stands for, or undefined (reg2btf_ids). */
export function kernelStructOf(env: VerifierEnv, type: number): number | undefined {
  const name = KERNEL_STRUCTS.get(baseType(type));
  return name === undefined ? undefined : env.btfAt(KERNEL_BTF).find('struct', name);
}

/** True if registers of the type stand for a struct of the kernel. */
export function standsForStruct(type: number): boolean {
  return KERNEL_STRUCTS.has(baseType(type));
}

/** Mirrors is_trusted_reg. */
export function isTrustedReg(w: Int32Array, r: number): boolean {
  if (w[r + REF_OBJ_ID] !== 0) return true;
  const type = w[r + TYPE]!;
  const flags = typeFlags(type);
  if (flags & ~TRUSTED_MODIFIERS) return false;
  return standsForStruct(type) || (flags & TRUSTED_MODIFIERS) !== 0;
}

/** Mirrors is_rcu_reg. */
export function isRcuReg(w: Int32Array, r: number): boolean {
  return (w[r + TYPE]! & MEM_RCU) !== 0;
}

/** True if the program may sleep here (in_sleepable). */
export function inSleepable(env: VerifierEnv): boolean {
  return env.sleepable || env.state.inSleepable;
}

/** True if RCU protects pointers here (in_rcu_cs). */
export function inRcuCs(env: VerifierEnv): boolean {
  const state = env.state;
  return state.activeRcuLock || state.activeLock !== 0 || !inSleepable(env);
}

/** True if a `BTF` word names the kernel's BTF or a module's (btf_is_kernel). */
export function isKernelBtf(env: VerifierEnv, btf: number): boolean {
  if (btf === KERNEL_BTF) return true;
  return btf !== PROGRAM_BTF && env.btfAt(btf).base !== undefined;
}
