import type { Engine } from '../types.ts';
import { collectFacts } from './collect.ts';
import { compileToWasm } from './compile.ts';
import { instantiate } from './load.ts';

/**
 * An engine that shows each module it compiles, before it runs it.
 *
 * @example
 * const engine = keepingEngine((name, bytes) => modules.set(name, bytes));
 */
export function keepingEngine(take: (program: string, bytes: Uint8Array) => void): Engine {
  return {
    name: 'wasm',
    load(image, runtime, options) {
      const module = compileToWasm(image, options, collectFacts(image, runtime));
      take(image.name, module.bytes);
      return instantiate(image, runtime, module);
    },
  };
}
