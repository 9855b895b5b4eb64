import { plainHelpers, plainKfuncs, plainMaps, plainProtocols } from './plain/calls.ts';
import { plainAttach, plainBtf, plainLoad } from './plain/load.ts';
import { plainMemory } from './plain/memory.ts';
import { plainOlder } from './plain/older.ts';
import { plainFunctions, plainInsns, plainPrecision } from './plain/walk.ts';
import type { PlainCauses } from './plain/words.ts';
import type { Place } from '../trace.ts';
import type { Cause, Situation } from './cause.ts';

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
  ...plainOlder,
};

/** The cause by the message's words alone; the kernel's words where there are none of ours. */
export function plainCause(situation: Situation): Cause {
  const { message } = situation;
  const words = plainCauses[message.code];
  const subject = namedPlace(situation);
  const [problem, ...advice] = (words ?? [`The kernel says: ${message.text}`]).map((one) =>
    filled(one, message.args),
  );
  return { problem: problem!, ...(subject && { subject }), advice };
}

/** `{0}` becomes the message's first value, `{0+1}` that number and one. */
function filled(words: string, args: readonly unknown[]): string {
  return words.replace(/\{(\d)(\+1)?\}/g, (_, n, next) => {
    const value = args[Number(n)];
    if (next) return String(Number(value) + 1);
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
