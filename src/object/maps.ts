import type { Btf, BtfDatasec } from '../btf/index.ts';
import type { ElfSection } from '../elf/index.ts';
import { failIn, SHT_NOBITS, SHT_PROGBITS } from '../elf/index.ts';
import { MapDefinition } from './btf-maps.ts';
import type { DefinedMap } from './defined-map.ts';
import { dataKind, readDataMap } from './data-maps.ts';
import { readLegacyMaps } from './legacy-maps.ts';
import type { MapPlaces } from './relocations.ts';
import { readSlots } from './slots.ts';
import type { Source } from './source.ts';
import { isStructOps, readStructOps } from './struct-ops.ts';
import type { MapSpec } from './types.ts';

const ARENA_SECTION = '.addr_space.1';

export interface ObjectMaps {
  /** In libbpf's order: defined ones, data sections, struct_ops. */
  readonly specs: readonly MapSpec[];
  readonly places: MapPlaces;
}

/** All maps of an object. Throws `FormatError` where libbpf refuses the definition. */
export function readMaps(source: Source): ObjectMaps {
  const own = readSlots(source, [...readLegacyMaps(source), ...readBtfMaps(source)]);
  const defined = withArenaData(source, own);
  const data = readDataMaps(source);
  const specs = [
    ...defined.map(({ spec }) => spec),
    ...data.values(),
    ...source.elf.sections.filter(isStructOps).flatMap((each) => readStructOps(source, each)),
  ];
  const places = { definitions: placesOf(defined), data: dataPlaces(source, defined, data) };
  return { specs, places };
}

/** By section. ELF allows several sections of one name; maps are told apart by theirs. */
function readDataMaps(source: Source): Map<number, MapSpec> {
  const maps = new Map<number, MapSpec>();
  const names = new Set<string>();
  for (const section of source.elf.sections) {
    const kind = dataKind(section);
    if (!kind) continue;
    const name = names.has(section.name) ? `${section.name}#${section.index}` : section.name;
    names.add(name);
    maps.set(section.index, { ...readDataMap(source, section, kind), name });
  }
  return maps;
}

function placesOf(maps: readonly DefinedMap[]): Map<number, Map<number, string>> {
  const places = new Map<number, Map<number, string>>();
  for (const { section, offset, spec } of maps) {
    const inSection = places.get(section) ?? new Map<number, string>();
    places.set(section, inSection.set(offset, spec.name));
  }
  return places;
}

/** Variables in address space 1 are the first bytes of the object's arena. */
function withArenaData({ elf }: Source, defined: readonly DefinedMap[]): readonly DefinedMap[] {
  const section = elf.sections.find(({ name }) => name === ARENA_SECTION);
  if (!section) return defined;
  const initialValue = section.data.slice();
  return defined.map((map) =>
    map.spec.type === 'arena' ? { ...map, spec: { ...map.spec, initialValue } } : map,
  );
}

/** The maps whose bytes relocations can refer to, by section. */
function dataPlaces(
  { elf }: Source,
  defined: readonly DefinedMap[],
  dataMaps: ReadonlyMap<number, MapSpec>,
): Map<number, MapSpec> {
  const places = new Map(dataMaps);
  const section = elf.sections.find(({ name }) => name === ARENA_SECTION);
  const arena = defined.find(({ spec }) => spec.type === 'arena');
  if (section && arena) places.set(section.index, arena.spec);
  return places;
}

function readBtfMaps(source: Source): DefinedMap[] {
  const section = source.elf.sections.find(({ name }) => name === '.maps');
  if (!section) return [];
  if (section.type !== SHT_PROGBITS && section.type !== SHT_NOBITS) {
    failIn(section, 0, 'the section has no bytes');
  }
  const id = source.btf?.find('datasec', '.maps');
  const datasec = id === undefined ? undefined : source.btf?.type(id);
  if (datasec?.kind !== 'datasec') failIn(section, 0, 'BTF does not describe the maps');
  return readDefinitions(source, section, datasec);
}

function readDefinitions(source: Source, section: ElfSection, datasec: BtfDatasec): DefinedMap[] {
  const btf: Btf = source.btf!;
  return datasec.vars.map(({ type: id, offset, size }) => {
    const variable = btf.type(id);
    if (variable.kind !== 'var') btf.fail(id, 'a map must be a variable');
    const struct = btf.resolved(variable.type);
    if (struct.kind !== 'struct') btf.fail(id, `map '${variable.name}' is not defined by a struct`);
    if (offset + size > section.size) btf.fail(id, `map '${variable.name}' is outside of .maps`);
    const spec = new MapDefinition(btf, variable.name, struct).read();
    return { spec, section: section.index, offset, size, structId: struct.id };
  });
}
