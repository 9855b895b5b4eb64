/**
 * What a call takes and gives, as numbers: enum bpf_arg_type and enum bpf_return_type of
 * include/linux/bpf.h. Flags (PTR_MAYBE_NULL, MEM_UNINIT, …) are those of register types, see
 * `state/layout.ts`. Contracts of `abi` are turned into these once per helper (`contracts.ts`).
 */
import {
  DYNPTR_TYPE_LOCAL_FLAG,
  DYNPTR_TYPE_RINGBUF_FLAG,
  DYNPTR_TYPE_SKB_FLAG,
  DYNPTR_TYPE_XDP_FLAG,
  MEM_FIXED_SIZE,
  MEM_UNINIT,
  MEM_WRITE,
  OBJ_RELEASE,
  PTR_MAYBE_NULL,
  baseType,
} from '../state/layout.ts';

export const ARG_DONTCARE = 0;
export const ARG_CONST_MAP_PTR = 1;
export const ARG_PTR_TO_MAP_KEY = 2;
export const ARG_PTR_TO_MAP_VALUE = 3;
export const ARG_PTR_TO_MEM = 4;
export const ARG_PTR_TO_ARENA = 5;
export const ARG_CONST_SIZE = 6;
export const ARG_CONST_SIZE_OR_ZERO = 7;
export const ARG_PTR_TO_CTX = 8;
export const ARG_ANYTHING = 9;
export const ARG_SCALAR = 10;
export const ARG_PTR_TO_SPIN_LOCK = 11;
export const ARG_PTR_TO_SOCK_COMMON = 12;
export const ARG_PTR_TO_SOCKET = 13;
export const ARG_PTR_TO_BTF_ID = 14;
export const ARG_PTR_TO_RINGBUF_MEM = 15;
export const ARG_CONST_ALLOC_SIZE_OR_ZERO = 16;
export const ARG_PTR_TO_BTF_ID_SOCK_COMMON = 17;
export const ARG_PTR_TO_PERCPU_BTF_ID = 18;
export const ARG_PTR_TO_FUNC = 19;
export const ARG_PTR_TO_STACK = 20;
export const ARG_PTR_TO_CONST_STR = 21;
export const ARG_PTR_TO_TIMER = 22;
export const ARG_KPTR_XCHG_DEST = 23;
export const ARG_PTR_TO_DYNPTR = 24;

export const ARG_PTR_TO_MAP_VALUE_OR_NULL = PTR_MAYBE_NULL | ARG_PTR_TO_MAP_VALUE;
export const ARG_PTR_TO_MEM_OR_NULL = PTR_MAYBE_NULL | ARG_PTR_TO_MEM;
export const ARG_PTR_TO_CTX_OR_NULL = PTR_MAYBE_NULL | ARG_PTR_TO_CTX;
export const ARG_PTR_TO_SOCKET_OR_NULL = PTR_MAYBE_NULL | ARG_PTR_TO_SOCKET;
export const ARG_PTR_TO_STACK_OR_NULL = PTR_MAYBE_NULL | ARG_PTR_TO_STACK;
export const ARG_PTR_TO_BTF_ID_OR_NULL = PTR_MAYBE_NULL | ARG_PTR_TO_BTF_ID;
export const ARG_PTR_TO_UNINIT_MEM = MEM_UNINIT | MEM_WRITE | ARG_PTR_TO_MEM;
export const ARG_PTR_TO_FIXED_SIZE_MEM = MEM_FIXED_SIZE | ARG_PTR_TO_MEM;

export const RET_INTEGER = 0;
export const RET_VOID = 1;
export const RET_PTR_TO_MAP_VALUE = 2;
export const RET_PTR_TO_SOCKET = 3;
export const RET_PTR_TO_TCP_SOCK = 4;
export const RET_PTR_TO_SOCK_COMMON = 5;
export const RET_PTR_TO_MEM = 6;
export const RET_PTR_TO_MEM_OR_BTF_ID = 7;
export const RET_PTR_TO_BTF_ID = 8;

/** Which kinds of dynptr an argument takes or makes. */
export const DYNPTR_TYPE_FLAG_MASK =
  DYNPTR_TYPE_LOCAL_FLAG | DYNPTR_TYPE_RINGBUF_FLAG | DYNPTR_TYPE_SKB_FLAG | DYNPTR_TYPE_XDP_FLAG;

/** The argument is the length of the memory before it (arg_type_is_mem_size). */
export function isMemSize(argType: number): boolean {
  return argType === ARG_CONST_SIZE || argType === ARG_CONST_SIZE_OR_ZERO;
}

/** Memory the helper fills (arg_type_is_raw_mem). */
export function isRawMem(argType: number): boolean {
  return baseType(argType) === ARG_PTR_TO_MEM && (argType & MEM_UNINIT) !== 0;
}

/** The call takes over the reference (arg_type_is_release). */
export function isRelease(argType: number): boolean {
  return (argType & OBJ_RELEASE) !== 0;
}

/** arg_type_is_dynptr */
export function isDynptr(argType: number): boolean {
  return baseType(argType) === ARG_PTR_TO_DYNPTR;
}
