import { ByteReader } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import type { ElfSection } from '../elf/index.ts';
import { failIn } from '../elf/index.ts';
import { mapTypeWord } from './map-types.ts';
import type { DefinedMap } from './defined-map.ts';
import type { Source } from './source.ts';
import type { MapSpec } from './types.ts';

/** `struct bpf_map_def`: type, key size, value size, max entries, flags. */
const DEFINITION_SIZE = 20;

/**
 * Maps of the `maps` section, which libbpf dropped in 1.0 and iproute2 still reads: one struct per
 * symbol, all of the same size. Longer structs than `bpf_map_def` continue with fields of the
 * loader's own, which are not looked at.
 */
export function readLegacyMaps(source: Source): DefinedMap[] {
  const section = source.elf.sections.find(({ name }) => name === 'maps');
  if (!section || section.data.length === 0) return [];
  const symbols = source.elf.symbols
    .filter(({ section: index, type }) => index === section.index && type !== 'section')
    .sort((a, b) => a.value - b.value);
  const size = section.data.length / symbols.length;
  if (!Number.isInteger(size) || size < DEFINITION_SIZE) {
    failIn(section, 0, `${section.data.length} bytes for ${symbols.length} maps`);
  }
  if (size > DEFINITION_SIZE) {
    source.notes.push(`map definitions in 'maps' have ${size} bytes; only the first 20 are read`);
  }
  return symbols.map(({ name, value: offset }) => {
    const spec = readDefinition(source, section, name, offset);
    return { spec, section: section.index, offset, size };
  });
}

function readDefinition(
  { elf, btf }: Source,
  section: ElfSection,
  name: string,
  offset: number,
): MapSpec {
  if (offset + DEFINITION_SIZE > section.data.length)
    failIn(section, offset, `map '${name}' is cut`);
  const reader = new ByteReader(section.data, 'ELF', elf.littleEndian);
  const typeId = reader.u32(offset);
  return {
    name,
    type: mapTypeWord(typeId),
    typeId,
    keySize: reader.u32(offset + 4),
    valueSize: reader.u32(offset + 8),
    maxEntries: reader.u32(offset + 12),
    flags: reader.u32(offset + 16),
    extra: 0n,
    pinning: 'none',
    ...annotatedTypes(btf, name),
    legacy: true,
  };
}

/** Types of key and value by the convention of `BPF_ANNOTATE_KV_PAIR`. */
function annotatedTypes(
  btf: Btf | undefined,
  map: string,
): Pick<MapSpec, 'keyTypeId' | 'valueTypeId'> {
  const id = btf?.find('struct', `____btf_map_${map}`);
  const pair = btf && id !== undefined ? btf.type(id) : undefined;
  const [key, value] = pair?.kind === 'struct' ? pair.members : [];
  return { keyTypeId: key?.type ?? 0, valueTypeId: value?.type ?? 0 };
}
