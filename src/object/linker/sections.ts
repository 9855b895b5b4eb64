import { sameBytes } from '../../base/index.ts';
import type { ElfSection } from '../../elf/index.ts';
import { SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_NOBITS, SHT_PROGBITS } from '../../elf/index.ts';
import type { Input, InputSection } from './input.ts';
import { LinkError } from './link-error.ts';
import type { Output, OutputSection } from './output.ts';

/** Sections that every object has a copy of; the output has one. */
const SHARED = new Set(['license', 'version']);

/** Appends the data and code of an input to the sections of the same names. */
export function appendSections(output: Output, input: Input): void {
  for (const section of input.sections) {
    if (section.role !== 'data') continue;
    const known = output.section(section.name);
    const target = known ?? output.addSection(section.name);
    section.output = target;
    if (!section.elf) continue;
    if (known) checkKinds(input, target, section.elf);
    if (known && SHARED.has(section.name)) {
      checkSame(input, target, section.elf);
      section.duplicate = true;
    } else appendData(output, target, section, section.elf);
  }
}

/** Appends a section's bytes; the first ones give the output section its kind. */
export function appendData(
  output: Output,
  target: OutputSection,
  section: InputSection,
  elf: ElfSection,
): void {
  if (!target.elf) output.makeReal(target, elf);
  const before = target.size;
  if (elf.type !== SHT_NOBITS) section.bytes = elf.data.slice();
  section.offset = target.append(elf.size, elf.align, section.bytes);
  if (section.bytes) output.reserve(target.size - before);
}

/** Refuses to mix sections of one name that differ in kind. */
export function checkKinds(input: Input, target: OutputSection, section: ElfSection): void {
  const { elf } = target;
  if (!elf) return;
  const fields = [
    ['type', typeWord(elf.type), typeWord(section.type)],
    ['flags', flagLetters(elf.flags), flagLetters(section.flags)],
    ['entry size', elf.entrySize, section.entrySize],
  ] as const;
  for (const [what, before, now] of fields) {
    if (before === now) continue;
    throw new LinkError(
      input.name,
      section.offset,
      `section '${section.name}' has ${what} ${now}, in the inputs before it has ${before}`,
      what === 'flags'
        ? 'A variable in it is const in one and not in the other: make them alike.'
        : 'Give one of the two another name.',
    );
  }
}

const typeWord = (type: number): string | number =>
  type === SHT_NOBITS ? 'NOBITS' : type === SHT_PROGBITS ? 'PROGBITS' : type;

const FLAGS = [
  [SHF_WRITE, 'W'],
  [SHF_ALLOC, 'A'],
  [SHF_EXECINSTR, 'X'],
] as const;

/** Flags as readelf shows them: 'WA'. */
function flagLetters(flags: number): string {
  let rest = flags;
  let letters = '';
  for (const [flag, letter] of FLAGS) {
    if (!(rest & flag)) continue;
    letters += letter;
    rest &= ~flag;
  }
  return letters + (rest !== 0 || letters === '' ? `0x${(rest >>> 0).toString(16)}` : '');
}

function checkSame(input: Input, target: OutputSection, section: ElfSection): void {
  const before = target.contents();
  if (typeof before !== 'number' && sameBytes(before, section.data)) return;
  throw new LinkError(
    input.name,
    section.offset,
    `section '${section.name}' holds ${shown(section.data)}, in the inputs before ${shown(before)}`,
    'All inputs of a link must agree on it: make them the same, to the byte.',
  );
}

/** Bytes as C would write them. */
function shown(bytes: Uint8Array | number): string {
  if (typeof bytes === 'number') return `${bytes} zero bytes`;
  const shortened = bytes.length > 40 ? bytes.subarray(0, 40) : bytes;
  const text = [...shortened].map((byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`,
  );
  return `"${text.join('').replace(/\\x0$/, '')}"`;
}
