/**
 * Fixes as lines of C. A text is only made where it is certain what it means: the line is a whole
 * statement, the variable's name stands in it, and the function it is in is known.
 */
import { lineOf } from '../../../object/index.ts';
import type { LineInfo, VerifierInput } from '../../types.ts';
import type { SourceFix } from '../types.ts';

/** The function a line of source stands in. */
interface Enclosing {
  /** It is the one the instruction is in: it was not put in place by the compiler. */
  readonly own: boolean;
  readonly returnsNothing: boolean;
}

/** What is known of the program's source: the lines in line_info, and whole files if at hand. */
export class Source {
  readonly #input: VerifierInput;
  readonly #files: (file: string) => string | undefined;
  readonly #lines = new Map<string, readonly string[] | undefined>();

  constructor(input: VerifierInput, files: (file: string) => string | undefined = () => undefined) {
    this.#input = input;
    this.#files = files;
  }

  /** The line of an instruction. */
  at(insn: number): LineInfo | undefined {
    return lineOf(this.#input.lineInfo, insn);
  }

  /** A word occurs in the source, as far as it is known. */
  mentions(word: string): boolean {
    const pattern = new RegExp(`\\b${word}\\b`);
    return this.#input.lineInfo.some(
      ({ text, file }) => pattern.test(text) || this.#whole(file)?.some((one) => pattern.test(one)),
    );
  }

  /** Text of a line; undefined if it is not known. */
  text(file: string, line: number): string | undefined {
    const whole = this.#whole(file);
    if (whole) return whole[line - 1];
    return this.#input.lineInfo.find((one) => one.file === file && one.line === line)?.text;
  }

  #whole(file: string): readonly string[] | undefined {
    if (!this.#lines.has(file)) this.#lines.set(file, this.#files(file)?.split('\n'));
    return this.#lines.get(file);
  }

  /** The function in which the source line of `insn` stands; undefined if that is not certain. */
  enclosing(insn: number, start: number): Enclosing | undefined {
    const line = this.at(insn);
    const head = this.at(start);
    if (!line || !head) return undefined;
    const heads = this.#input.functionInfo
      .map((one) => this.at(one.insn))
      .filter((one) => one !== undefined && one.file === line.file && one.line <= line.line)
      .sort((a, b) => b!.line - a!.line);
    const own = heads[0]?.line === head.line && head.file === line.file;
    const written = this.#headAbove(line);
    if (written !== undefined) {
      const isSame = own && Math.abs(written.line - head.line) <= 3;
      return { own: isSame, returnsNothing: isSame ? this.#isVoid(start) : written.isVoid };
    }
    return own ? { own, returnsNothing: this.#isVoid(start) } : undefined;
  }

  /** The head of the function above a line: what begins in the first column. */
  #headAbove(line: LineInfo): { line: number; isVoid: boolean } | undefined {
    const whole = this.#whole(line.file);
    for (let at = line.line - 1; whole && at >= 0; at--) {
      const text = whole[at] ?? '';
      if (/^[A-Za-z_].*\(/.test(text) && !text.trimEnd().endsWith(';')) {
        return { line: at + 1, isVoid: /\bvoid\s+\w+\s*\(/.test(text) };
      }
      if (text.startsWith('}')) return undefined;
    }
    return undefined;
  }

  #isVoid(start: number): boolean {
    const { btf, functionInfo } = this.#input;
    const typeId = functionInfo.find(({ insn }) => insn === start)?.typeId;
    if (!btf || typeId === undefined) return false;
    const func = btf.type(typeId);
    const proto = func.kind === 'func' ? btf.type(func.type) : undefined;
    return proto?.kind === 'func_proto' && proto.returns === 0;
  }

  /** The statement before a line is over there, so that another may be put between. */
  #isFreshLine({ file, line }: LineInfo): boolean {
    for (let at = line - 1; at > 0; at--) {
      const text = this.text(file, at);
      if (text === undefined) return !this.#whole(file);
      const bare = withoutComments(text);
      if (bare !== '') return /[;{}:]$/.test(bare) || bare.startsWith('#') || isComment(text);
    }
    return true;
  }

  /** Lines before the statement of an instruction. */
  before(insn: number, lines: readonly string[]): SourceFix | undefined {
    const line = this.at(insn);
    if (!line || !isStatement(line.text)) return undefined;
    const { file, line: number, text } = line;
    const indent = indentOf(text);
    if (this.#isFreshLine(line)) {
      return { file, line: number, insert: 'before', lines: indented(lines, indent) };
    }
    // A branch without braces gets some.
    if (!text.trimEnd().endsWith(';') || isDeclaration(text)) return undefined;
    const outer = this.#isBranchBody(line);
    if (outer === undefined) return undefined;
    const all = [`${outer}{`, ...indented(lines, indent), text.trimEnd(), `${outer}}`];
    return { file, line: number, insert: 'instead', lines: all };
  }

  /** Indentation of the `if (…)` or `else` in the line before; undefined: it is something else. */
  #isBranchBody({ file, line }: LineInfo): string | undefined {
    const text = this.text(file, line - 1);
    if (text === undefined || !isBalanced(text)) return undefined;
    return /^\s*(if|for|while)\s*\(.*\)$|^\s*else$/.test(text.trimEnd())
      ? indentOf(text)
      : undefined;
  }

