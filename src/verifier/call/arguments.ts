import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';
import type { HelperPrototype } from './contracts.ts';
import type { CallMeta } from './meta.ts';

/** Checks argument `arg` (0-based) of a helper call at `insn` (check_func_arg). */
export function checkFuncArg(
  _env: VerifierEnv,
  _arg: number,
  _meta: CallMeta,
  _proto: HelperPrototype,
  _insn: number,
): void {
  throw new BugError('not written yet');
}

/** Which offsets a pointer argument may have (check_func_arg_reg_off). */
export function checkFuncArgRegOff(
  _env: VerifierEnv,
  _w: Int32Array,
  _r: number,
  _regno: number,
  _argType: number,
): void {
  throw new BugError('not written yet');
}
