import { constants, enums } from '../abi/index.ts';
import type { Btf } from '../btf/index.ts';
import type { ElfSection } from '../elf/index.ts';
import { failIn, SHF_EXECINSTR, SHT_NOBITS, SHT_PROGBITS } from '../elf/index.ts';
import type { Source } from './source.ts';
import type { MapSpec } from './types.ts';

const { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } = constants;
/** No compiler makes data sections near this; a larger number is a broken header. */
const MAX_DATA_SIZE = 1 << 28;

export type DataKind = 'data' | 'rodata' | 'bss';

/** Which kind of globals a section holds, or undefined if it holds none. */
export function dataKind(section: ElfSection): DataKind | undefined {
  if (section.size === 0 || section.flags & SHF_EXECINSTR) return undefined;
  const is = (name: string): boolean =>
    section.name === name || section.name.startsWith(`${name}.`);
  if (section.type === SHT_NOBITS) return is('.bss') ? 'bss' : undefined;
  if (section.type !== SHT_PROGBITS) return undefined;
  if (is('.data')) return 'data';
  return is('.rodata') ? 'rodata' : undefined;
}

/** The map libbpf makes of a data section: an array whose one value is the section's bytes. */
export function readDataMap({ btf }: Source, section: ElfSection, dataSection: DataKind): MapSpec {
  if (section.size > MAX_DATA_SIZE) failIn(section, 0, `${section.size} bytes of data is absurd`);
  const valueTypeId = btf?.find('datasec', section.name) ?? 0;
  const readOnly = dataSection === 'rodata' ? BPF_F_RDONLY_PROG : 0;
  const mappable = btf && hasVisibleVariable(btf, valueTypeId) ? BPF_F_MMAPABLE : 0;
  return {
    name: section.name,
    type: 'array',
    typeId: enums.bpf_map_type.BPF_MAP_TYPE_ARRAY,
    keySize: 4,
    valueSize: section.size,
    maxEntries: 1,
    flags: readOnly | mappable,
    extra: 0n,
    pinning: 'none',
    keyTypeId: 0,
    valueTypeId,
    dataSection,
    // What is not in the file is zero.
    ...(section.type !== SHT_NOBITS && { initialValue: section.data.slice() }),
  };
}

/** Sections with a variable that is not static can be mapped by user space. */
function hasVisibleVariable(btf: Btf, datasecId: number): boolean {
  const datasec = btf.type(datasecId);
  if (datasec.kind !== 'datasec') return false;
  return datasec.vars.some(({ type }) => {
    const variable = btf.type(type);
    return variable.kind === 'var' && variable.linkage !== 'static';
  });
}
