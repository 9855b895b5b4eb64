import type { Btf } from './btf.ts';
import { TsTypes } from './ts-types.ts';

const HEAD = `// Types of decoded values: integers of 64 bits and pointers are bigint, enums their
// names (or a number without a name), char arrays text where it is printable.

`;

/**
 * The types as a TypeScript module: an interface per struct and union, a type per enum and typedef,
 * as `decodeValue` gives their values. `roots` limits it to some types and what they need. Types
 * without values (functions, forward declarations) are left out.
 *
 * Throws `FormatError` for types that would take too much text.
 */
export function printTs(btf: Btf, roots?: readonly number[]): string {
  const types = new TsTypes(btf);
  const own = Array.from({ length: btf.count - btf.firstOwnId }, (_, i) => i + btf.firstOwnId);
  for (const id of roots ?? own) types.declare(id);
  return HEAD + types.declarations();
}
