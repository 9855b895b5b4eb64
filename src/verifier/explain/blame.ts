import type { CauseId } from './cause-ids.ts';
import type { Cause } from './causes/cause.ts';
import type { ExplainedStep } from './types.ts';
import { isPointerText } from './value-text.ts';

type Steps = readonly ExplainedStep[];

/** Which step of the history is to blame, by cause; for the others it is the access or call. */
const RULES: Readonly<Partial<Record<CauseId, (steps: Steps) => ExplainedStep | undefined>>> = {
  'index-out-of-range': lastMove,
  'index-unbounded': lastMove,
  'negative-length': lastMove,
  'scalar-dereference': pointerLost,
  'uninitialised-register': (steps) => steps.find(({ kind }) => kind === 'lost'),
  'modified-context': lastChange,
  'reference-leak': (steps) => steps[0],
  'lock-or-section': (steps) => steps[0],
  'return-range': lastChange,
};

/** Instruction the author should change: of the history, or `at`. */
export function blameOf(cause: Cause & { readonly id: CauseId }, at: number, steps: Steps): number {
  const step = RULES[cause.id]?.(steps);
  return step ? step.insn : at;
}

/** Where a number was added to the pointer. */
function lastMove(steps: Steps): ExplainedStep | undefined {
  return steps.findLast(({ kind }) => kind === 'moved');
}

function lastChange(steps: Steps): ExplainedStep | undefined {
  return steps.findLast(({ kind }) => kind === 'made' || kind === 'changed' || kind === 'moved');
}

/** Where what was a pointer became a number; where the number was made, if it never was one. */
function pointerLost(steps: Steps): ExplainedStep | undefined {
  const last = steps.findLastIndex(({ value }) => isPointerText(value));
  const after = steps.slice(last + 1).find((step) => step.kind !== 'tested');
  return after ?? lastChange(steps);
}
