import type { VerifierEnv } from '../env.ts';
import type { Message } from '../messages/message.ts';
import { callCauses } from './causes/calls.ts';
import type { Cause, CauseTable } from './causes/cause.ts';
import { flowCauses } from './causes/flow.ts';
import { memoryCauses } from './causes/memory.ts';
import type { PathRecorder } from './trace.ts';

/** Explained rejections, by the code of the kernel's message. */
export const causes: CauseTable = { ...memoryCauses, ...flowCauses, ...callCauses };

/** What a rejection means. Rejections nobody has written an explanation for show their history. */
export function causeOf(message: Message, env: VerifierEnv, path: PathRecorder): Cause {
  const known = causes[message.code];
  if (known) return known({ message, env, path });
  const regno = /^R(\d+) /.exec(message.text)?.[1];
  const frame = path.frames[path.length - 1] ?? 0;
  return {
    problem: `The kernel says: ${message.text}`,
    ...(regno !== undefined && { subject: { frame, register: Number(regno), slot: 0 } }),
    advice: [],
  };
}
