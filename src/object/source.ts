import { FormatError } from '../base/index.ts';
import type { Btf, BtfExt } from '../btf/index.ts';
import { parseBtf, parseBtfExt } from '../btf/index.ts';
import type { ElfFile, ElfSection } from '../elf/index.ts';
import { EM_BPF, parseElf } from '../elf/index.ts';
import { markHiddenFunctions } from './hidden-functions.ts';
import { placeSectionVars } from './section-vars.ts';

/** An object while it is being taken apart. */
export interface Source {
  readonly elf: ElfFile;
  readonly btf: Btf | undefined;
  readonly ext: BtfExt | undefined;
  /** Things seen and not handled. */
  readonly notes: string[];
}

/** Reads the ELF file and its BTF. */
export function readSource(bytes: Uint8Array): Source {
  const elf = parseElf(bytes);
  if (elf.machine !== EM_BPF) {
    throw new FormatError('ELF', 18, `machine ${elf.machine} is not BPF (${EM_BPF})`);
  }
  const btfSection = sectionNamed(elf, '.BTF');
  const raw = btfSection && within(btfSection, () => parseBtf(btfSection.data));
  const btf = raw && markHiddenFunctions(placeSectionVars(raw, elf), elf);
  const extSection = sectionNamed(elf, '.BTF.ext');
  const ext = extSection && btf && within(extSection, () => parseBtfExt(extSection.data, btf));
  return { elf, btf, ext, notes: [] };
}

/** The first section of that name. */
export function sectionNamed(elf: ElfFile, name: string): ElfSection | undefined {
  return elf.sections.find((section) => section.name === name);
}

/** Turns offsets of format errors inside a section into offsets inside the file. */
export function within<T>(section: ElfSection, read: () => T): T {
  try {
    return read();
  } catch (error) {
    // What reads the file itself tells places in the file.
    if (!(error instanceof FormatError) || error.format === 'ELF') throw error;
    const { format, offset, reason } = error;
    throw new FormatError(format, section.offset + offset, reason, { cause: error });
  }
}
