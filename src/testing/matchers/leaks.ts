import { Host } from '../../client/index.ts';
import type { Answer } from './types.ts';

/**
 * Objects that programs made (bpf_obj_new) are gone with the maps that held them. Ends what is
 * loaded on the host: what is alive then belongs to nobody.
 */
function toHaveNoLeakedReferences(received: unknown): Answer {
  if (!(received instanceof Host)) {
    throw new TypeError('toHaveNoLeakedReferences takes a host: what machine() gave');
  }
  received[Symbol.dispose]();
  const left = received.kernel.liveObjects?.() ?? [];
  return {
    pass: left.length === 0,
    message: () =>
      left.length === 0
        ? 'expected objects to be left, there is none'
        : [
            'expected no object to outlive the maps',
            ...left.map((one) => `  ${one.count} of type ${one.type}`),
          ].join('\n'),
  };
}

export const leakMatchers = { toHaveNoLeakedReferences };
