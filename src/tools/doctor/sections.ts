import { type ElfSection, SHT_NOBITS, SHT_PROGBITS, SHT_REL, SHT_RELA } from '../../elf/index.ts';
import { SHT_STRTAB, SHT_SYMTAB } from '../../elf/index.ts';
import { SECTION_FORMS, type SectionForm } from '../../object/index.ts';
import { isCode, type Subject } from './subject.ts';
import type { SectionReport, SectionRole } from './types.ts';

const SHT_LLVM_ADDRSIG = 0x6fff4c03;
const STRUCT_OPS = /^\??\.struct_ops(\.link)?$/;
const DWARF = /^(\.rela?)?\.debug_/;

/** The form of SEC() a program section has for libbpf 6.12, which takes no other. */
export function sectionForm(section: string): SectionForm | undefined {
  const name = section.replace(/^\?/, '');
  return SECTION_FORMS.find(({ form }) => {
    if (name === form) return true;
    if (!form.endsWith('+')) return false;
    const stem = form.slice(0, -1);
    return name === stem || name.startsWith(`${stem}/`);
  });
}

/** Every section with what it means to libbpf (bpf_object__elf_collect). */
export function sectionReports(subject: Subject): SectionReport[] {
  return subject.elf.sections.slice(1).map((section) => {
    const [role, meaning] = roleOf(section, subject);
    return { index: section.index, name: section.name, size: section.size, role, meaning };
  });
}

type Role = readonly [role: SectionRole, meaning: string];

function roleOf(section: ElfSection, subject: Subject): Role {
  const { type, name, size } = section;
  if (type === SHT_STRTAB) return ['strings', 'names of sections and symbols'];
  if (type === SHT_SYMTAB) return ['symbols', `${subject.symbols.length} symbols`];
  if (type === SHT_LLVM_ADDRSIG) return ['ignored', 'a table for linkers'];
  if (DWARF.test(name)) return ['debug', 'DWARF, not looked at'];
  const known = KNOWN[name];
  if (known && type === SHT_PROGBITS) return known;
  if (isCode(section)) return codeRole(section, subject);
  if (type === SHT_REL || type === SHT_RELA) return relocationRole(section, subject);
  if (type === SHT_NOBITS && size > 0 && /^\.bss(\.|$)/.test(name)) {
    return ['data', 'array map of zeroed globals'];
  }
  if (type === SHT_PROGBITS) return size > 0 ? dataRole(section) : ['empty', 'nothing in it'];
  if (type === SHT_NOBITS && size === 0) return ['empty', 'nothing in it'];
  return ['ignored', 'skipped by libbpf'];
}

const KNOWN: Readonly<Record<string, Role>> = {
  license: ['license', 'licence of all programs'],
  version: ['version', 'kernel version; Linux has not looked at it since 5.0'],
  maps: ['refused', 'map definitions of before libbpf 1.0'],
  '.maps': ['maps', 'map definitions, read from BTF'],
  '.BTF': ['btf', 'types'],
  '.BTF.ext': ['btf_ext', 'functions, lines and CO-RE relocations'],
};

function codeRole({ name, index }: ElfSection, { symbols }: Subject): Role {
  if (name === '.text') return ['subprograms', 'functions that programs call'];
  const functions = symbols.filter(({ section, type }) => section === index && type === 'function');
  const form = sectionForm(name);
  if (!form) return ['refused', 'code, but of no program type libbpf knows'];
  const many = functions.length === 1 ? 'program' : 'programs';
  const attach = form.attachType && form.attachType !== form.type ? `, ${form.attachType}` : '';
  const flags = form.flags.length > 0 ? `, ${form.flags.join(', ')}` : '';
  const target = name.includes('/') && form.form.endsWith('+') ? ` on ${targetOf(name)}` : '';
  const later = name.startsWith('?') ? ', not loaded by itself' : '';
  return ['program', `${form.type} ${many}${attach}${flags}${target}${later}`];
}

const targetOf = (name: string): string => name.slice(name.indexOf('/') + 1);

function relocationRole({ info, name, type }: ElfSection, { elf }: Subject): Role {
  const home = elf.sections[info];
  if (/^\.rela?\.BTF/.test(name)) return ['relocations', 'for linkers, not looked at'];
  if (type === SHT_RELA) return ['ignored', 'libbpf reads SHT_REL only'];
  if (!home) return ['relocations', 'of a section that is not there'];
  const used = isCode(home) || STRUCT_OPS.test(home.name) || home.name === '.maps';
  return used
    ? ['relocations', `what '${home.name}' refers to`]
    : ['ignored', `skipped: addresses in '${home.name}' stay 0`];
}

function dataRole({ name }: ElfSection): Role {
  if (/^\.data(\.|$)/.test(name)) return ['data', 'array map of globals'];
  if (/^\.rodata\.(str|cst)/.test(name)) return ['data', 'array map of literals, frozen'];
  if (/^\.rodata(\.|$)/.test(name)) return ['data', 'array map of constants, frozen'];
  if (STRUCT_OPS.test(name)) {
    const later = name.startsWith('?') ? ', only where the kernel has them' : '';
    return ['struct_ops', `tables of programs, one map each${later}`];
  }
  if (name === '.addr_space.1') return ['arena', 'first bytes of the arena'];
  return ['ignored', 'unrecognized data, skipped by libbpf'];
}
