/** One program on every kernel. */
import {
  MATRIX_VERSIONS,
  type MatrixCell,
  matrixRow,
  type ObjectFile,
  type ProgramSpec,
  requirementText,
} from 'beeyard';
import type { MatrixAnswer, MatrixEntry } from '../protocol.ts';
import { EXACT, kernelNamed } from './kernels.ts';

export async function matrixAnswer(
  object: ObjectFile,
  program: ProgramSpec,
): Promise<MatrixAnswer> {
  const kernels = await Promise.all(
    EXACT.map(async (version) => [version, await kernelNamed(version)] as const),
  );
  const { needs, cells } = matrixRow(object, program, MATRIX_VERSIONS, new Map(kernels));
  return { needs: needs.map(requirementText), cells: cells.map(entryOf) };
}

const entryOf = ({
  kernel,
  certainty,
  verdict,
  insns,
  reason,
  missing,
}: MatrixCell): MatrixEntry => ({
  kernel,
  exact: certainty === 'exact',
  ok: verdict === 'accepted',
  insns,
  reason,
  missing: missing.map(requirementText),
});
