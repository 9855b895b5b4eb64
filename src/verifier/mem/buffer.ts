import type { VerifierEnv } from '../env.ts';
import { tnumText } from '../log/numbers.ts';
import { memMessages } from '../messages/mem.ts';
import { MASK, regAt, TYPE, VALUE } from '../state/layout.ts';
import { tnumEqualsConst } from '../value/tnum.ts';
import { isReadOnly } from './pointers.ts';

/**
 * Buffers whose size is known only when the program is attached take all constant offsets but
 * negative ones. Mirrors __check_buffer_access.
 */
function checkBuffer(
  env: VerifierEnv,
  kind: string,
  regno: number,
  off: number,
  size: number,
): void {
  const w = env.regs;
  const r = regAt(regno);
  if (off < 0) env.reject('EACCES', memMessages.buffer_offset(regno, kind, off, size));
  if (!tnumEqualsConst(w, r, 0, 0)) {
    const varOff = tnumText(w, r + VALUE, r + MASK);
    env.reject('EACCES', memMessages.buffer_variable(regno, off, varOff));
  }
}

/** Mirrors check_tp_buffer_access. */
export function checkTracepointBuffer(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
): void {
  checkBuffer(env, 'tracepoint', regno, off, size);
}

/** Mirrors check_buffer_access. */
export function checkBufferAccess(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
): void {
  const readOnly = isReadOnly(env.regs[regAt(regno) + TYPE]!);
  checkBuffer(env, readOnly ? 'rdonly' : 'rdwr', regno, off, size);
}
