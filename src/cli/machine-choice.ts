/** How objects of a machine are named: bpftool's PROG, MAP and LINK. */
import type { MachineMap, MachineProgram } from '../machine/index.ts';
import { pinsBelow, findPin } from '../machine/bpffs/pins.ts';
import type { Machine } from '../machine/index.ts';
import type { MachineLink } from '../machine/objects/link.ts';
import { KernelError } from '../base/index.ts';
import { usageError } from './exit.ts';

type Kind = 'prog' | 'map' | 'link';

export interface Kinds {
  prog: MachineProgram;
  map: MachineMap;
  link: MachineLink;
}

/**
 * Takes `id N`, `name NAME`, `tag TAG` or `pinned PATH` off the front of `words`. Throws
 * KernelError ENOENT where there is none, and where a name fits several.
 */
export function takeObject<K extends Kind>(machine: Machine, kind: K, words: string[]): Kinds[K] {
  const [way, value] = words.splice(0, 2);
  if (value === undefined)
    throw usageError(`a ${kind} is: id N, name NAME, tag TAG or pinned PATH`);
  const found = find(machine, kind, way!, value) as Kinds[K][];
  if (found.length === 1) return found[0]!;
  const count = found.length === 0 ? 'no' : 'more than one';
  throw new KernelError('ENOENT', 2, `there is ${count} ${kind} with ${way} ${value}`);
}

/** Those that fit, or all where nothing is said. */
export function takeObjects<K extends Kind>(
  machine: Machine,
  kind: K,
  words: string[],
): Kinds[K][] {
  if (words.length === 0) return [...tableOf(machine, kind)] as Kinds[K][];
  const [way, value] = words.splice(0, 2);
  if (value === undefined)
    throw usageError(`a ${kind} is: id N, name NAME, tag TAG or pinned PATH`);
  return find(machine, kind, way!, value) as Kinds[K][];
}

function tableOf({ objects }: Machine, kind: Kind): Iterable<Kinds[Kind]> {
  return { prog: objects.programs, map: objects.maps, link: objects.links }[kind];
}

function find(machine: Machine, kind: Kind, way: string, value: string): Kinds[Kind][] {
  const all = [...tableOf(machine, kind)];
  switch (way) {
    case 'id':
      return all.filter(({ id }) => id === Number(value));
    case 'name':
      return all.filter(
        (one) => 'spec' in one && one.spec.name.slice(0, 15) === value.slice(0, 15),
      );
    case 'tag':
      return all.filter((one) => 'tag' in one && one.tag === value);
    case 'pinned': {
      const { object } = findPin(machine.files, value);
      return all.filter((one) => one === object);
    }
    default:
      throw usageError(`'${way}' is none of: id, name, tag, pinned`);
  }
}

/** Where an object is pinned. */
export function pinsOf(machine: Machine, object: object): string[] {
  const { root } = machine.files;
  return [...pinsBelow(root, '/')].flatMap(([path, pin]) => (pin.object === object ? [path] : []));
}
