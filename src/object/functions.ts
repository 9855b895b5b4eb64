import type { ElfSection } from '../elf/index.ts';
import { failIn, SHF_EXECINSTR, SHN_LORESERVE, SHT_PROGBITS } from '../elf/index.ts';
import type { Code } from '../isa/index.ts';
import { decodeCode, INSN_SIZE } from '../isa/index.ts';
import type { Source } from './source.ts';

/** A section of instructions. */
export interface CodeSection {
  readonly section: ElfSection;
  readonly code: Code;
}

/** A function as its symbol describes it. */
export interface ObjectFunction {
  readonly name: string;
  readonly home: CodeSection;
  /** First instruction, counted from the start of the section. */
  readonly start: number;
  readonly size: number;
  /** Visible to other objects: neither static nor hidden. */
  readonly global: boolean;
  /** Static: not an entry point in any section. */
  readonly local: boolean;
}

/** Every section that holds instructions, decoded, by section index. */
export function readCodeSections({ elf }: Source): Map<number, CodeSection> {
  const found = new Map<number, CodeSection>();
  for (const section of elf.sections) {
    if (section.type !== SHT_PROGBITS || !(section.flags & SHF_EXECINSTR)) continue;
    if (section.data.length % INSN_SIZE !== 0) {
      failIn(
        section,
        section.data.length,
        `${section.data.length} bytes of code: no multiple of 8`,
      );
    }
    found.set(section.index, { section, code: decodeCode(section.data, elf.littleEndian) });
  }
  return found;
}

/** Functions by section, then by place: the order programs are listed in. */
export function readFunctions(
  { elf }: Source,
  sections: ReadonlyMap<number, CodeSection>,
): ObjectFunction[] {
  const functions: ObjectFunction[] = [];
  for (const { name, type, section, value, size, binding, visibility } of elf.symbols) {
    if (type !== 'function' || section === 0 || section >= SHN_LORESERVE) continue;
    const home = sections.get(section);
    if (!home) continue;
    if (value % INSN_SIZE !== 0 || size % INSN_SIZE !== 0 || size === 0) {
      failIn(home.section, value, `function '${name}' has ${size} bytes at ${value}`);
    }
    if (value + size > home.section.size) {
      failIn(home.section, value, `function '${name}' crosses the end of the section`);
    }
    const local = binding === 'local';
    const global = !local && (visibility === 'default' || visibility === 'protected');
    functions.push({ name, home, start: value / INSN_SIZE, size: size / INSN_SIZE, global, local });
  }
  return functions.sort((a, b) => a.home.section.index - b.home.section.index || a.start - b.start);
}
