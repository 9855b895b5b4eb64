import { type KernelVersion, loadTargetKernel } from '../../abi/index.ts';
import { objectFrom, type ObjectSource } from '../../client/index.ts';
import { isExact, MATRIX_VERSIONS, matrixRow, requirementText } from '../../tools/index.ts';
import type { Answer, Context } from './types.ts';

/** What the object is judged by, besides its own programs. */
export interface VerifyOptions {
  /** Only these programs. Default: all. */
  readonly programs?: readonly string[];
}

/**
 * The verifiers of these kernels accept every program of the object: with several versions the
 * message says which rejects what, why, and what the program uses that the kernel has not got.
 */
async function toVerifyOn(
  this: Context,
  received: ObjectSource,
  versions: string | readonly string[],
  { programs }: VerifyOptions = {},
): Promise<Answer> {
  const wanted = typeof versions === 'string' ? [versions] : versions;
  const object = await objectFrom(received);
  const profiles = new Map(
    await Promise.all(
      exact(wanted).map(async (one) => [one, await loadTargetKernel(one)] as const),
    ),
  );
  const chosen = object.programs.filter(({ name }) => programs?.includes(name) ?? true);
  const missing = programs?.filter((name) => !chosen.some((one) => one.name === name)) ?? [];
  if (missing.length > 0) throw new TypeError(`the object has no program '${missing[0]}'`);
  const rejections: string[] = [];
  for (const program of chosen) {
    for (const cell of matrixRow(object, program, wanted, profiles).cells) {
      if (cell.verdict === 'accepted') continue;
      rejections.push(`  ${program.name} on ${cell.kernel}: ${cell.reason ?? 'rejected'}`);
      for (const one of cell.missing) rejections.push(`    needs ${requirementText(one)}`);
    }
  }
  const pass = rejections.length === 0;
  const list = wanted.join(', ');
  return {
    pass,
    message: () =>
      pass
        ? `expected some kernel of ${list} to reject the object, all accept it`
        : [`expected ${list} to accept the object`, ...rejections].join('\n'),
  };
}

function exact(versions: readonly string[]): KernelVersion[] {
  return versions.map((one) => {
    if (isExact(one)) return one;
    const known = MATRIX_VERSIONS.filter(isExact).join(' and ');
    throw new TypeError(`toVerifyOn knows the rules of ${known}, not of '${one}'`);
  });
}

export const verifyMatchers = { toVerifyOn };
