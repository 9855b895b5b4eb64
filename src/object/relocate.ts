import type { KernelProfile } from '../abi/profile.ts';
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
import { relocateCore } from './core.ts';
import { externOrder, readKconfig } from './kconfig.ts';
import type { ResolvedExtern } from './resolve-externs.ts';
import { resolveSymbols } from './resolve-externs.ts';
import type { MapSpec, ObjectFile, ProgramSpec, Relocation } from './types.ts';

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

/**
 * Applies what depends on the kernel but on no machine: CO-RE relocations, kernel variables and
 * functions, configuration values. Throws `FormatError` or `KernelError` where libbpf refuses to
 * load.
 */
export function relocateProgram(
  object: ObjectFile,
  program: ProgramSpec,
  profile: KernelProfile,
): RelocatedProgram {
  const code = decodeCode(program.insns);
  if (object.btf && program.coreRelocations.length > 0) {
    relocateCore(code, program.coreRelocations, object.btf, profile);
  }
  const { externs, kconfig, modules } = resolveExterns(object, profile);
  const relocations = program.relocations.flatMap((relocation) => {
    if (relocation.kind !== 'extern') return [relocation];
    return putExtern(code, relocation, externs.get(relocation.extern)!);
  });
  return { insns: encodeCode(code), relocations, kconfig, modules };
}

interface Externs {
  readonly externs: ReadonlyMap<string, ResolvedExtern>;
  readonly kconfig: MapSpec | undefined;
  readonly modules: readonly string[];
}

const known = new WeakMap<ObjectFile, { readonly profile: KernelProfile; readonly it: Externs }>();

/** The same for every program of an object. */
function resolveExterns(object: ObjectFile, profile: KernelProfile): Externs {
  const before = known.get(object);
  if (before?.profile === profile) return before.it;
  const { btf } = object;
  const ordered = btf ? externOrder(btf, object.externs) : [];
  const modules: string[] = [];
  const externs = resolveSymbols(object, ordered, profile, modules);
  const it = { externs, kconfig: btf && readKconfig(btf, ordered, profile, externs), modules };
  known.set(object, { profile, it });
  return it;
}

/** Fills in one extern; configuration values become a use of their map. */
function putExtern(
  code: Code,
  { insn, call }: Extract<Relocation, { readonly kind: 'extern' }>,
  extern: ResolvedExtern,
): MapRelocation[] {
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
