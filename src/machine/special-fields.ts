/** What of BTF makes map values and objects special: locks, lists, trees, kptrs. */
import { constants, type KernelProfile } from '../abi/index.ts';
import { kptrResolver, localKptr } from '../abi/fields/kptr.ts';
import { FieldError, parseFields } from '../abi/fields/parse.ts';
import { mapFieldsOf, pointerTagsOf, uptrError } from '../abi/fields/uptr.ts';
import {
  BPF_GRAPH_ROOT,
  BPF_TIMER,
  BPF_UPTR,
  BPF_WORKQUEUE,
  type FieldRecord,
} from '../abi/fields/types.ts';
import type { Btf } from '../btf/index.ts';
import type { MapSpec } from '../object/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { refuse } from './errno.ts';

const { BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG } = constants;
const RARE_FIELDS = BPF_GRAPH_ROOT | BPF_TIMER | BPF_WORKQUEUE;
/** Map types whose values may hold these (map_check_btf). */
const ROOTED: ReadonlySet<string | undefined> = new Set(['array', 'hash', 'lru_hash']);

/**
 * The special fields of a map's values, or undefined if they have none: where Linux refuses the
 * type of a value loaders leave it out.
 */
export function specialFields(
  { type, flags, valueTypeId, valueSize }: MapSpec,
  btf: Btf,
  rules: KernelProfile | undefined,
): FieldRecord | undefined {
  const known = valueTypeId > 0 && valueTypeId < btf.count;
  const struct = known ? btf.resolved(valueTypeId) : undefined;
  if (struct?.kind !== 'struct' && struct?.kind !== 'datasec') return undefined;
  if (flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)) return undefined;
  try {
    const kptr = rules ? kptrResolver(rules) : localKptr;
    const mask = mapFieldsOf(rules?.gates);
    const record = parseFields(btf, struct.id, mask, valueSize, kptr, pointerTagsOf(rules?.gates));
    if (record && record.mask & BPF_UPTR) return withUptrs(record, type);
    return record && record.mask & RARE_FIELDS && !ROOTED.has(type) ? undefined : record;
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
}

/** Only storage of tasks has uptrs, and it needs types: so there is no way without them. */
function withUptrs(record: FieldRecord, type: MapSpec['type']): FieldRecord | undefined {
  if (type !== 'task_storage') return undefined;
  const errno = uptrError(record);
  if (errno) refuse(errno, 'a __uptr points to a struct of the program, of one page at most');
  return record;
}

/**
 * Words of the constants that a program uses: the verifier knows them, so ids of types may be among
 * them.
 */
export function constantWords(maps: readonly { readonly spec: MapSpec }[]): number[] {
  return maps.flatMap(({ spec: { dataSection, initialValue } }) => {
    if (dataSection !== 'rodata' || !initialValue) return [];
    return [...new Set(new Uint32Array(initialValue.slice(0, initialValue.length & ~3).buffer))];
  });
}

/** Table of the structs of a program's BTF that are among these ids; 0: it has no BTF. */
export function objectTypes(
  runtime: Runtime,
  btf: Btf | undefined,
  ids: readonly number[],
): number {
  if (!btf) return 0;
  const structs = ids.filter((id) => id < btf.count && btf.type(id).kind === 'struct');
  return runtime.objects.table(btf, structs);
}
