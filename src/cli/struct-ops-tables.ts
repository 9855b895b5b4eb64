import { type BtfComposite, type BtfValue, decodeValue } from '../btf/index.ts';
import { essentialName, type MapSpec, type ObjectFile } from '../object/index.ts';
import { usageError } from './exit.ts';
import { didYouMean } from './suggest.ts';

/** A struct_ops table of an object; ids are places among its maps, from 1. */
export interface Table {
  readonly id: number;
  readonly map: MapSpec;
}

/** The tables that `[{ id ID | name NAME }]` asks for; all without it. */
export function takeTables(object: ObjectFile, words: readonly string[]): Table[] {
  const all = object.maps
    .map((map, i) => ({ id: i + 1, map }))
    .filter(({ map }) => map.type === 'struct_ops');
  const [way, value] = words;
  if (way === undefined) return all;
  if (value === undefined) return named(all, way);
  if (way !== '' && 'id'.startsWith(way)) {
    const found = all.filter(({ id }) => String(id) === value);
    if (found.length > 0) return found;
    throw usageError(`map ${value} is no struct_ops of this object`);
  }
  if (way !== '' && 'name'.startsWith(way)) return named(all, value);
  throw usageError(`a struct_ops is told by id or name, not by '${way}'`);
}

function named(all: readonly Table[], name: string): Table[] {
  const found = all.filter(({ map }) => map.name === name);
  if (found.length > 0) return found;
  const names = all.map(({ map }) => map.name);
  throw usageError(`the object has no struct_ops '${name}'${didYouMean(name, names)}`);
}

/** The struct of a table, as the object's BTF has it. */
function structOf({ btf }: ObjectFile, { valueTypeId }: MapSpec): BtfComposite | undefined {
  const type = btf?.resolved(valueTypeId);
  return type?.kind === 'struct' ? type : undefined;
}

/** 'tcp_congestion_ops': the kernel's name, without what CO-RE lets one put behind ___. */
export function kernelStruct(object: ObjectFile, map: MapSpec): string {
  return essentialName(structOf(object, map)?.name ?? '');
}

/**
 * The members of a table by name: what the object sets them to, and for function pointers the name
 * of the program. Members the object leaves at zero are not there.
 */
export function membersOf(object: ObjectFile, map: MapSpec): Record<string, BtfValue> {
  const struct = structOf(object, map);
  const value = map.initialValue;
  if (!struct || !value) return {};
  const programs = new Map(map.initialSlots?.map(({ slot, name }) => [8 * slot, name]));
  const decoded = decodeValue(object.btf!, struct.id, value) as Record<string, BtfValue>;
  const set = struct.members.flatMap((member): [string, BtfValue][] => {
    const program = programs.get(member.bitOffset / 8);
    if (program !== undefined) return [[member.name, program]];
    const one = decoded[member.name];
    return one === undefined || isZero(one) ? [] : [[member.name, one]];
  });
  return Object.fromEntries(set);
}

function isZero(value: BtfValue): boolean {
  if (typeof value === 'object') return Object.values(value).every(isZero);
  return value === 0 || value === 0n || value === '' || value === false;
}
