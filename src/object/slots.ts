import type { Btf } from '../btf/index.ts';
import type { ElfRelocation, ElfSection, ElfSymbol } from '../elf/index.ts';
import { failIn, readRelocations, SHT_REL, SHT_RELA } from '../elf/index.ts';
import type { DefinedMap } from './defined-map.ts';
import type { Source } from './source.ts';
import type { MapSpec } from './types.ts';

type Slot = NonNullable<MapSpec['initialSlots']>[number];

const POINTER_SIZE = 8;

/** Fills in what relocations of `.maps` put into `.values`: inner maps and tail-call programs. */
export function readSlots(source: Source, maps: readonly DefinedMap[]): readonly DefinedMap[] {
  const section = source.elf.sections.find(({ name }) => name === '.maps');
  if (!section || !source.btf) return maps;
  const slots = new Map<DefinedMap, Slot[]>();
  for (const table of source.elf.sections) {
    const isTable = table.type === SHT_REL || table.type === SHT_RELA;
    if (!isTable || table.info !== section.index) continue;
    for (const relocation of readRelocations(source.elf, table)) {
      const map = mapAt(maps, section, relocation.offset);
      const symbol = source.elf.symbols[relocation.symbol]!;
      const list = slots.get(map) ?? [];
      slots.set(map, list);
      list.push(readSlot(source, source.btf, { map, maps, section, symbol, relocation }));
    }
  }
  return maps.map((map) => {
    const initialSlots = slots.get(map)?.sort((a, b) => a.slot - b.slot);
    return initialSlots ? { ...map, spec: { ...map.spec, initialSlots } } : map;
  });
}

function mapAt(maps: readonly DefinedMap[], section: ElfSection, offset: number): DefinedMap {
  for (const map of maps) {
    if (map.section !== section.index) continue;
    if (offset >= map.offset && offset + POINTER_SIZE <= map.offset + map.size) return map;
  }
  return failIn(section, offset, 'relocation outside of every map');
}

interface SlotPlace {
  readonly map: DefinedMap;
  readonly maps: readonly DefinedMap[];
  readonly section: ElfSection;
  readonly symbol: ElfSymbol;
  readonly relocation: ElfRelocation;
}

function readSlot(source: Source, btf: Btf, place: SlotPlace): Slot {
  const { map, section, symbol, relocation } = place;
  const slot = (relocation.offset - map.offset - valuesOffset(btf, place)) / POINTER_SIZE;
  if (slot < 0 || !Number.isInteger(slot)) failIn(section, relocation.offset, 'not a slot');
  if (map.spec.keySize !== 4) failIn(section, relocation.offset, 'slots need keys of 4 bytes');
  if (map.spec.type === 'prog_array') {
    const target = source.elf.sections[symbol.section];
    if (symbol.type !== 'function' || !target) {
      failIn(section, relocation.offset, `'${symbol.name}' is no program`);
    }
    return { slot, name: symbol.name, kind: 'program' };
  }
  const inner = place.maps.find(
    (each) => each.section === symbol.section && each.offset === symbol.value,
  );
  if (!inner) failIn(section, relocation.offset, `'${symbol.name}' is no map`);
  return { slot, name: inner.spec.name, kind: 'map' };
}

/** Where `.values`, the last member, starts in the map's struct. */
function valuesOffset(btf: Btf, { map, section, relocation }: SlotPlace): number {
  const struct = map.structId === undefined ? undefined : btf.type(map.structId);
  const member = struct?.kind === 'struct' ? struct.members[struct.members.length - 1] : undefined;
  if (member?.name !== 'values') failIn(section, relocation.offset, "the map has no 'values' last");
  return member.bitOffset / 8;
}
