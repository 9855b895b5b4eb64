/** Modules of the kernel: types, kernel functions and struct_ops tables that are not in vmlinux. */
import { KernelError } from '../base/index.ts';
import { openBtf } from '../btf/index.ts';
import type { Btf, BtfKind } from '../btf/index.ts';
import { enums } from './generated/6.12/enums.ts';
import type { RawKfuncSet } from './generated/6.12/kfuncs.ts';
import { type KfuncDef, kfuncsIn } from './calls/kfunc-sets.ts';

/** Masks that say which operation may call which kernel function (enum scx_kf_mask). */
export interface OperationMasks {
  /** Single bits by the kernel's word. */
  readonly words: Readonly<Record<string, number>>;
  /** What is set while the kernel is in an operation; 0: nothing is locked. */
  readonly members: Readonly<Record<string, number>>;
  /** Functions that want one of these bits to be set, or (`unlocked`) none at all. */
  readonly kfuncs: Readonly<Record<string, OperationDemand>>;
}

export interface OperationDemand {
  readonly mask: number;
  readonly unlocked?: boolean;
}

/** A table of operations that programs may fill (struct bpf_struct_ops of a module). */
export interface ModuleStructOps {
  /** Members that have a function to stand in: programs can be attached there. */
  readonly supported: readonly string[];
  /** Members whose program may sleep; undefined: all of them. */
  readonly sleepable?: readonly string[];
  /** What its operations may call at run time; undefined: what their type may. */
  readonly masks?: OperationMasks;
  /** Function that tells which helpers programs may call; none without it. */
  readonly helpers?: string;
  /** Struct of the module that programs may write to. */
  readonly writable?: string;
  /** Instructions that are put before programs, and in the place of their ends. */
  readonly prologues?: ModuleCode;
  /** They may need the context again, which is kept for them. */
  readonly epilogues?: ModuleCode;
}

/** Instructions a module puts around programs (gen_prologue, gen_epilogue). */
export interface ModuleCode {
  /** Members of the struct whose programs get them. */
  readonly members: readonly string[];
  /** The kernel's text, one each; `+ CONTEXT` is where the context is kept on the stack. */
  readonly code: readonly string[];
}

/** What a module registers when it is loaded. */
export interface ModuleFacts {
  readonly name: string;
  /** Sets of kernel functions by the module's variable name; ids count in the module's BTF. */
  readonly kfuncs: Readonly<Record<string, RawKfuncSet>>;
  /** Struct of the module that a map value may own → function that releases it. */
  readonly destructors: Readonly<Record<string, string>>;
  /** By the name of the struct. */
  readonly structOps: Readonly<Record<string, ModuleStructOps>>;
}

/** A module that is loaded. */
export interface KernelModule extends ModuleFacts {
  /** Its types: a split BTF over the kernel's. Each is read when it is asked for. */
  btf(): Btf;
}

/** What a module is made of. */
export interface ModuleData extends ModuleFacts {
  /** Uncompressed bytes of its `.BTF`, or what gives them when they are first needed. */
  readonly btf: Uint8Array | (() => Uint8Array);
}

/** The module over data one has already; `base` is the kernel's BTF. */
export function openKernelModule(data: ModuleData, base: () => Btf): KernelModule {
  let btf: Btf | undefined;
  const bytes = () => (typeof data.btf === 'function' ? data.btf() : data.btf);
  return { ...data, btf: () => (btf ??= openBtf(bytes(), base())) };
}

/**
 * Kfuncs of a module that programs of a type (of the program it replaces, for EXT) and expected
 * attach type may call: id in the module's BTF → definition.
 */
export function moduleKfuncsOf(
  module: KernelModule,
  programType: number,
  attachType = 0,
): ReadonlyMap<number, KfuncDef> {
  return kfuncsIn(module.kfuncs, programType, attachType);
}

/** A type of the kernel or of a module. */
export interface KernelType {
  readonly btf: Btf;
  readonly id: number;
  /** The module that has it; undefined: the kernel itself. */
  readonly module: KernelModule | undefined;
}

/** What of a profile the search goes through. */
export interface KernelTypes {
  btf(): Btf;
  readonly modules: readonly KernelModule[];
  /** These are not all types of the kernel: what is not found may be there. */
  readonly slim?: boolean;
}

/** Throws KernelError EOPNOTSUPP where the types cannot tell that the kernel has no such type. */
export function checkComplete({ slim }: KernelTypes, kind: BtfKind, name: string): void {
  if (!slim) return;
  const text = `the slim types do not tell whether the kernel has ${kind} '${name}'`;
  throw new KernelError('EOPNOTSUPP', 95, `${text}: load all of them`);
}

const { BPF_LSM_CGROUP, BPF_LSM_MAC, BPF_TRACE_ITER, BPF_TRACE_RAW_TP } = enums.bpf_attach_type;

const ATTACHED: ReadonlyMap<number, readonly [BtfKind, string]> = new Map([
  [BPF_TRACE_RAW_TP, ['typedef', 'btf_trace_'] as const],
  [BPF_LSM_MAC, ['func', 'bpf_lsm_'] as const],
  [BPF_LSM_CGROUP, ['func', 'bpf_lsm_'] as const],
  [BPF_TRACE_ITER, ['func', 'bpf_iter_'] as const],
]);

/**
 * What programs of an attach type are attached to by BTF: the kind, and what stands before the name
 * (libbpf's btf_get_kernel_prefix_kind).
 */
export function attachedType(attachType: number): readonly [kind: BtfKind, prefix: string] {
  return ATTACHED.get(attachType) ?? ['func', ''];
}

/**
 * The first type of that kind and name: in the kernel's BTF, then in those of the modules
 * (bpf_find_btf_id; libbpf's find_ksym_btf_id).
 */
export function findKernelType(
  kernel: KernelTypes,
  kind: BtfKind,
  name: string,
): KernelType | undefined {
  const btf = kernel.btf();
  const id = btf.find(kind, name);
  if (id !== undefined) return { btf, id, module: undefined };
  const found = findModuleType(kernel.modules, kind, name);
  if (!found) checkComplete(kernel, kind, name);
  return found;
}

/** The first type of that kind and name that one of the modules has on top of the kernel's. */
export function findModuleType(
  modules: readonly KernelModule[],
  kind: BtfKind,
  name: string,
): KernelType | undefined {
  for (const module of modules) {
    const btf = module.btf();
    const id = btf.findAll(kind, name).find((each) => each >= btf.firstOwnId);
    if (id !== undefined) return { btf, id, module };
  }
  return undefined;
}
