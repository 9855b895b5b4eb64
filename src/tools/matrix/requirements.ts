/** What a program needs of a kernel, and the version each first came with. */
import {
  attachTypeName,
  type FeatureKind,
  firstVersion,
  helperName,
  type instructionVersions,
  mapTypeName,
  programRules,
  programTypeName,
  versionCodeOf,
} from '../../abi/index.ts';
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_DIV,
  BPF_END,
  BPF_JA,
  BPF_JCOND,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP,
  BPF_JMP32,
  BPF_JSLE,
  BPF_JSLT,
  BPF_LDX,
  BPF_MEMSX,
  BPF_MOD,
  BPF_MOV,
  BPF_STX,
  type Code,
  decodeCode,
} from '../../isa/index.ts';
import type { ObjectFile, ProgramSpec } from '../../object/index.ts';
import type { VerifierInput } from '../../verifier/index.ts';

/** A feature a program uses. */
export interface Requirement {
  readonly kind: FeatureKind;
  readonly name: string;
  /** First version of Linux that has it. */
  readonly since: string;
  /** The program may do without: a weak symbol. */
  readonly weak?: true;
  /** First instruction that needs it; undefined: the program as a whole does. */
  readonly insn?: number;
}

type InstructionWord = keyof typeof instructionVersions;

const LD_IMM64 = 0x18;
const BPF_PSEUDO_CALL = 1;
const BPF_PSEUDO_KFUNC_CALL = 2;
const MOST_INSNS_ONCE = 4096;
/** By the source register of a 64-bit load. */
const LOADS: Readonly<Record<number, InstructionWord>> = {
  2: 'address of a global variable',
  3: 'address of a kernel symbol',
  4: 'address of a function',
  5: 'map by its place',
  6: 'map by its place',
};
const LESS: readonly number[] = [BPF_JLT, BPF_JLE, BPF_JSLT, BPF_JSLE];

/**
 * Features of a program as it would be loaded, newest first. `seen`: instructions the walk of the
 * verifier got to (others are cut out before they matter); all count without it.
 *
 * @example
 * requirementsOf(object, program, input)[0]!.name; // 'bpf_loop'
 */
export function requirementsOf(
  object: ObjectFile,
  program: ProgramSpec,
  input: VerifierInput,
  seen?: ArrayLike<number>,
): Requirement[] {
  const found = new Map<string, Requirement>();
  const add = (kind: FeatureKind, name: string | undefined, more: Detail = {}): void => {
    const since = name === undefined ? undefined : firstVersion(kind, name);
    const key = `${kind} ${name}`;
    if (since && !found.has(key)) found.set(key, { kind, name: name!, since, ...more });
  };
  add('program_type', programTypeName(input.type));
  if (dependsOnAttachType(input)) add('attach_type', attachTypeName(input.expectedAttachType));
  for (const flag of program.flags) if (flag === 'sleepable' || flag === 'frags') add('flag', flag);
  const code = decodeCode(input.insns);
  const isReached = (insn: number): boolean => !seen || seen[insn] !== 0;
  for (const map of input.maps) {
    const insn = firstUse(object, program, map.type);
    add('map_type', mapTypeName(map.type), insn === undefined ? {} : { insn });
  }
  if (code.length > MOST_INSNS_ONCE) add('instruction', 'more than 4096 instructions');
  for (let insn = 0; insn < code.length; insn++) {
    if (!isReached(insn)) continue;
    for (const word of instructionWords(code, insn)) add('instruction', word, { insn });
    if (isCall(code, insn, 0)) {
      const name = helperName(code.imm[insn]!);
      add('helper', name, { name: `bpf_${name}`, insn });
    }
  }
  for (const relocation of program.relocations) {
    if (relocation.kind !== 'extern' || !relocation.call || !isReached(relocation.insn)) continue;
    const extern = object.externs.find(({ name }) => name === relocation.extern);
    const name = relocation.extern.replace(/___.*$/, '');
    add('kfunc', name, { insn: relocation.insn, ...(extern?.weak && { weak: true }) });
  }
  const all = [...found.values()];
  return all.sort((a, b) => versionCodeOf(b.since) - versionCodeOf(a.since));
}

