import { joinBytes } from '../../base/index.ts';
import type { CallContract } from '../../abi/index.ts';
import type { ProgramImage } from '../../engine/index.ts';
import {
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  type Code,
  decodeCode,
  encodeCode,
  LD_IMM64,
  CALL,
} from '../../isa/index.ts';
import { refuse } from '../errno.ts';

/** A function of a program, by its first instruction, and what is in its place. */
export interface Replacement {
  readonly start: number;
  readonly image: ProgramImage;
  /** The instruction of that image that calls the function it is in the place of. */
  readonly calls?: number;
}

/**
 * The image of a program in which functions are replaced: what replaces them stands behind it, and
 * who called the old ones calls those. The program's own first function is replaced by what stands
 * in front. Throws KernelError EOPNOTSUPP for what one image cannot have twice.
 */
export function extendedImage(own: ProgramImage, all: readonly Replacement[]): ProgramImage {
  const main = all.find(({ start }) => start === 0);
  const others = all.filter((one) => one !== main);
  const ordered = [...(main ? [main] : []), { image: own } as Part, ...others];
  const parts = ordered.map(({ image }) => image);
  const starts = startsOf(parts);
  const ownStart = starts[main ? 1 : 0]!;
  const place = new Map(others.map((one) => [one.start, starts[ordered.indexOf(one)]!]));
  const kfuncs: CallContract[] = [];
  const insns = ordered.map(({ image: part, start = 0, calls }, i) => {
    const code = decodeCode(part.insns);
    if (part === own) aimAnew(code, ownStart, place);
    if (calls !== undefined) code.imm[calls] = ownStart + start - (starts[i]! + calls + 1);
    moveKfuncs(code, kfuncs.length);
    kfuncs.push(...(part.kfuncs ?? []));
    return encodeCode(code);
  });
  const { exceptionCallback } = own;
  return {
    ...own,
    ...objectTypesOf(parts),
    ...(kfuncs.length > 0 && { kfuncs }),
    insns: joinBytes(insns),
    functions: parts.flatMap(({ functions }, i) => functions.map(moved(starts[i]!))),
    lines: parts.flatMap(({ lines }, i) =>
      lines.map((line) => ({ ...line, insn: line.insn + starts[i]! })),
    ),
    exceptionCallback: exceptionCallback === undefined ? undefined : exceptionCallback + ownStart,
  };
}

type Part = Partial<Replacement> & Pick<Replacement, 'image'>;

const moved = (by: number) => (one: ProgramImage['functions'][number]) => ({
  ...one,
  start: one.start + by,
});

function startsOf(parts: readonly ProgramImage[]): number[] {
  let at = 0;
  return parts.map(({ insns }) => {
    const start = at;
    at += insns.length / 8;
    return start;
  });
}

/** Calls of functions that are replaced, and their addresses, lead to what replaces them. */
function aimAnew(code: Code, offset: number, place: ReadonlyMap<number, number>): void {
  for (let i = 0; i < code.length; i++) {
    const op = code.op[i]!;
    const src = code.src[i]!;
    const names =
      (op === CALL && src === BPF_PSEUDO_CALL) || (op === LD_IMM64 && src === BPF_PSEUDO_FUNC);
    const target = names ? place.get(i + 1 + code.imm[i]!) : undefined;
    if (target === undefined) continue;
    code.set(i, op, code.dst[i]!, src, code.off[i]!, target - (offset + i + 1));
  }
}

/** Calls of kernel functions have their place in the list of all parts. */
function moveKfuncs(code: Code, by: number): void {
  if (by === 0) return;
  for (let i = 0; i < code.length; i++) {
    if (code.op[i] !== CALL || code.src[i] !== BPF_PSEUDO_KFUNC_CALL) continue;
    code.set(i, CALL, code.dst[i]!, BPF_PSEUDO_KFUNC_CALL, code.off[i]!, code.imm[i]! + by);
  }
}

/** Each program has a table of the types it makes; an image has one. */
function objectTypesOf(parts: readonly ProgramImage[]): Pick<ProgramImage, 'objectTypes'> {
  const tables = parts.flatMap(({ objectTypes }) => (objectTypes === undefined ? [] : objectTypes));
  if (tables.length > 1) refuse('EOPNOTSUPP', 'both programs make objects of their own types');
  return tables.length === 0 ? {} : { objectTypes: tables[0]! };
}
