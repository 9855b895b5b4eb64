import type { TargetKernel } from '../abi/target-kernel.ts';
import type { Code } from '../isa/index.ts';
import {
  BPF_CALL,
  BPF_JMP,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_VALUE,
  decodeCode,
  encodeCode,
} from '../isa/index.ts';
import { type CoreDecision, decideCore, relocateCore } from './core.ts';
import { externOrder, readKconfig } from './kconfig.ts';
import type { ResolvedExtern } from './resolve-externs.ts';
import { resolveSymbols } from './resolve-externs.ts';
import type { ExternSpec, MapSpec, ObjectFile, ProgramSpec, Relocation } from './types.ts';

/** A call of a weak kfunc that the kernel does not have gets this plus the extern's index. */
export const POISONED_KFUNC = 2_002_000_000;

/** A program adapted to a kernel; only its maps are still open. */
export interface RelocatedProgram {
  readonly insns: Uint8Array;
  /** What is left to be filled in, by instruction. */
  readonly relocations: readonly MapRelocation[];
  /** Values of the kernel's configuration (map '.kconfig'), if the object reads any. */
  readonly kconfig: MapSpec | undefined;
  /** Modules it names (fd_array): place k, from 1, is what calls have in `off`, loads in imm[1]. */
  readonly modules: readonly string[];
}

export type MapRelocation = Exclude<Relocation, { readonly kind: 'extern' }>;

export interface RelocationOptions {
  /**
   * Which kernel functions and variables there are. Default: all of the kernel's BTF, and then
   * every one the object needs must be there, as libbpf asks. With it, those the program uses.
   */
  readonly offers?: (symbol: ExternSpec) => boolean;
}

/**
 * Applies what depends on the kernel but on no machine: CO-RE relocations, kernel variables and
 * functions, configuration values. Without a kernel CO-RE places stay as the compiler wrote them,
 * and nothing but weak symbols is allowed. Throws `FormatError` or `KernelError` where libbpf
 * refuses to load.
 */
export function relocateProgram(
  object: ObjectFile,
  program: ProgramSpec,
  kernel: TargetKernel | undefined,
  options: RelocationOptions = {},
): RelocatedProgram {
  const code = decodeCode(program.insns);
  if (kernel && object.btf && program.coreRelocations.length > 0) {
    relocateCore(code, program.coreRelocations, object.btf, kernel);
  }
  const { externs, kconfig, modules, refused } = resolveExterns(object, kernel, options.offers);
  if (refused && kernel && !options.offers) throw refused;
  const relocations = program.relocations.flatMap((relocation) => {
    if (relocation.kind !== 'extern') return [relocation];
    return putExtern(code, relocation, externs.get(relocation.extern)!);
  });
  const usesKconfig = relocations.some(({ map }) => map === kconfig?.name);
  return {
    insns: encodeCode(code),
    relocations,
    kconfig: usesKconfig ? kconfig : undefined,
    modules,
  };
}

/**
 * What relocation does to each place of a program that depends on the layout of the kernel's types,
 * and why: pure data, in the order of the instructions.
 *
 * @example
 * import { coreDecisions, loadTargetKernel, parseObject } from 'beeyard';
 *
 * const object = parseObject(bytes);
 * const [first] = coreDecisions(object, object.programs[0], await loadTargetKernel('6.1'));
 * `${first.access}: ${first.outcome}`; // 'task_struct.pid: changed'
 */
export function coreDecisions(
  object: ObjectFile,
  program: ProgramSpec,
  kernel: TargetKernel,
): readonly CoreDecision[] {
  if (!object.btf) return [];
  const ordered = program.coreRelocations.toSorted((a, b) => a.insn - b.insn);
  return decideCore(decodeCode(program.insns), ordered, object.btf, kernel);
}

interface Externs {
  readonly externs: ReadonlyMap<string, ResolvedExtern>;
  readonly kconfig: MapSpec | undefined;
  readonly modules: readonly string[];
  /** What stops the load of the whole object. */
  readonly refused: Error | undefined;
}

type Offers = RelocationOptions['offers'];

interface Known {
  readonly kernel: TargetKernel | undefined;
  readonly offers: Offers;
  readonly it: Externs;
}

const known = new WeakMap<ObjectFile, Known>();

/** The same for every program of an object. */
function resolveExterns(
  object: ObjectFile,
  kernel: TargetKernel | undefined,
  offers: Offers,
): Externs {
  const before = known.get(object);
  if (before && before.kernel === kernel && before.offers === offers) return before.it;
  const { btf } = object;
  const ordered = btf ? externOrder(btf, object.externs) : [];
  const modules: string[] = [];
  const externs = resolveSymbols(object, ordered, { kernel, offers }, modules);
  const kconfig = btf && kernel && readKconfig(btf, ordered, kernel, externs);
  const it = { externs, kconfig, modules, refused: firstRefusal(externs) };
  known.set(object, { kernel, offers, it });
  return it;
}

function firstRefusal(externs: ReadonlyMap<string, ResolvedExtern>): Error | undefined {
  for (const extern of externs.values()) if (extern.kind === 'refused') return extern.error;
  return undefined;
}

/** Fills in one extern; configuration values become a use of their map. */
function putExtern(
  code: Code,
  { insn, call }: Extract<Relocation, { readonly kind: 'extern' }>,
  extern: ResolvedExtern,
): MapRelocation[] {
  if (extern.kind === 'refused') throw extern.error;
  if (extern.kind === 'kconfig') {
    code.src[insn] = BPF_PSEUDO_MAP_VALUE;
    code.imm[insn] = 0;
    code.imm[insn + 1] = extern.offset;
    return [{ kind: 'map_value', insn, map: '.kconfig', offset: extern.offset }];
  }
  if (call) putCall(code, insn, extern);
  else putAddress(code, insn, extern);
  return [];
}

function putCall(code: Code, insn: number, extern: ResolvedExtern): void {
  if (extern.kind === 'btf') {
    code.set(insn, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, extern.module, extern.id);
  } else if (extern.kind === 'missing') {
    code.set(insn, BPF_JMP | BPF_CALL, 0, 0, 0, POISONED_KFUNC + extern.index);
  }
}

function putAddress(code: Code, insn: number, extern: ResolvedExtern): void {
  if (extern.kind === 'btf') {
    code.src[insn] = BPF_PSEUDO_BTF_ID;
    code.imm[insn] = extern.id;
    code.imm[insn + 1] = extern.module;
    return;
  }
  const address = extern.kind === 'address' ? extern.address : 0n;
  code.imm[insn] = Number(BigInt.asIntN(32, address));
  code.imm[insn + 1] = Number(BigInt.asIntN(32, address >> 32n));
}
