/** Where members of the kernel's structs are, from its BTF. */
import { errnos } from '../../../abi/index.ts';
import { KernelError } from '../../../base/index.ts';
import type { Btf, BtfComposite } from '../../../btf/index.ts';

/** Bytes from the start of the struct, and bytes it takes. */
export interface Place {
  readonly offset: number;
  readonly size: number;
}

const known = new WeakMap<Btf, Map<string, Place>>();

/**
 * A member by its path (`sk_buff.cb`, `tcp_sock.rtt_min.s[0].v`); places in structs that lie in
 * each other are added: `sk_buff.cb + qdisc_skb_cb.data`. Throws KernelError ENOENT where that
 * kernel has no such member.
 */
export function placeOf(btf: Btf, path: string): Place {
  let places = known.get(btf);
  if (!places) known.set(btf, (places = new Map()));
  let place = places.get(path);
  if (!place) places.set(path, (place = findPlace(btf, path)));
  return place;
}

/** A member of a variable that every CPU has: where it is in the CPU's area. */
export function perCpuOffset(btf: Btf, variable: string, member: string): number {
  const section = btf.type(btf.find('datasec', '.data..percpu') ?? 0);
  const vars = section.kind === 'datasec' ? section.vars : [];
  const start = vars.find(({ type }) => btf.type(type).name === variable)?.offset;
  return (start ?? missing(variable)) + offsetOf(btf, `${variable}.${member}`);
}

/** Bytes from the start of the struct. */
export const offsetOf = (btf: Btf, path: string): number => placeOf(btf, path).offset;

function findPlace(btf: Btf, path: string): Place {
  let offset = 0;
  let size = 0;
  for (const part of path.split(' + ')) {
    const place = findMember(btf, part);
    offset += place.offset;
    size = place.size;
  }
  return { offset, size };
}

function findMember(btf: Btf, path: string): Place {
  const [struct, ...names] = path.split('.') as [string, ...string[]];
  let id = btf.find('struct', struct) ?? btf.find('union', struct) ?? missing(path);
  let offset = 0;
  for (const word of names) {
    const [, name, index] = /^(\w+)(?:\[(\d+)\])?$/.exec(word)!;
    const member = memberOf(btf, id, name!) ?? missing(path);
    offset += member.offset;
    id = member.type;
    if (index === undefined) continue;
    const array = btf.resolved(id);
    if (array.kind !== 'array') return missing(path);
    id = array.type;
    offset += Number(index) * btf.sizeOf(id);
  }
  return { offset, size: btf.sizeOf(id) };
}

function missing(path: string): never {
  throw new KernelError('ENOENT', errnos['ENOENT']!, `the kernel's types have no ${path}`);
}

function memberOf(
  btf: Btf,
  id: number,
  name: string,
): { readonly offset: number; readonly type: number } | undefined {
  const type = btf.resolved(id);
  if (type.kind !== 'struct' && type.kind !== 'union') return undefined;
  for (const member of (type as BtfComposite).members) {
    const offset = member.bitOffset >>> 3;
    if (member.name === name) return { offset, type: member.type };
    const inner = member.name === '' ? memberOf(btf, member.type, name) : undefined;
    if (inner) return { offset: offset + inner.offset, type: inner.type };
  }
  return undefined;
}
