import type { ElfRelocation, ElfSymbol } from '../../elf/index.ts';
import { encodeRelocations, failIn, readRelocations, SHF_EXECINSTR } from '../../elf/index.ts';
import { BPF_CALL, BPF_JMP, INSN_SIZE } from '../../isa/index.ts';
import { STATIC_BRANCHES } from '../static-branches.ts';
import type { Input, InputSection } from './input.ts';
import type { Output } from './output.ts';
import { SYMTAB_INDEX } from './output.ts';
import { appendData, checkKinds } from './sections.ts';

/** R_BPF_64_64, R_BPF_64_ABS64, R_BPF_64_ABS32, R_BPF_64_32: the types clang and gcc write. */
const KNOWN_TYPES = new Set([1, 2, 3, 10]);

/** Appends the relocations of an input, moved to where its sections and symbols are now. */
export function appendRelocations(output: Output, input: Input): void {
  for (const table of input.sections) {
    if (table.role !== 'relocations') continue;
    const target = input.sections[table.elf!.info]!;
    if (target.role !== 'data' || target.duplicate) continue;
    appendTable(output, input, table, target);
  }
}

function appendTable(
  output: Output,
  input: Input,
  table: InputSection,
  target: InputSection,
): void {
  const elf = table.elf!;
  const known = output.section(table.name);
  if (known) checkKinds(input, known, elf);
  const section = known ?? output.addSection(table.name);
  const relocations = readRelocations(input.elf, elf).map((relocation) => {
    const symbol = input.elf.symbols[relocation.symbol]!;
    check(input, table, target, relocation, symbol);
    if (symbol.type === 'section') moveAddend(input, table, target, relocation, symbol);
    return {
      offset: relocation.offset + target.offset,
      type: relocation.type,
      symbol: input.symbolIds[relocation.symbol]!,
    };
  });
  appendData(output, section, table, elf);
  section.elf!.link = SYMTAB_INDEX;
  section.elf!.info = target.output!.index;
  table.bytes!.set(encodeRelocations(relocations, output.littleEndian));
}

function check(
  input: Input,
  table: InputSection,
  target: InputSection,
  { at, offset, type, symbol: index }: ElfRelocation,
  symbol: ElfSymbol,
): void {
  const fail = (reason: string): never => failIn(table.elf!, at - table.elf!.offset, reason);
  if (!KNOWN_TYPES.has(type)) fail(`type ${type} is not known`);
  if (index === 0) fail('it is for no symbol');
  if (target.elf!.flags & SHF_EXECINSTR && offset % INSN_SIZE !== 0) {
    fail(`byte ${offset} is inside an instruction`);
  }
  if (input.symbolIds[index] === 0) {
    const section = input.sections[symbol.section]?.name;
    fail(`it is for '${symbol.name}' in '${section}', which is not part of the output`);
  }
}

/**
 * Relocations against a section count from its start in the input: the addend in the instruction is
 * moved by as much as the section was.
 */
function moveAddend(
  input: Input,
  table: InputSection,
  target: InputSection,
  { at, offset }: ElfRelocation,
  { section }: ElfSymbol,
): void {
  const isCode = (target.elf!.flags & SHF_EXECINSTR) !== 0;
  const isTable = target.name === STATIC_BRANCHES && offset + 8 <= target.elf!.size;
  if (!target.bytes || !(isCode || isTable)) {
    failIn(table.elf!, at - table.elf!.offset, 'an address of a whole section in data');
  }
  const moved = input.sections[section]!.offset;
  const view = new DataView(target.bytes.buffer, target.bytes.byteOffset + offset, INSN_SIZE);
  const little = input.elf.littleEndian;
  if (isTable) {
    view.setBigUint64(0, view.getBigUint64(0, little) + BigInt(moved), little);
    return;
  }
  const isCall = view.getUint8(0) === (BPF_JMP | BPF_CALL);
  view.setInt32(4, view.getInt32(4, little) + (isCall ? moved / INSN_SIZE : moved), little);
}
