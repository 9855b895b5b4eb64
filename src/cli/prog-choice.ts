import { loadKernelProfile } from '../abi/index.ts';
import { type ObjectFile, type ProgramSpec, programTag, relocateProgram } from '../object/index.ts';
import { usageError } from './exit.ts';
import { didYouMean } from './suggest.ts';

/** A program with what a kernel would call it: ids count from 1 in the order of loading. */
export interface NumberedProgram {
  readonly id: number;
  readonly program: ProgramSpec;
  /** Tag by Linux's rule; undefined where the kernel lacks what the program asks for. */
  readonly tag: string | undefined;
}

/** The programs of an object with their ids and tags. */
export async function numberedPrograms(object: ObjectFile): Promise<NumberedProgram[]> {
  const fits = object.programs.every(isFinished);
  const kernel = fits ? undefined : await loadKernelProfile();
  return object.programs.map((program, i) => {
    if (!kernel) return { id: i + 1, program, tag: programTag(program.insns) };
    try {
      const { insns } = relocateProgram(object, program, kernel);
      return { id: i + 1, program, tag: programTag(insns) };
    } catch (error) {
      const known = error instanceof Error && /^(Kernel|Format)Error$/.test(error.name);
      if (!known) throw error;
      return { id: i + 1, program, tag: undefined };
    }
  });
}

/** Nothing in it depends on a kernel. */
const isFinished = ({ coreRelocations, relocations }: ProgramSpec): boolean =>
  coreRelocations.length === 0 && relocations.every(({ kind }) => kind !== 'extern');

/** What bpftool's PROG may be, and how many words each takes. */
const WAYS = ['name', 'tag', 'id'] as const;

/**
 * Takes a PROG off the front of `words`: NAME, `name NAME`, `tag TAG` or `id ID`; none at all
 * means every program. Throws a usage error for one that is not there.
 */
export function takePrograms(
  all: readonly NumberedProgram[],
  words: string[],
  options: readonly string[],
): { readonly chosen: readonly NumberedProgram[]; readonly named: boolean } {
  const first = words[0];
  const known = all.some(({ program }) => program.name === first);
  if (first === undefined || (!known && isOption(first, options))) {
    return { chosen: all, named: false };
  }
  const way = known ? undefined : WAYS.find((one) => one === first);
  words.shift();
  const value = way === undefined ? first : words.shift();
  if (value === undefined) throw usageError(`'${way}' needs a value`);
  const chosen = all.filter((one) => valueOf(one, way ?? 'name') === value);
  if (chosen.length > 0) return { chosen, named: true };
  const values = all.flatMap((one) => valueOf(one, way ?? 'name') ?? []);
  const what = way === undefined || way === 'name' ? `program '${value}'` : `${way} ${value}`;
  throw usageError(`the object has no ${what}${didYouMean(value, values)}`);
}

const isOption = (word: string, options: readonly string[]): boolean =>
  word !== '' && options.some((option) => option.startsWith(word));

function valueOf(one: NumberedProgram, way: (typeof WAYS)[number]): string | undefined {
  if (way === 'id') return String(one.id);
  return way === 'tag' ? one.tag : one.program.name;
}
