import { constants, enums } from '../abi/index.ts';
import type { KernelOption, TargetKernel } from '../abi/target-kernel.ts';
import { KernelError, putLittleEndian } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import type { ResolvedExtern } from './resolve-externs.ts';
import type { ExternSpec, MapSpec } from './types.ts';

/** How a value of the kernel's configuration is kept. */
type OptionForm = 'bool' | 'tristate' | 'char' | 'int' | 'string';

/** An extern of `.kconfig`, and its place among them. */
interface Option {
  readonly spec: ExternSpec;
  readonly form: OptionForm;
  readonly size: number;
  readonly align: number;
  readonly signed: boolean;
}

/** The order libbpf keeps externs in: configuration first, by alignment, size and name. */
export function externOrder(btf: Btf, externs: readonly ExternSpec[]): ExternSpec[] {
  const isConfig = ({ kind }: ExternSpec): boolean => kind === 'kconfig';
  const byName = (a: ExternSpec, b: ExternSpec): number => (a.name < b.name ? -1 : 1);
  const options = externs.filter(isConfig).map((spec) => ({ spec, ...sizesOf(btf, spec) }));
  options.sort((a, b) => b.align - a.align || a.size - b.size || byName(a.spec, b.spec));
  const symbols = externs.filter((spec) => !isConfig(spec)).sort(byName);
  return [...options.map(({ spec }) => spec), ...symbols];
}

function sizesOf(btf: Btf, { typeId }: ExternSpec): { size: number; align: number; type: number } {
  const variable = btf.type(typeId);
  const type = variable.kind === 'var' ? variable.type : 0;
  return { size: btf.sizeOf(type), align: btf.alignOf(type), type };
}

/**
 * The map with the values of the kernel's configuration that an object reads, and where each is in
 * it; undefined without such externs. Throws `KernelError` where libbpf refuses.
 */
export function readKconfig(
  btf: Btf,
  ordered: readonly ExternSpec[],
  profile: TargetKernel,
  resolved: Map<string, ResolvedExtern>,
): MapSpec | undefined {
  const options = ordered
    .filter(({ kind }) => kind === 'kconfig')
    .map((spec) => optionOf(btf, spec));
  if (options.length === 0) return undefined;
  let size = 0;
  const places = options.map((option) => {
    const offset = Math.ceil(size / option.align) * option.align;
    size = offset + option.size;
    resolved.set(option.spec.name, { kind: 'kconfig', offset });
    return { option, offset };
  });
  const initialValue = new Uint8Array(size);
  for (const { option, offset } of places) {
    writeValue(option, valueOf(option, profile), initialValue.subarray(offset));
  }
  return {
    name: '.kconfig',
    type: 'array',
    typeId: enums.bpf_map_type.BPF_MAP_TYPE_ARRAY,
    keySize: 4,
    valueSize: size,
    maxEntries: 1,
    flags: constants.BPF_F_RDONLY_PROG,
    extra: 0n,
    pinning: 'none',
    keyTypeId: 0,
    valueTypeId: btf.find('datasec', '.kconfig') ?? 0,
    dataSection: 'kconfig',
    initialValue,
  };
}

const refuse = (spec: ExternSpec, why: string): never => {
  throw new KernelError('EINVAL', 22, `extern (kcfg) '${spec.name}': ${why}`);
};

function optionOf(btf: Btf, spec: ExternSpec): Option {
  const { size, align, type } = sizesOf(btf, spec);
  const form = formOf(btf, type) ?? refuse(spec, 'type is unsupported');
  const resolved = btf.resolved(type);
  return { spec, form, size, align, signed: resolved.kind === 'int' && resolved.signed };
}

/** Which types can hold an option (find_kcfg_type). */
function formOf(btf: Btf, typeId: number): OptionForm | undefined {
  const type = btf.resolved(typeId);
  switch (type.kind) {
    case 'int':
      if (type.bool) return type.size === 1 ? 'bool' : undefined;
      if (type.size === 1) return 'char';
      return [2, 4, 8].includes(type.size) ? 'int' : undefined;
    case 'enum':
      return type.size === 4 && type.name === 'libbpf_tristate' ? 'tristate' : undefined;
    case 'array':
      return type.count > 0 && formOf(btf, type.type) === 'char' ? 'string' : undefined;
    default:
      return undefined;
  }
}

/** Values that libbpf knows itself; the rest is the configuration of the kernel. */
function valueOf({ spec }: Option, profile: TargetKernel): KernelOption | undefined {
  if (spec.name.startsWith('CONFIG_')) {
    const value = profile.kconfig(spec.name);
    if (value === undefined && !spec.weak) {
      throw new KernelError('ESRCH', 3, `extern '${spec.name}' (strong): not resolved`);
    }
    return value;
  }
  switch (spec.name) {
    case 'LINUX_KERNEL_VERSION':
      return BigInt(profile.versionCode);
    case 'LINUX_HAS_BPF_COOKIE':
    case 'LINUX_HAS_SYSCALL_WRAPPER':
      return 1n;
    default:
      if (spec.name.startsWith('LINUX_') && spec.weak) return 0n;
      return refuse(spec, 'unrecognized virtual extern');
  }
}

function writeValue(option: Option, value: KernelOption | undefined, into: Uint8Array): void {
  if (value === undefined) return;
  if (typeof value === 'bigint') writeNumber(option, value, into);
  else if (value === 'y' || value === 'm' || value === 'n') writeTristate(option, value, into);
  else writeText(option, value, into);
}

function writeTristate({ spec, form }: Option, value: string, into: Uint8Array): void {
  if (form === 'char') into[0] = value.charCodeAt(0);
  else if (form === 'tristate') into[0] = value === 'y' ? 1 : value === 'm' ? 2 : 0;
  else if (form === 'bool' && value !== 'm') into[0] = value === 'y' ? 1 : 0;
  else refuse(spec, `value '${value}' implies bool, tristate, or char type`);
}

function writeText({ spec, form, size }: Option, value: string, into: Uint8Array): void {
  if (form !== 'string') refuse(spec, `value '"${value}"' implies char array type`);
  into.set(new TextEncoder().encode(value).subarray(0, size - 1));
}

function writeNumber({ spec, form, size, signed }: Option, value: bigint, into: Uint8Array): void {
  if (form !== 'int' && form !== 'char' && form !== 'bool') {
    refuse(spec, `value '${value}' implies integer, char, or boolean type`);
  }
  const bits = size * 8;
  const cut = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  if (size < 8 && cut !== value) refuse(spec, `value '${value}' doesn't fit in ${size} bytes`);
  putLittleEndian(into, 0, size, BigInt.asUintN(64, value));
}
