import { FormatError } from '../../base/index.ts';
import type { Btf } from '../../btf/index.ts';
import { MapDefinition } from '../btf-maps.ts';
import type { MapSpec } from '../types.ts';
import type { TypeRef } from './compatible.ts';
import { typeMismatch } from './compatible.ts';

/** A map's definition and the BTF its types are in. */
interface Definition {
  readonly btf: Btf;
  readonly spec: MapSpec;
}

/** Fields that must be equal, with their names in C. */
const FIELDS = [
  ['type', 'typeId'],
  ['key_size', 'keySize'],
  ['value_size', 'valueSize'],
  ['max_entries', 'maxEntries'],
  ['map_flags', 'flags'],
  ['numa_node', 'numaNode'],
  ['pinning', 'pinning'],
] as const;

/**
 * Why two declarations of a map do not go together, or undefined if they do. As in libbpf an extern
 * map has to repeat the whole definition.
 */
export function mapMismatch(a: TypeRef, b: TypeRef): string | undefined {
  const one = readDefinition(a);
  if (typeof one === 'string') return one;
  const other = readDefinition(b);
  return typeof other === 'string' ? other : specMismatch(one, other);
}

/** The definition, or why it is none. */
function readDefinition({ btf, id }: TypeRef): Definition | string {
  const variable = btf.type(id);
  const struct = variable.kind === 'var' ? btf.resolved(variable.type) : variable;
  if (struct.kind !== 'struct') return `a ${struct.kind} does not define a map`;
  try {
    return { btf, spec: new MapDefinition(btf, variable.name, struct).read() };
  } catch (error) {
    if (error instanceof FormatError) return error.reason;
    throw error;
  }
}

function specMismatch(a: Definition, b: Definition): string | undefined {
  for (const [word, field] of FIELDS) {
    const [one, other] = [a.spec[field] ?? 0, b.spec[field] ?? 0];
    if (one !== other) return `${word} is ${one} in one, ${other} in the other`;
  }
  return (
    partMismatch(a, b, 'key', 'keyTypeId') ??
    partMismatch(a, b, 'value', 'valueTypeId') ??
    innerMismatch(a, b)
  );
}

function partMismatch(
  a: Definition,
  b: Definition,
  word: string,
  field: 'keyTypeId' | 'valueTypeId',
): string | undefined {
  const [one, other] = [a.spec[field], b.spec[field]];
  if ((one === 0) !== (other === 0)) return `only one gives the ${word}'s type`;
  if (one === 0) return undefined;
  const reason = typeMismatch({ btf: a.btf, id: one }, { btf: b.btf, id: other });
  return reason && `${word}: ${reason}`;
}

function innerMismatch(a: Definition, b: Definition): string | undefined {
  const [one, other] = [a.spec.inner, b.spec.inner];
  if (!one && !other) return undefined;
  if (!one || !other) return 'only one says what the inner maps are';
  const reason = specMismatch({ btf: a.btf, spec: one }, { btf: b.btf, spec: other });
  return reason && `inner maps: ${reason}`;
}
