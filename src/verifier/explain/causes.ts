import type { CauseId } from './cause-ids.ts';
import { callCauses } from './causes/calls.ts';
import type { Cause, CauseTable, Situation } from './causes/cause.ts';
import { flowCauses } from './causes/flow.ts';
import { causeIdOf } from './causes/ids.ts';
import { memoryCauses } from './causes/memory.ts';
import { plainCause } from './causes/plain-cause.ts';

/** Explained rejections, by the code of the kernel's message. */
export const causes: CauseTable = { ...memoryCauses, ...flowCauses, ...callCauses };

/** What a rejection means. Messages nobody has written words for show the kernel's. */
export function causeOf(situation: Situation): Cause & { readonly id: CauseId } {
  const { code } = situation.message;
  const cause = causes[code]?.(situation) ?? plainCause(situation);
  return { ...cause, id: cause.id ?? causeIdOf(code) };
}
