import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import { wasmEngine } from '../../src/engine/wasm/index.ts';
import type { Variant } from './compare.ts';

/** The referee first. */
export function engineVariants(profile = false): Variant[] {
  return [interpreterEngine, wasmEngine].flatMap((engine) => [
    { name: `${engine.name}, checked`, engine, options: { checks: true, profile } },
    { name: `${engine.name}, unchecked`, engine, options: { checks: false, profile } },
  ]);
}
