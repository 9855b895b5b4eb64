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
  /** Variable or function by its id in the kernel's BTF. */
  | { readonly kind: 'btf'; readonly id: number }
  /** An address of which only that is known. */
  | { readonly kind: 'address'; readonly address: bigint }
  /** Weak and not there: address 0, and calls that must not be reached. */
  | { readonly kind: 'missing'; readonly index: number };

/** Addresses of symbols of which nothing but the name is known start here: they are made up. */
const SOME_KERNEL_ADDRESS = 0xffff_ffff_8100_0000n;

/**
 * Looks up the kernel symbols an object names, in libbpf's order. Throws `KernelError` (ESRCH,
 * EINVAL) for one that must be there and is not, or is of another type.
 */
export function resolveSymbols(
  { btf }: ObjectFile,
  externs: readonly ExternSpec[],
  profile: KernelProfile,
): Map<string, ResolvedExtern> {
  const resolved = new Map<string, ResolvedExtern>();
  for (const [index, spec] of externs.entries()) {
    if (spec.kind === 'kconfig' || !btf) continue;
    const found = spec.kind === 'ksym_function' ? functionOf : variableOf;
    const id = found(btf, spec, profile.btf());
    resolved.set(spec.name, id ?? missing(spec, index));
  }
  return resolved;
}

function missing(spec: ExternSpec, index: number): ResolvedExtern {
  if (!spec.weak) {
    throw new KernelError('ESRCH', 3, `extern '${spec.name}' (strong): not resolved`);
  }
  return { kind: 'missing', index };
}

function functionOf(btf: Btf, spec: ExternSpec, kernel: Btf): ResolvedExtern | undefined {
  const id = kernel.find('func', essentialName(spec.name));
  const local = btf.type(spec.typeId);
  const target = id === undefined ? undefined : kernel.type(id);
  if (id === undefined || local.kind !== 'func' || target?.kind !== 'func') {
    if (spec.weak) return undefined;
    const words = `extern (func ksym) '${spec.name}': not found in kernel or module BTFs`;
    throw new KernelError('ESRCH', 3, words);
  }
  const types = { local: btf, localId: local.type, target: kernel, targetId: target.type };
  if (typesCompatible(types)) return { kind: 'btf', id };
  if (spec.weak) return undefined;
  const words = `extern (func ksym) '${spec.name}': func_proto [${local.type}] incompatible with`;
  throw new KernelError('EINVAL', 22, `${words} vmlinux [${target.type}]`);
}

function variableOf(btf: Btf, spec: ExternSpec, kernel: Btf): ResolvedExtern | undefined {
  const local = btf.type(spec.typeId);
  const localId = local.kind === 'var' ? btf.resolve(local.type) : 0;
  if (localId === 0) return addressOf(spec, kernel);
  const id = kernel.find('var', spec.name);
  const target = id === undefined ? undefined : kernel.type(id);
  if (id === undefined || target?.kind !== 'var') {
    if (spec.weak) return undefined;
    throw new KernelError('ESRCH', 3, `extern (var ksym) '${spec.name}': not found in kernel BTF`);
  }
  const types = { local: btf, localId, target: kernel, targetId: kernel.resolve(target.type) };
  if (typesCompatible(types)) return { kind: 'btf', id };
  throw new KernelError('EINVAL', 22, `extern (var ksym) '${spec.name}': incompatible types`);
}

/** Symbols of type void are looked up by name alone; that most are there has to be believed. */
function addressOf(spec: ExternSpec, kernel: Btf): ResolvedExtern | undefined {
  const known = kernel.find('func', spec.name) ?? kernel.find('var', spec.name);
  if (known === undefined && spec.weak) return undefined;
  return { kind: 'address', address: SOME_KERNEL_ADDRESS + BigInt((known ?? 0) * 16) };
}
