import { KERNEL_BTF, type VerifierEnv } from '../env.ts';
import {
  baseType,
  CONST_PTR_TO_MAP,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_TCP_SOCK,
} from '../state/layout.ts';

/** Kinds of pointer arguments (enum kfunc_ptr_arg_type). */
export type KfuncArgKind =
  | 'context'
  | 'allocated'
  | 'refcounted'
  | 'dynptr'
  | 'iterator'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  | 'btf'
  | 'mem'
  | 'mem_and_size'
  | 'callback'
  | 'null'
  | 'string'
  | 'map'
  | 'workqueue';

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
