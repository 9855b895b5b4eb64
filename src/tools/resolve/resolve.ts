import { attachedType, attachTypeId, type TargetKernel } from '../../abi/index.ts';
import { type Btf, declareC } from '../../btf/index.ts';
import type { ProgramSpec } from '../../object/index.ts';
import type { KernelSymbol, SymbolTable } from './symbols.ts';

/** A function BTF describes. */
export interface DescribedFunction {
  readonly id: number;
  /** Module whose BTF has it; undefined: the kernel's own. */
  readonly module: string | undefined;
  /** Its declaration in C. */
  readonly prototype: string;
}

/** Whether programs of a kind can be attached, and why not. 'unknown': symbols are needed. */
export interface Traceable {
  readonly verdict: 'yes' | 'no' | 'ambiguous' | 'unknown';
  readonly why: string;
}

/** Everything a name may stand for on a kernel. */
export interface Resolution {
  readonly name: string;
  readonly functions: readonly DescribedFunction[];
  /** Undefined when no symbol table was given. */
  readonly symbols: readonly KernelSymbol[] | undefined;
  /** fentry, fexit, fmod_ret, LSM: by BTF id, then by name (bpf_check_attach_target). */
  readonly fentry: Traceable;
  /** kprobe and kretprobe, by name (trace_kprobe.c). */
  readonly kprobe: Traceable;
}

/**
 * What `name` stands for on a kernel. Linux looks functions up by name and takes the first it
 * finds; names that several functions have are told here with every candidate. `name@0xADDRESS`
 * means the one at that address.
 *
 * @example
 * const { fentry } = resolveFunction('type_show', await loadTargetKernel('6.12'), symbols);
 * fentry.verdict; // 'ambiguous'
 */
export function resolveFunction(
  name: string,
  kernel: TargetKernel,
  symbols: SymbolTable | undefined,
): Resolution {
  const [plain, at] = name.split('@') as [string, string | undefined];
  const functions = describedFunctions(plain, kernel);
  const all = symbols?.named(plain);
  const chosen = at === undefined ? all : all?.filter(({ address }) => address === addressOf(at));
  return {
    name,
    functions,
    symbols: chosen,
    fentry: fentryOf(functions, chosen),
    kprobe: kprobeOf(chosen),
  };
}

function addressOf(text: string): bigint | undefined {
  return /^0x[0-9a-f]+$/i.test(text) ? BigInt(text) : undefined;
}

function describedFunctions(name: string, kernel: TargetKernel): DescribedFunction[] {
  const found = functionsIn(kernel.btf(), name, undefined);
  for (const module of kernel.modules) found.push(...functionsIn(module.btf(), name, module.name));
  return found;
}

function functionsIn(btf: Btf, name: string, module: string | undefined): DescribedFunction[] {
  const own = btf.findAll('func', name).filter((id) => id >= btf.firstOwnId);
  return own.flatMap((id) => {
    const type = btf.type(id);
    if (type.kind !== 'func') return [];
    return [{ id, module, prototype: declareC(btf, type.type, type.name) }];
  });
}

function fentryOf(
  functions: readonly DescribedFunction[],
  symbols: readonly KernelSymbol[] | undefined,
): Traceable {
  const [first] = functions;
  if (!first) {
    const why = 'BTF has no function of that name: inlined, changed by the compiler, or not there';
    return { verdict: 'no', why };
  }
  if (functions.length > 1) {
    return { verdict: 'ambiguous', why: `BTF has ${functions.length} functions of that name` };
  }
  if (!symbols) return { verdict: 'yes', why: 'if only one function has that name: give --syms' };
  // The kernel looks in what the BTF belongs to: itself, or the one module.
  const own = symbols.filter(({ module }) => module === first.module);
  return bySymbols(own, 'Linux attaches to the first it finds');
}

function kprobeOf(symbols: readonly KernelSymbol[] | undefined): Traceable {
  if (!symbols) return { verdict: 'unknown', why: 'give the symbols of the kernel: --syms' };
  return bySymbols(symbols, 'Linux refuses (EADDRNOTAVAIL): give an address');
}

function bySymbols(symbols: readonly KernelSymbol[], several: string): Traceable {
  if (symbols.length === 0) return { verdict: 'no', why: 'there is no symbol of that name' };
  if (symbols.length === 1) return { verdict: 'yes', why: '' };
  return { verdict: 'ambiguous', why: `${symbols.length} functions share the name; ${several}` };
}

/** Which way programs of a section find their function, by libbpf's word of the attach type. */
const BY_BTF: readonly string[] = ['trace_fentry', 'trace_fexit', 'modify_return', 'lsm_mac'];

/** The function of the kernel a program is to be attached to, and how it is looked up. */
export interface AttachPoint {
  readonly program: string;
  readonly name: string;
  readonly by: 'fentry' | 'kprobe';
}

/** The attach point of a program, if it is one function of the kernel. */
export function attachPointOf(program: ProgramSpec): AttachPoint | undefined {
  const { name, type, attachType, attachTarget, flags } = program;
  if (attachTarget === undefined || flags.includes('multi') || flags.includes('session')) {
    return undefined;
  }
  if (attachType !== undefined && BY_BTF.includes(attachType)) {
    const [, prefix] = attachedType(attachTypeId(attachType)!);
    return { program: name, name: prefix + attachTarget, by: 'fentry' };
  }
  const isProbe = type === 'kprobe' && /^k(ret)?probe\//.test(program.section.replace(/^\?/, ''));
  if (!isProbe) return undefined;
  return { program: name, name: attachTarget.replace(/\+.*$/, ''), by: 'kprobe' };
}