type Detail = Partial<Pick<Requirement, 'name' | 'weak' | 'insn'>>;

/** Where a program first names a map of this type. */
function firstUse(object: ObjectFile, program: ProgramSpec, type: number): number | undefined {
  const names = new Set(object.maps.filter(({ typeId }) => typeId === type).map((map) => map.name));
  return program.relocations.find(
    (one) => (one.kind === 'map' || one.kind === 'map_value') && names.has(one.map),
  )?.insn;
}

/** Kernels look at the attach type when they load such a program, or it attaches no other way. */
function dependsOnAttachType({ type, expectedAttachType }: VerifierInput): boolean {
  if (expectedAttachType === 0) return false;
  const rules = programRules(type);
  const traces = attachTypeName(expectedAttachType).startsWith('trace_');
  return traces || rules?.attachTypes !== undefined || rules?.attachesByBtf === true;
}

const isCall = (code: Code, insn: number, src: number): boolean =>
  code.op[insn] === (BPF_JMP | BPF_CALL) && code.src[insn] === src;

/** First version of Linux that takes the instruction at slot 0, if the first of all did not. */
export function instructionVersion(code: Code): string | undefined {
  const versions = instructionWords(code, 0).map((word) => firstVersion('instruction', word)!);
  return versions.sort((a, b) => versionCodeOf(b) - versionCodeOf(a))[0];
}

/** What is new about an instruction. */
function instructionWords(code: Code, insn: number): InstructionWord[] {
  const op = code.op[insn]!;
  if (op === LD_IMM64) return LOADS[code.src[insn]!] ? [LOADS[code.src[insn]!]!] : [];
  switch (op & 7) {
    case BPF_ALU:
    case BPF_ALU64:
      return arithmeticWords(code, insn, op);
    case BPF_LDX:
      return (op & 0xe0) === BPF_MEMSX ? ['sign extension'] : [];
    case BPF_STX:
      return (op & 0xe0) === BPF_ATOMIC && code.imm[insn] !== BPF_ADD
        ? ['atomic operation with a result']
        : [];
    case BPF_JMP:
    case BPF_JMP32:
      return jumpWords(code, insn, op);
    default:
      return [];
  }
}

function arithmeticWords(code: Code, insn: number, op: number): InstructionWord[] {
  const off = code.off[insn]!;
  const operation = op & 0xf0;
  if (operation === BPF_END) return (op & 7) === BPF_ALU64 ? ['byte swap'] : [];
  if (off === 0) return [];
  if (operation === BPF_MOV) return [off === 1 ? 'cast between address spaces' : 'sign extension'];
  return operation === BPF_DIV || operation === BPF_MOD ? ['signed division'] : [];
}

function jumpWords(code: Code, insn: number, op: number): InstructionWord[] {
  const operation = op & 0xf0;
  if (operation === BPF_CALL) {
    if (isCall(code, insn, BPF_PSEUDO_CALL)) return ['call of a function of its own'];
    return isCall(code, insn, BPF_PSEUDO_KFUNC_CALL) ? ['call of a kernel function'] : [];
  }
  if (operation === BPF_JCOND) return ['may_goto'];
  const words: InstructionWord[] = [];
  const isLong = (op & 7) === BPF_JMP32 && operation === BPF_JA;
  const distance = isLong ? code.imm[insn]! : code.off[insn]!;
  if (distance < 0) words.push('loop');
  if (isLong) words.push('jump over a 32-bit distance');
  if ((op & 7) === BPF_JMP32 && !isLong) words.push('32-bit jump');
  if (LESS.includes(operation)) words.push('jump on less');
  return words;
}
