import type { LivePlace } from '../../abi/live.ts';
import { KernelError } from '../../base/index.ts';
import { type Btf, BtfBuilder, mapTypeIds } from '../../btf/index.ts';
import type { LiveNames } from './gone.ts';
import { isShared, type LiveSource } from './memory.ts';

/**
 * A view for another thread: structured clone takes it (`worker.postMessage`, `workerData`). Only
 * views of machines with `shared: true` can be sent. It is read-only there: nothing would stop a
 * write from landing in memory that has just been given to somebody else.
 */
export interface SharedView<T = unknown> {
  readonly place: LivePlace;
  readonly names: LiveNames;
  /** Where the value is in the place, its type, and the types that it needs. */
  readonly offset: number;
  readonly typeId: number;
  readonly btf: Uint8Array;
  /** Only for the compiler. */
  readonly type?: T;
}

/** Throws KernelError EOPNOTSUPP where threads cannot share the memory. */
export function shareView(
  source: LiveSource,
  btf: Btf,
  typeId: number,
  offset: number,
): SharedView {
  const { place, names } = source;
  if (!isShared(place.memory)) {
    const text = 'only a machine made with { shared: true } has memory that threads can share';
    throw new KernelError('EOPNOTSUPP', 95, text);
  }
  const types = typesOf(btf, typeId);
  return { place, names, offset: source.start + offset, ...types };
}

interface SentTypes {
  readonly typeId: number;
  readonly btf: Uint8Array;
}
const sent = new WeakMap<Btf, Map<number, SentTypes>>();

/** A type and what its values are made of, as BTF of its own. */
function typesOf(btf: Btf, typeId: number): SentTypes {
  let known = sent.get(btf);
  if (!known) sent.set(btf, (known = new Map()));
  let types = known.get(typeId);
  if (!types) known.set(typeId, (types = extract(btf, typeId)));
  return types;
}

function extract(btf: Btf, typeId: number): SentTypes {
  const ids = new Map<number, number>();
  const order: number[] = [];
  const visit = (id: number): void => {
    if (id === 0 || ids.has(id)) return;
    ids.set(id, order.push(id));
    for (const inner of madeOf(btf, id)) visit(inner);
  };
  visit(typeId);
  const builder = new BtfBuilder({ littleEndian: btf.littleEndian });
  for (const id of order) builder.add(mapTypeIds(btf.type(id), (to) => ids.get(to) ?? 0));
  return { typeId: ids.get(typeId)!, btf: builder.toBytes() };
}

/** Types that values of a type hold; of a pointer only its tag, which says whether it is a kptr. */
function madeOf(btf: Btf, id: number): number[] {
  const type = btf.type(id);
  switch (type.kind) {
    case 'struct':
    case 'union':
      return type.members.map((member) => member.type);
    case 'datasec':
      return type.vars.map((variable) => variable.type);
    case 'array':
      return [type.type, type.indexType];
    case 'ptr':
      return btf.type(type.type).kind === 'type_tag' ? [type.type] : [];
    case 'type_tag':
      return btf.type(type.type).kind === 'type_tag' ? [type.type] : [];
    default:
      return 'type' in type ? [type.type] : [];
  }
}
