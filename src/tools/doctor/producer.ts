import { utf8 } from '../../base/index.ts';
import type { Subject } from './subject.ts';
import type { Producer } from './types.ts';

/** SHT_LLVM_ADDRSIG: only LLVM writes it. */
const SHT_LLVM_ADDRSIG = 0x6fff4c03;
/** Rust's two ways to write a path as a symbol. */
const RUST_SYMBOL = /^(_ZN.*17h[0-9a-f]{16}E|_R[NCMX].+)$/;

interface Sign {
  readonly name: NonNullable<Producer['name']>;
  readonly pattern: RegExp;
}

/** What compilers write as DW_AT_producer or .comment; the first group is the version. */
const SIGNS: readonly Sign[] = [
  { name: 'rustc', pattern: /rustc version (\d+[\w.-]*)/ },
  { name: 'clang', pattern: /clang version (\d+\.\d+[\w.]*)/ },
  { name: 'gcc', pattern: /^GNU C\S* (\d+\.\d+[\w.]*)/ },
  { name: 'gcc', pattern: /^GCC: .*?(\d+\.\d+\.\d+)$/ },
];

/** Where those texts are. DWARF keeps the producer's name among its strings. */
const TEXT_SECTIONS = ['.debug_str', '.comment', '.debug_line_str'];

/**
 * Who made an object: by the compiler's own words (DWARF, `.comment`), else by habits of LLVM, GCC
 * and Rust. An object stripped of DWARF tells the family but no version.
 */
export function producerOf(subject: Subject): Producer {
  return named(subject) ?? guessed(subject);
}

function named({ elf: { sections } }: Subject): Producer | undefined {
  for (const name of TEXT_SECTIONS) {
    for (const section of sections.filter((one) => one.name === name)) {
      for (const text of utf8(section.data).split('\0')) {
        const sign = SIGNS.find(({ pattern }) => pattern.test(text));
        if (!sign) continue;
        const version = sign.pattern.exec(text)?.[1];
        return { name: sign.name, version, text, evidence: [name] };
      }
    }
  }
  return undefined;
}

function guessed({ elf, symbols }: Subject): Producer {
  const evidence: string[] = [];
  const rust = symbols.find(({ name }) => RUST_SYMBOL.test(name));
  if (rust) evidence.push(`symbol ${rust.name}`);
  const addrsig = elf.sections.some(({ type }) => type === SHT_LLVM_ADDRSIG);
  if (addrsig) evidence.push('.llvm_addrsig');
  const typed = elf.sections.some(({ name, size }) => name === '.rel.BTF.ext' && size > 0);
  if (typed) evidence.push('.rel.BTF.ext');
  const name = rust ? 'rustc' : evidence.length > 0 ? 'clang' : undefined;
  return { name, version: undefined, text: '', evidence };
}
