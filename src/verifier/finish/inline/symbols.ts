/** Names of the kernel's functions behind what a program calls. */
import { helperFunction } from '../../../abi/index.ts';
import { helperCaller } from '../../call/contracts.ts';
import type { VerifierEnv } from '../../env.ts';

/** The function behind helper `id` for this program. */
export function helperSymbol(env: VerifierEnv, id: number): string {
  return helperFunction(helperCaller(env), id) ?? '';
}
