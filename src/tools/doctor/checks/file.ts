import { EM_BPF, SHT_RELA, SHT_SYMTAB } from '../../../elf/index.ts';
import { finding } from '../codes.ts';
import { isCode } from '../subject.ts';
import type { Check } from './check.ts';

const ET_REL = 1;

/** Is it a relocatable BPF object of the right byte order, with symbols (bpf_object__elf_init)? */
export const checkFile: Check = ({ subject: { elf } }) => {
  const says = 'elf: … is not a valid eBPF object file';
  if (elf.machine !== EM_BPF) {
    const message = `the file is for machine ${elf.machine}, not for BPF (${EM_BPF})`;
    return [finding('not-bpf', '', message, { says })];
  }
  const found = [];
  if (elf.type !== ET_REL) {
    found.push(finding('linked', '', `the file is of ELF type ${elf.type}, not 1`, { says }));
  }
  if (!elf.littleEndian) {
    const message = 'big-endian: libbpf loads only what has the byte order of the machine';
    found.push(finding('byte-order', '', message, { says: 'elf: endianness mismatch in ….' }));
  }
  if (!elf.sections.some(({ type }) => type === SHT_SYMTAB)) {
    const message = 'the file has no symbol table';
    const stripped = "elf: couldn't find symbol table in …, stripped object file?";
    found.push(finding('no-symbols', '', message, { says: stripped }));
  }
  return found;
};

/** libbpf reads relocations without addend only; others it skips in silence. */
export const checkRelocationTables: Check = ({ subject: { elf } }) =>
  elf.sections.flatMap(({ type, name, info }) => {
    const home = elf.sections[info];
    if (type !== SHT_RELA || !home || !isCode(home)) return [];
    const message = `'${name}' is SHT_RELA: libbpf skips it, and '${home.name}' refers to nothing`;
    return [finding('rela-relocations', name, message)];
  });

/** Without types maps, names and lines are lost; without .BTF.ext functions and lines. */
export const checkTypes: Check = ({ subject: { elf, ext, object }, producer }) => {
  const has = (name: string) => elf.sections.some((one) => one.name === name);
  if (elf.machine !== EM_BPF) return [];
  if (!has('.BTF')) {
    const message = 'no types: no CO-RE, no decoded maps, no source lines in the log';
    return [finding('no-btf', '', message)];
  }
  if (!has('.BTF.ext') || (ext && ext.functions.length === 0)) {
    const why = producer.name === 'gcc' ? ` (gcc ${producer.version} leaves it empty)` : '';
    const message =
      `types, but no functions and lines${why}: no source in the log, no CO-RE; the kernel takes ` +
      'no callbacks and exceptions of such a program';
    return [finding('no-btf-ext', '.BTF.ext', message)];
  }
  return (object?.programs ?? [])
    .filter(({ described }) => !described)
    .map(({ name }) => {
      const message = `.BTF.ext does not describe every function of '${name}'`;
      const says = `prog '${name}': missing .BTF.ext function info.`;
      return finding('functions-undescribed', name, message, { says });
    });
};
