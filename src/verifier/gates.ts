import { type KernelGates, newestGates } from '../abi/index.ts';

/**
 * What the kernel whose rules count does differently (src/abi/gates.ts), for code that is too deep
 * to be handed the environment: arithmetic on ranges, words of the log. Set by `verify` from the
 * profile, before the first pass; a verification runs from start to end without a pause.
 */
export let gates: KernelGates = newestGates;

/** From here on the rules of this kernel count. */
export function useGates(of: KernelGates): void {
  gates = of;
}
