import { findKernelType, type KernelType } from '../abi/modules.ts';
import type { KernelProfile } from '../abi/profile.ts';
import { KernelError } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import { typesCompatible } from './core-compat.ts';
import { essentialName } from './core-names.ts';
import type { ExternSpec, ObjectFile } from './types.ts';

/** What a kernel has under a name that an object expects. */
export type ResolvedExtern =
  /** Byte of the object's `.kconfig` map. */
  | { readonly kind: 'kconfig'; readonly offset: number }
  /**
   * Variable or function by its id in a BTF: the kernel's (`module` 0), or that of the module at
   * this place (from 1) of the object's list.
   */
  | { readonly kind: 'btf'; readonly id: number; readonly module: number }
  /** An address of which only that is known. */
  | { readonly kind: 'address'; readonly address: bigint }
  /** Weak and not there: address 0, and calls that must not be reached. */
  | { readonly kind: 'missing'; readonly index: number };

/** Addresses of symbols of which nothing but the name is known start here: they are made up. */
const SOME_KERNEL_ADDRESS = 0xffff_ffff_8100_0000n;

/**
 * Looks up the kernel symbols an object names, in libbpf's order. Throws `KernelError` (ESRCH,
 * EINVAL) for one that must be there and is not, or is of another type. Names of modules that have
 * some go into `modules`, in the order they are first needed.
 */
export function resolveSymbols(
  { btf }: ObjectFile,
  externs: readonly ExternSpec[],
  profile: KernelProfile,
  modules: string[],
): Map<string, ResolvedExtern> {
  const resolved = new Map<string, ResolvedExtern>();
  for (const [index, spec] of externs.entries()) {
    if (spec.kind === 'kconfig' || !btf) continue;
    const found = spec.kind === 'ksym_function' ? functionOf : variableOf;
    const symbol = found(btf, spec, profile, modules);
    resolved.set(spec.name, symbol ?? missing(spec, index));
  }
  return resolved;
}

/** Place of the type's module in the list, from 1; 0 for the kernel itself. */
function placeOf({ module }: KernelType, modules: string[]): number {
  if (!module) return 0;
  const place = modules.indexOf(module.name);
  return place >= 0 ? place + 1 : modules.push(module.name);
}

function missing(spec: ExternSpec, index: number): ResolvedExtern {
  if (!spec.weak) {
    throw new KernelError('ESRCH', 3, `extern '${spec.name}' (strong): not resolved`);
  }
  return { kind: 'missing', index };
}

function functionOf(
  btf: Btf,
  spec: ExternSpec,
  kernel: KernelProfile,
  modules: string[],
): ResolvedExtern | undefined {
  const found = findKernelType(kernel, 'func', essentialName(spec.name));
  const local = btf.type(spec.typeId);
  const target = found?.btf.type(found.id);
  if (!found || local.kind !== 'func' || target?.kind !== 'func') {
    if (spec.weak) return undefined;
    const words = `extern (func ksym) '${spec.name}': not found in kernel or module BTFs`;
    throw new KernelError('ESRCH', 3, words);
  }
  const targetId = target.type;
  if (typesCompatible({ local: btf, localId: local.type, target: found.btf, targetId })) {
    return { kind: 'btf', id: found.id, module: placeOf(found, modules) };
  }
  if (spec.weak) return undefined;
  const words = `extern (func ksym) '${spec.name}': func_proto [${local.type}] incompatible with`;
  throw new KernelError('EINVAL', 22, `${words} ${found.module?.name ?? 'vmlinux'} [${targetId}]`);
}

function variableOf(
  btf: Btf,
  spec: ExternSpec,
  kernel: KernelProfile,
  modules: string[],
): ResolvedExtern | undefined {
  const local = btf.type(spec.typeId);
  const localId = local.kind === 'var' ? btf.resolve(local.type) : 0;
  if (localId === 0) {
    const address = symbolAddress(spec, kernel);
    return address === undefined ? undefined : { kind: 'address', address };
  }
  const found = findKernelType(kernel, 'var', spec.name);
  const target = found?.btf.type(found.id);
  if (!found || target?.kind !== 'var') {
    if (spec.weak) return undefined;
    throw new KernelError('ESRCH', 3, `extern (var ksym) '${spec.name}': not found in kernel BTF`);
  }
  const targetId = found.btf.resolve(target.type);
  if (typesCompatible({ local: btf, localId, target: found.btf, targetId })) {
    return { kind: 'btf', id: found.id, module: placeOf(found, modules) };
  }
  throw new KernelError('EINVAL', 22, `extern (var ksym) '${spec.name}': incompatible types`);
}

/**
 * Where a symbol without type is said to be: looked up by name alone. That those of no known name
 * are there has to be believed, unless they are weak (then undefined).
 */
export function symbolAddress(spec: ExternSpec, kernel: KernelProfile): bigint | undefined {
  const symbol =
    findKernelType(kernel, 'func', spec.name) ?? findKernelType(kernel, 'var', spec.name);
  if (!symbol && spec.weak) return undefined;
  return SOME_KERNEL_ADDRESS + BigInt((symbol?.id ?? 0) * 16);
}
