import type { CauseId } from './cause-ids.ts';
import { callCauses } from './causes/calls.ts';
import type { Cause, CauseTable, Situation } from './causes/cause.ts';
import { flowCauses } from './causes/flow.ts';
import { causeIdOf } from './causes/ids.ts';
import { memoryCauses } from './causes/memory.ts';
import { plainHelpers, plainKfuncs, plainMaps, plainProtocols } from './causes/plain/calls.ts';
import { plainAttach, plainBtf, plainLoad } from './causes/plain/load.ts';
import { plainMemory } from './causes/plain/memory.ts';
import { plainFunctions, plainInsns, plainPrecision } from './causes/plain/walk.ts';
import type { PlainCauses } from './causes/plain/words.ts';
import type { Place } from './trace.ts';

/** Explained rejections, by the code of the kernel's message. */
export const causes: CauseTable = { ...memoryCauses, ...flowCauses, ...callCauses };

/** Those whose words need nothing but the values of the message. */
export const plainCauses: PlainCauses = {
  ...plainHelpers,
  ...plainMaps,
  ...plainKfuncs,
  ...plainProtocols,
  ...plainInsns,
  ...plainFunctions,
  ...plainPrecision,
  ...plainMemory,
  ...plainAttach,
  ...plainBtf,
  ...plainLoad,
};

/** What a rejection means. Messages nobody has written words for show the kernel's. */
export function causeOf(situation: Situation): Cause & { readonly id: CauseId } {
  const { code } = situation.message;
  const cause = causes[code]?.(situation) ?? plainCause(situation);
  return { ...cause, id: cause.id ?? causeIdOf(code) };
}

function plainCause(situation: Situation): Cause {
  const { message } = situation;
  const words = plainCauses[message.code];
  const subject = namedPlace(situation);
  const [problem, ...advice] = (words ?? [`The kernel says: ${message.text}`]).map((one) =>
    filled(one, message.args),
  );
  return { problem: problem!, ...(subject && { subject }), advice };
}

/** `{0}` and its kind become the values of the message. */
function filled(words: string, args: readonly unknown[]): string {
  return words.replace(/\{(\d)\}/g, (_, n) => {
    const value = args[Number(n)];
    return Array.isArray(value) ? value.join(', ') : String(value);
  });
}

/** The register the kernel's words are about: 'R3 …', or 'arg#2 …' (counted from 0). */
function namedPlace({ message, path }: Situation): Place | undefined {
  const frame = path.frames[path.length - 1];
  if (frame === undefined) return undefined;
  const register = /\bR(\d+)\b/.exec(message.text)?.[1];
  if (register !== undefined) return { frame, register: Number(register), slot: 0 };
  const arg = /\barg#(\d)\b/i.exec(message.text)?.[1];
  return arg === undefined ? undefined : { frame, register: Number(arg) + 1, slot: 0 };
}
