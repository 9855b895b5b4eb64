/** Programs instruction by instruction, as text. */
import type { Btf } from '../../btf/index.ts';
import {
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  type Code,
  decodeCode,
  insnSlots,
  kernelText,
} from '../../isa/index.ts';
import {
  type FunctionSpec,
  instructionSymbols,
  type ProgramSpec,
  type SourceLine,
} from '../../object/index.ts';
import { signature } from './signature.ts';

/** A program ready to be printed instruction by instruction. */
export interface Listing {
  readonly program: Pick<ProgramSpec, 'insns' | 'functions'>;
  readonly code: Code;
  /** The kernel's text of an instruction; symbols stand where a kernel puts addresses. */
  readonly text: (insn: number) => string;
  /** Declaration of the function that starts at an instruction (its name, without types). */
  readonly proto: ReadonlyMap<number, string>;
  readonly lines: ReadonlyMap<number, SourceLine>;
}

/** The listing of a program as its object has it. */
export function listingOf(program: ProgramSpec, btf: Btf | undefined): Listing {
  const code = decodeCode(program.insns);
  const symbols = instructionSymbols(program, code);
  return {
    program,
    code,
    text: (insn) => kernelText(code, insn, symbols),
    proto: protosOf(program.functions, btf),
    lines: new Map(program.lines.map((one) => [one.insn, one])),
  };
}

/** Declarations by the instruction functions start at. */
export function protosOf(
  functions: readonly FunctionSpec[],
  btf: Btf | undefined,
): ReadonlyMap<number, string> {
  const typed = functions.map(({ start, name, btfId }): [number, string] => {
    const words = btf && btfId > 0 ? signature(btf, btfId) : undefined;
    return [start, words ?? name];
  });
  return new Map(typed);
}

/** Every instruction but the second halves of ld_imm64. */
export function* insnsOf({ code }: Listing, from = 0, to = code.length): Generator<number> {
  for (let insn = from; insn < to; insn += insnSlots(code, insn)) yield insn;
}

/** A distance with its sign, as it stands behind `pc`. */
export const signed = (distance: number): string => (distance < 0 ? `${distance}` : `+${distance}`);

/**
 * The map or function that an ld_imm64 of loaded code stands for: `map[id:5][0]+8`; undefined: a
 * number. `mapOf` gives what is in the brackets for the number in the instruction.
 */
export function constantText(
  code: Code,
  at: number,
  mapOf: (number: number) => string,
): string | undefined {
  const imm = code.imm[at]!;
  switch (code.src[at]) {
    case BPF_PSEUDO_MAP_FD:
      return `map[${mapOf(imm)}]`;
    case BPF_PSEUDO_MAP_VALUE:
      return `map[${mapOf(imm)}][0]+${code.imm[at + 1]! >>> 0}`;
    case BPF_PSEUDO_FUNC:
      return `subprog[${signed(imm)}]`;
    default:
      return undefined;
  }
}
