import { gates } from '../gates.ts';
import type { VerifierEnv } from '../env.ts';
import { tnumText } from '../log/numbers.ts';
import { stackMessages } from '../messages/stack.ts';
import { growStack } from '../state/init.ts';
import { MASK, MAX_STACK, regAt, SMAX, SMIN, VALUE } from '../state/layout.ts';
import type { FuncState } from '../state/state.ts';
import { tnumIsConst } from '../value/tnum.ts';
import type { Access } from './access.ts';
import { signedAt } from './offset.ts';
import { MAX_VAR_OFF } from './region.ts';
import { pointedFrame } from './slots.ts';

/** Who accesses: the instruction itself, or the helper it calls. */
export type AccessSource = 'direct' | 'helper';

function accessWords(source: AccessSource, access: Access): string {
  // Whether a helper reads or writes (or both) is not known.
  if (source === 'helper') return ' indirect access to';
  return access === 'read' ? ' read from' : ' write to';
}

/** The errno of an access to [min, max), or undefined if it is within the stack. */
function boundsErrno(
  env: VerifierEnv,
  frame: FuncState,
  min: number,
  max: number,
  size: number,
  access: Access,
): string | undefined {
  const whole = access === 'write' || env.allowUninitStack;
  const lowest = whole ? -MAX_STACK : -frame.allocatedStack;
  if (min < lowest || min > -1) return 'EACCES';
  if (max > 0) return 'EINVAL';
  return size < 0 ? 'EFAULT' : undefined;
}

/**
 * Checks that `size` bytes at stack pointer `regno` + `off` lie within the stack, and makes the
 * frame track them: words of frames taken before are stale after it. Mirrors
 * check_stack_access_within_bounds.
 */
export function checkStackBounds(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  source: AccessSource,
  access: Access,
): void {
  const w = env.regs;
  const r = regAt(regno);
  const isFixed = tnumIsConst(w, r);
  const least = signedAt(w, isFixed ? r + VALUE : r + SMIN);
  const most = signedAt(w, isFixed ? r + VALUE : r + SMAX);
  if (!isFixed && (most >= MAX_VAR_OFF || least <= -MAX_VAR_OFF)) {
    env.reject('EACCES', stackMessages.unbounded(accessWords(source, access), regno));
  }
  const frame = pointedFrame(env, w, r);
  const errno = boundsErrno(env, frame, least + off, most + off + size, size, access);
  if (errno !== undefined) {
    const words = accessWords(source, access);
    const varOff = tnumText(w, r + VALUE, r + MASK);
    const variable = gates.shortLog ? 'variable_out_of_bounds' : 'variable_out_of_bounds_older';
    env.reject(
      errno,
      isFixed
        ? stackMessages.out_of_bounds(words, regno, off, size)
        : stackMessages[variable](words, regno, varOff, off, size),
    );
  }
  growStack(env, frame, -(least + off));
}