  /** A variable as an unsigned number of any width, as it is if that is its type. */
  asUnsigned(insn: number, name: string): string {
    const type = '(__u8|__u16|__u32|__u64|u32|u64|size_t|unsigned( \\w+)?|uint\\d+_t)';
    const pattern = new RegExp(`\\b${type}\\s+([^;()]*,\\s*)?${name}\\b`);
    const line = this.at(insn);
    for (let at = line?.line ?? 0; line && at > 0; at--) {
      const text = this.text(line.file, at);
      if (text !== undefined && pattern.test(withoutComments(text))) return name;
      if (text?.startsWith('}')) break;
    }
    return `(unsigned long)${name}`;
  }

  /** Lines behind the statement of an instruction, which must end in its line. */
  after(insn: number, lines: readonly string[]): SourceFix | undefined {
    const line = this.at(insn);
    if (!line || !isBalanced(line.text) || !line.text.trimEnd().endsWith(';')) return undefined;
    const { file, line: number, text } = line;
    return { file, line: number, insert: 'after', lines: indented(lines, indentOf(text)) };
  }

  /** Another text in the place of the line of an instruction. */
  instead(insn: number, lines: readonly string[]): SourceFix | undefined {
    const line = this.at(insn);
    if (!line) return undefined;
    const { file, line: number, text } = line;
    return { file, line: number, insert: 'instead', lines: indented(lines, indentOf(text)) };
  }
}

/** A source with fixes put in: their lines count in the text as it was. */
export function applySourceFixes(text: string, fixes: readonly SourceFix[]): string {
  const all = text.split('\n');
  for (const { line, insert, lines } of fixes.toSorted((a, b) => b.line - a.line)) {
    const start = insert === 'after' ? line : line - 1;
    all.splice(start, insert === 'instead' ? 1 : 0, ...lines);
  }
  return all.join('\n');
}

const indentOf = (text: string): string => /^\s*/.exec(text)![0];

/** One step of indentation, as the line has it. */
function stepOf(indent: string): string {
  if (indent.includes('\t') || indent === '') return '\t';
  return indent.length % 4 === 0 ? '    ' : '  ';
}

/** Tabs at the start of the lines become the file's own steps. */
function indented(lines: readonly string[], indent: string): string[] {
  const step = stepOf(indent);
  return lines.map((line) => indent + line.replace(/^\t+/, (tabs) => step.repeat(tabs.length)));
}

/** `if (check)` with something below it. */
export const ifThen = (check: string, then: string): string[] => [`if (${check})`, `\t${then}`];

const isComment = (text: string): boolean => /^\s*(\/\*|\*|\/\/)/.test(text);

export const withoutComments = (text: string): string =>
  text
    .replace(/\/\*.*?\*\//g, '')
    .replace(/\/\/.*$/, '')
    .trim();

export function isBalanced(text: string): boolean {
  let depth = 0;
  for (const one of withoutComments(text).replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/g, '')) {
    if (one === '(' || one === '[') depth++;
    if (one === ')' || one === ']') depth--;
    if (depth < 0) return false;
  }
  return depth === 0;
}

/** A statement begins in this line, and another may stand before it. */
export function isStatement(text: string): boolean {
  const bare = withoutComments(text);
  if (/^(else|case|default|while|for|do|goto)\b|^[})&|?:,+*/-]\s/.test(bare)) return false;
  if (/^(SEC|static|struct\s+\w+\s*\{|#)/.test(bare) || /^\w+:$/.test(bare)) return false;
  return /^(if|switch)\s*\(/.test(bare) ? true : isBalanced(text) && /[;{]$/.test(bare);
}

const DECLARATION =
  /^\s*(const\s+)?((struct|union|enum|unsigned|signed)\s+)?\w+\s+\**\s*\w+(\[.*\])?\s*[=;,]/;

/** `int x = 1;`, `struct s *p = …` */
export const isDeclaration = (text: string): boolean =>
  DECLARATION.test(text) && !/^\s*(return|goto)\b/.test(text);

/** The variable that a line sets to the result of a call: `struct v *p = lookup(…);` → 'p'. */
export function assignedName(text: string): string | undefined {
  const found = /^\s*(?:[A-Za-z_][\w\s*]*?[\s*])?([A-Za-z_]\w*)\s*=\s*(?!=)/.exec(text);
  return found?.[1];
}

/** Variables a line dereferences: `p->x`, `*p`, `p[i]`. */
export function dereferenced(text: string): string[] {
  const bare = withoutComments(text);
  const names = [...bare.matchAll(/(?<![\w.>])([A-Za-z_]\w*)\s*(?:->|\[)/g)].map((one) => one[1]!);
  const starred = [...bare.matchAll(/(?:^|[=(,!&|+<>;]|return)\s*\*+\s*([A-Za-z_]\w*)/g)];
  return [...new Set([...names, ...starred.map((one) => one[1]!)])];
}

/** Arguments of the call of `name` in a line, if the whole call stands in it. */
export function argumentsOf(text: string, name: string): string[] | undefined {
  const bare = withoutComments(text);
  const at = bare.search(new RegExp(`\\b${name}\\s*\\(`));
  if (at < 0) return undefined;
  const found: string[] = [];
  let depth = 0;
  let start = bare.indexOf('(', at) + 1;
  for (let i = start - 1; i < bare.length; i++) {
    const one = bare[i]!;
    if (one === '(' || one === '[' || one === '{') depth++;
    else if (one === ')' || one === ']' || one === '}') depth--;
    if ((one === ',' && depth === 1) || depth === 0) {
      found.push(bare.slice(start, i).trim());
      start = i + 1;
    }
    if (depth === 0) return found;
  }
  return undefined;
}

/** A name alone, without anything that could have an effect. */
export const isPlainName = (text: string): boolean => /^[A-Za-z_]\w*((\.|->)\w+)*$/.test(text);
