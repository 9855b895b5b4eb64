import { XDP_VERDICTS } from '../../abi/verdicts.ts';
import type { ChainOptions, XdpVerdict } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';

/** enum xdp_action, in the order of its numbers. */
const ACTIONS: readonly XdpVerdict[] = XDP_VERDICTS;
export const XDP_PASS = 2;

/** Bits of the verdicts after which a chain goes on: XDP_PASS by default. */
export function chainCallsOf(options: ChainOptions | true): number {
  if (options === true) return 1 << XDP_PASS;
  return options.continueOn.reduce((bits, word) => {
    const action = ACTIONS.indexOf(word);
    if (action < 0) refuse('EINVAL', `'${word}' is no verdict of XDP`);
    return bits | (1 << action);
  }, 0);
}

export function chainOptions(calls: number): ChainOptions {
  return { continueOn: ACTIONS.filter((_, action) => calls & (1 << action)) };
}
