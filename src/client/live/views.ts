import { KernelError } from '../../base/index.ts';
import type { Btf } from '../../btf/index.ts';
import type { KernelMap, KernelOwner } from '../../kernel/index.ts';
import type { LiveNames } from './gone.ts';
import { LiveSource } from './memory.ts';
import { type LiveNode, makeNode } from './node.ts';

/** What a view is for. */
export interface ViewOptions {
  /** Fields can be written. Default false. */
  readonly write?: boolean;
}

/** Makes the live views of a map's values. */
export interface LiveViews {
  ofOwner(owner: KernelOwner, options: ViewOptions): LiveNode | undefined;
  ofIndex(index: number, options: ViewOptions): LiveNode | undefined;
  ofGlobal(name: string, options: ViewOptions): LiveNode;
  owners(): KernelOwner[];
}

/** Of values whose type nobody knows there are no views. */
export function viewsFor(map: KernelMap, btf: Btf | undefined): LiveViews {
  const { spec } = map;
  const refuse = (why: string): never => {
    throw new KernelError('EOPNOTSUPP', 95, `map '${spec.name}' ${why}`);
  };
  const types = (): Btf => (btf && spec.valueTypeId !== 0 ? btf : refuse('has values of no type'));
  return {
    ofOwner(owner, { write = false }) {
      if (!map.livePlace) return refuse('cannot be looked at live');
      const place = map.livePlace(owner);
      const names = { map: spec.name, owner: `${owner.kind} ${owner.number}` };
      const isDead = () => !owner.alive;
      const source = place && new LiveSource(place, 0, write, names, isDead);
      return source && makeNode(source, types(), spec.valueTypeId, 0);
    },
    ofIndex(index, options) {
      // What mmap(2) refuses it refuses first.
      if (!(index >= 0 && index < spec.maxEntries)) return void map.mmap(options)[Symbol.dispose]();
      const start = index * Math.ceil(spec.valueSize / 8) * 8;
      return mapped(map, start, types(), spec.valueTypeId, options);
    },
    ofGlobal(name, options) {
      const found = btf && arenaVariable(btf, name);
      if (!found) throw new KernelError('ENOENT', 2, `there is no variable '${name}' in the arena`);
      return mapped(map, found.offset, btf!, found.typeId, options);
    },
    owners: () => map.liveOwners?.() ?? refuse('cannot be looked at live'),
  };
}

/** A value in memory that mmap(2) shares; the mapping ends with the view. */
function mapped(
  map: KernelMap,
  start: number,
  btf: Btf,
  typeId: number,
  { write = false }: ViewOptions,
): LiveNode {
  const mapping = map.mmap({ write });
  const place = mapping.place?.();
  if (!place) {
    throw new KernelError('EOPNOTSUPP', 95, `map '${map.spec.name}' cannot be looked at live`);
  }
  const names: LiveNames = { map: map.spec.name };
  const source = new LiveSource(place, start, write, names);
  source.onClose = () => mapping[Symbol.dispose]();
  return makeNode(source, btf, typeId, 0);
}

const ARENA_SECTION = '.addr_space.1';

/** A variable in address space 1: they are the first bytes of the arena. */
function arenaVariable(btf: Btf, name: string): { offset: number; typeId: number } | undefined {
  const section = btf.type(btf.find('datasec', ARENA_SECTION) ?? 0);
  if (section.kind !== 'datasec') return undefined;
  const found = section.vars.find(({ type }) => btf.type(type).name === name);
  return found && { offset: found.offset, typeId: found.type };
}
