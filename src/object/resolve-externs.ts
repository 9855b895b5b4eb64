import { findKernelType, type KernelType } from '../abi/modules.ts';
import type { TargetKernel } from '../abi/target-kernel.ts';
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
  | { readonly kind: 'missing'; readonly index: number }
  /** libbpf gives up. */
  | { readonly kind: 'refused'; readonly error: KernelError };

/** Where symbols are looked for. */
export interface SymbolSource {
  readonly kernel: TargetKernel | undefined;
  /** Those that are there; default: all the kernel has. */
  readonly offers?: ((symbol: ExternSpec) => boolean) | undefined;
}

/** Addresses of symbols of which nothing but the name is known start here: they are made up. */
const SOME_KERNEL_ADDRESS = 0xffff_ffff_8100_0000n;

/**
 * Looks up the kernel symbols an object names, in libbpf's order. One that must be there and is not
 * (ESRCH), or is of another type (EINVAL), is 'refused'. Names of modules that have some go into
 * `modules`, in the order they are first needed.
 */
export function resolveSymbols(
  { btf }: ObjectFile,
  externs: readonly ExternSpec[],
  source: SymbolSource,
  modules: string[],
): Map<string, ResolvedExtern> {
  const resolved = new Map<string, ResolvedExtern>();
  for (const [index, spec] of externs.entries()) {
    if (btf && !(spec.kind === 'kconfig' && source.kernel)) {
      resolved.set(spec.name, resolve(btf, spec, source, modules) ?? missing(spec, index));
    }
  }
  return resolved;
}

function resolve(
  btf: Btf,
  spec: ExternSpec,
  { kernel, offers }: SymbolSource,
  modules: string[],
): ResolvedExtern | undefined {
  if (!kernel || spec.kind === 'kconfig' || offers?.(spec) === false) return undefined;
  try {
    const found = spec.kind === 'ksym_function' ? functionOf : variableOf;
    return found(btf, spec, kernel, modules);
  } catch (error) {
    if (error instanceof KernelError) return { kind: 'refused', error };
    throw error;
  }
}

/** Place of the type's module in the list, from 1; 0 for the kernel itself. */
function placeOf({ module }: KernelType, modules: string[]): number {
  if (!module) return 0;
  const place = modules.indexOf(module.name);
  return place >= 0 ? place + 1 : modules.push(module.name);
}

const WORDS = {
  ksym_function: 'kernel function',
  ksym_variable: 'kernel variable',
  kconfig: 'kernel option',
};

function missing({ name, kind, weak }: ExternSpec, index: number): ResolvedExtern {
  if (weak) return { kind: 'missing', index };
  const text = `extern '${name}' (strong): this kernel has no such ${WORDS[kind]}`;
  return { kind: 'refused', error: new KernelError('ESRCH', 3, text) };
}

function functionOf(
  btf: Btf,
  spec: ExternSpec,
  kernel: TargetKernel,
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
  kernel: TargetKernel,
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
export function symbolAddress(spec: ExternSpec, kernel: TargetKernel): bigint | undefined {
  const symbol =
    findKernelType(kernel, 'func', spec.name) ?? findKernelType(kernel, 'var', spec.name);
  if (!symbol && spec.weak) return undefined;
  return SOME_KERNEL_ADDRESS + BigInt((symbol?.id ?? 0) * 16);
}
