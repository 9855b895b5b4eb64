import { constants, enums } from '../abi/index.ts';
import type { Btf, BtfComposite } from '../btf/index.ts';
import type { ElfSection } from '../elf/index.ts';
import { failIn, readRelocations, SHT_PROGBITS, SHT_REL, SHT_RELA } from '../elf/index.ts';
import type { Source } from './source.ts';
import type { MapSpec } from './types.ts';

const POINTER_SIZE = 8;

/** Sections whose variables are tables of programs. */
export function isStructOps({ name, type, size }: ElfSection): boolean {
  return type === SHT_PROGBITS && size > 0 && /^\??\.struct_ops(\.link)?$/.test(name);
}

/**
 * The struct_ops maps of a section, one per variable. `initialSlots` names the program of each
 * function pointer; a slot is eight bytes of the value.
 */
export function readStructOps(source: Source, section: ElfSection): MapSpec[] {
  const id = source.btf?.find('datasec', section.name);
  if (!source.btf || id === undefined) failIn(section, 0, 'BTF does not describe the section');
  const btf: Btf = source.btf;
  const datasec = btf.type(id);
  if (datasec.kind !== 'datasec') btf.fail(id, 'not a datasec');
  return datasec.vars.map(({ type, offset }) => {
    const variable = btf.type(type);
    if (variable.kind !== 'var') btf.fail(type, 'a struct_ops must be a variable');
    const struct = btf.resolved(variable.type);
    if (struct.kind !== 'struct') btf.fail(type, `'${variable.name}' is not a struct`);
    return readTable(source, section, variable.name, struct, offset);
  });
}

function readTable(
  source: Source,
  section: ElfSection,
  name: string,
  struct: BtfComposite,
  offset: number,
): MapSpec {
  if (offset + struct.size > section.data.length) failIn(section, offset, `'${name}' is cut`);
  const programs = programsAt(source, section);
  const initialSlots = [];
  for (let slot = 0; slot * POINTER_SIZE < struct.size; slot++) {
    const program = programs.get(offset + slot * POINTER_SIZE);
    if (program !== undefined) initialSlots.push({ slot, name: program, kind: 'program' } as const);
  }
  return {
    name,
    type: 'struct_ops',
    typeId: enums.bpf_map_type.BPF_MAP_TYPE_STRUCT_OPS,
    keySize: 4,
    valueSize: struct.size,
    maxEntries: 1,
    flags: section.name.endsWith('.link') ? constants.BPF_F_LINK : 0,
    extra: 0n,
    pinning: 'none',
    keyTypeId: 0,
    valueTypeId: struct.id,
    initialValue: section.data.slice(offset, offset + struct.size),
    initialSlots,
    kernelStruct: struct.name.replace(/___.*/, ''),
    ...(section.name.startsWith('?') && { autocreate: false as const }),
  };
}

/** Names of the functions whose address relocations put into the section. */
function programsAt(source: Source, section: ElfSection): Map<number, string> {
  const programs = new Map<number, string>();
  for (const table of source.elf.sections) {
    const isTable = table.type === SHT_REL || table.type === SHT_RELA;
    if (!isTable || table.info !== section.index) continue;
    for (const { offset, symbol } of readRelocations(source.elf, table)) {
      const target = source.elf.symbols[symbol]!;
      if (target.type === 'function') programs.set(offset, target.name);
    }
  }
  return programs;
}
