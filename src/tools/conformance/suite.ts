/** Tests of the public bpf_conformance suite: files with `-- asm`, `-- mem`, `-- result`, … */
import { helperId } from '../../abi/index.ts';
import { FormatError } from '../../base/index.ts';
import {
  assembleMnemonics,
  CONFORMANCE_GROUPS,
  type Code,
  type ConformanceGroup,
  decodeCode,
  encodeCode,
  type InsnInfo,
  insnInfo,
  insnSlots,
} from '../../isa/index.ts';

/** One file of the suite. */
export interface SuiteTest {
  /** Wire format. */
  readonly insns: Uint8Array;
  /** What r1 points to. */
  readonly memory: Uint8Array;
  /** r0 at the end, unsigned; undefined: the program must fail. */
  readonly result: bigint | undefined;
  /** What the suite's own runtime says when it fails. */
  readonly error: string | undefined;
  /** Groups a runtime must have for it. */
  readonly groups: readonly ConformanceGroup[];
  /** Why no runtime can be held to it. */
  readonly skip: string | undefined;
}

/** A section and the lines in it, with their numbers. */
interface Section {
  readonly name: string;
  readonly lines: { readonly text: string; readonly line: number }[];
}

const SECTIONS = ['asm', 'raw', 'mem', 'result', 'error', 'map', 'c', 'no register offset'];

/**
 * Takes a test file apart and assembles its program. Throws `FormatError` with the line (1-based)
 * as its offset; a file that tests nothing of the instruction set has `skip`.
 *
 * @example
 * const { result } = parseSuiteTest('-- asm\nmov %r0, 7\nexit\n-- result\n0x7\n'); // 7n
 */
export function parseSuiteTest(text: string): SuiteTest {
  const sections = sectionsOf(text);
  const insns = programOf(sections);
  const code = decodeCode(insns);
  const memory = memoryOf(sections.get('mem'));
  const result = resultOf(sections.get('result'));
  const error = linesOf(sections.get('error')).at(-1)?.text.trim();
  if (result === undefined && error === undefined) {
    throw fail(
      lastLine(text),
      "there is neither '-- result' nor '-- error': nothing to hold it to",
    );
  }
  return {
    insns,
    memory,
    result,
    error,
    groups: groupsOf(code),
    skip: sections.has('map') ? 'it needs maps, which are not of the instruction set' : skips(code),
  };
}

const fail = (line: number, reason: string) =>
  new FormatError('conformance test', line, `line ${line}: ${reason}`);

const lastLine = (text: string) => text.trimEnd().split('\n').length;

function sectionsOf(text: string): Map<string, Section> {
  const sections = new Map<string, Section>();
  let current: Section | undefined;
  text.split(/\r?\n/).forEach((content, i) => {
    const head = /^--\s*(.*?)\s*$/.exec(content);
    if (!head) {
      current?.lines.push({ text: content, line: i + 1 });
      return;
    }
    const name = head[1]!;
    if (!SECTIONS.includes(name)) {
      throw fail(i + 1, `there is no section '${name}', only ${SECTIONS.join(', ')}`);
    }
    current = sections.get(name) ?? { name, lines: [] };
    sections.set(name, current);
  });
  return sections;
}

const linesOf = (section: Section | undefined) =>
  (section?.lines ?? []).filter(({ text }) => text.trim() !== '' && !text.startsWith('#'));

/** The instructions: `-- raw` wins, where the assembler of the suite has no word for one. */
function programOf(sections: ReadonlyMap<string, Section>): Uint8Array {
  const raw = linesOf(sections.get('raw'));
  if (raw.length > 0) return rawProgram(raw);
  const asm = sections.get('asm');
  if (!asm) throw fail(1, "there is no program: no '-- asm' and no '-- raw'");
  const before = (asm.lines[0]?.line ?? 1) - 1;
  // Empty lines in front, so that the assembler counts lines as the file does.
  const source = '\n'.repeat(before) + asm.lines.map(({ text }) => text).join('\n');
  // Maps have no number here; what names one is skipped all the same.
  const text = sections.has('map') ? source.replaceAll(/map_by_\w+\([^)]*\)/g, '0') : source;
  const { code } = assembleMnemonics(text, { helper: (name) => helperId(name) });
  if (code.length === 0) throw fail(before, 'there is no instruction');
  return encodeCode(code);
}

/** Instructions as 64-bit numbers. */
function rawProgram(lines: Section['lines']): Uint8Array {
  const words = lines.flatMap(({ text, line }) =>
    text
      .replace(/#.*$/, '')
      .trim()
      .split(/\s+/)
      .filter(Boolean)
      .map((word) => numberOf(word, line)),
  );
  const bytes = new Uint8Array(words.length * 8);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => view.setBigUint64(i * 8, word, true));
  return bytes;
}

/** Unsigned 64 bits, from decimal or hexadecimal digits with or without a sign. */
function numberOf(word: string, line: number): bigint {
  const match = /^(-?)(0x[0-9a-f]+|\d+)$/i.exec(word);
  if (!match) throw fail(line, `'${word}' is no number`);
  const value = BigInt(match[2]!);
  if (value >= 1n << 64n) throw fail(line, `${word} does not fit 64 bits`);
  return BigInt.asUintN(64, match[1] ? -value : value);
}

function resultOf(section: Section | undefined): bigint | undefined {
  const last = linesOf(section).at(-1);
  return last && numberOf(last.text.trim(), last.line);
}

function memoryOf(section: Section | undefined): Uint8Array {
  const bytes = linesOf(section).flatMap(({ text, line }) =>
    text
      .replace(/#.*$/, '')
      .trim()
      .split(/\s+/)
      .filter(Boolean)
      .map((word) => {
        if (!/^(0x)?[0-9a-f]{1,2}$/i.test(word)) throw fail(line, `'${word}' is no byte`);
        return Number.parseInt(word, 16);
      }),
  );
  return Uint8Array.from(bytes);
}

/** Rows of the table that a program uses; instructions that are none are left out. */
function rowsOf(code: Code): InsnInfo[] {
  const rows: InsnInfo[] = [];
  for (let i = 0; i < code.length; i += insnSlots(code, i)) {
    const info = insnInfo(code.op[i]!, code.off[i], code.src[i], code.imm[i]);
    if (info) rows.push(info);
  }
  return rows;
}

/** Conformance groups a program needs, in the order of the RFC. */
export function groupsOf(code: Code): readonly ConformanceGroup[] {
  const used = new Set(rowsOf(code).map(({ group }) => group));
  return CONFORMANCE_GROUPS.filter((group) => used.has(group));
}

function skips(code: Code): string | undefined {
  const rows = rowsOf(code);
  if (rows.some(({ kind }) => kind === 'callx'))
    return 'callx is in no group, and Linux refuses it';
  if (rows.some(({ kind }) => kind === 'call_kfunc')) {
    return 'it calls a function of a certain runtime';
  }
  return undefined;
}
