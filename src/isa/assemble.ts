import { FormatError } from '../base/index.ts';
import { Code } from './code.ts';
import { lex, type Token } from './lex.ts';
import type { InsnInfo } from './insn.ts';
import { INSN_TABLE } from './table.ts';

export interface AssembleOptions {
  /** Id of a helper by name, for `call bpf_ktime_get_ns`. Labels win. */
  readonly helper?: (name: string) => number | undefined;
}

/** What `assemble` makes of a text. */
export interface Assembly {
  readonly code: Code;
  /** Slot of each label. */
  readonly labels: ReadonlyMap<string, number>;
  /** 1-based line of the text each slot came from. */
  readonly lines: readonly number[];
}

/**
 * Assembles LLVM's BPF syntax, the one clang prints and reads (`w1 = -0x1`, `if r1 s> 5 goto out`,
 * `lock *(u32 *)(r1 + 0) += w2`), and the kernel's text (`(b7) r0 = 1`, `goto pc+1`). Labels,
 * decimal and hexadecimal numbers, comments with `//`, `#` and `;` at the start of a line, several
 * statements on a line with `;`. `call name` calls the label's function, `r2 = name ll` takes its
 * address for a callback. Throws `FormatError` with the line (1-based) as its offset.
 *
 * @example
 * const { code } = assemble('r0 = 1\n if r1 == 0 goto end\n r0 += 41\nend: exit');
 * encodeCode(code); // Uint8Array of 32 bytes
 */
export function assemble(text: string, options: AssembleOptions = {}): Assembly {
  return new Assembler(options).run(text);
}

/** A way to write a row: where in the statement each field stands. */
interface Syntax {
  readonly info: InsnInfo;
  readonly tokens: readonly Token[];
}

interface Fixup {
  readonly slot: number;
  readonly field: 'off' | 'imm';
  readonly label: string;
  readonly line: number;
}

interface Fields {
  dst: number;
  src: number;
  off: number;
  imm: number;
  high: number;
}

type Captured = Map<string, Token>;

/** What may stand for a hole, as pieces of a shape; several where syntax leaves a choice. */
function holeShapes(hole: string): string[] {
  if (/^[ds]$/.test(hole)) return ['r'];
  if (/^w[ds]$/.test(hole)) return ['w'];
  if (/^m[ds]$/.test(hole)) return ['r', 'w'];
  if (hole === 'o') return ['#', ''];
  if (hole === 'j' || hole === 'l') return ['#', '@', 'pc #'];
  if (hole === 't' || hole === 'f') return ['@'];
  if (hole === 'local') return ['pc #'];
  if (hole === 'helper') return ['callee'];
  return hole === 'kfunc' ? ['kfunc'] : ['#'];
}

function tokenShapes(token: Token): string[] {
  switch (token.kind) {
    case 'register':
      return [token.half ? 'w' : 'r'];
    case 'number':
      return ['#'];
    case 'label':
      return ['@'];
    case 'callee':
      return [token.name === 'kernel-function' ? 'kfunc' : 'callee'];
    case 'hole':
      return holeShapes(token.name);
    case 'literal':
      return [token.text];
  }
}

/** Every way the tokens can look: registers as r or w, numbers as #. */
function shapes(tokens: readonly Token[]): string[] {
  let all = [''];
  for (const token of tokens) {
    const next = tokenShapes(token);
    all = all.flatMap((shape) => next.map((piece) => (piece === '' ? shape : `${shape} ${piece}`)));
  }
  return all;
}

const TAKE_ADDRESS = '{d} = {f} ll';

function buildSyntax(): Map<string, Syntax[]> {
  const index = new Map<string, Syntax[]>();
  const add = (info: InsnInfo, template: string) => {
    if (template === '') return;
    const tokens = lex(template.replace('{n}', String(info.imm)))!;
    for (const shape of shapes(tokens)) {
      const list = index.get(shape);
      if (list === undefined) index.set(shape, [{ info, tokens }]);
      else list.push({ info, tokens });
    }
  };
  const rows = INSN_TABLE;
  for (const info of rows) add(info, info.gas);
  for (const info of rows) if (info.kernel !== info.gas) add(info, info.kernel);
  for (const info of rows) if (info.name === 'ld_func') add(info, TAKE_ADDRESS);
  return index;
}

let syntaxIndex: Map<string, Syntax[]> | undefined;

/** Fits the statement's tokens to a syntax of equal shape; undefined if a fixed word differs. */
function capture(syntax: Syntax, tokens: readonly Token[]): Captured | undefined {
  const captured: Captured = new Map();
  let at = 0;
  for (const wanted of syntax.tokens) {
    if (wanted.kind === 'hole') {
      if (wanted.name === 'o' && tokens[at]?.kind !== 'number') continue;
      const first = tokens[at]!;
      if (first.kind === 'literal' && first.text === 'pc') at++;
      if (!store(captured, wanted.name, tokens[at]!)) return undefined;
    } else if (wanted.kind === 'register') {
      const found = tokens[at]!;
      if (found.kind !== 'register' || found.value !== wanted.value) return undefined;
    }
    at++;
  }
  return captured;
}

/** A register named twice (`r1 = be16 r1`) must be the same both times. */
function store(captured: Captured, hole: string, token: Token): boolean {
  const earlier = captured.get(hole);
  captured.set(hole, token);
  return (
    earlier === undefined ||
    (earlier.kind === 'register' && token.kind === 'register' && earlier.value === token.value)
  );
}

class Assembler {
  readonly options: AssembleOptions;
  readonly fields: Fields[] = [];
  readonly ops: number[] = [];
  readonly lines: number[] = [];
  readonly labels = new Map<string, number>();
  readonly fixups: Fixup[] = [];
  line = 0;

  constructor(options: AssembleOptions) {
    this.options = options;
  }

  run(text: string): Assembly {
    for (const line of text.split(/\r?\n/)) {
      this.line++;
      for (const statement of statements(line)) this.statement(statement);
    }
    const code = this.encode();
    for (const fixup of this.fixups) this.resolve(fixup, code);
    return { code, labels: this.labels, lines: this.lines };
  }

  fail(reason: string, line = this.line): never {
    throw new FormatError('BPF assembly', line, `line ${line}: ${reason}`);
  }

  statement(text: string): void {
    const label = /^([A-Za-z_.$][\w.$]*):(?!\S*:)/.exec(text);
    if (label !== null) {
      this.define(label[1]!);
      const rest = text.slice(label[0].length).trim();
      if (rest !== '') this.statement(rest);
      return;
    }
    const opcode = /^\(([0-9a-f]{2})\)\s+/.exec(text);
    const body = opcode === null ? text : text.slice(opcode[0].length);
    this.instruction(body, opcode === null ? undefined : Number.parseInt(opcode[1]!, 16));
  }

  define(name: string): void {
    if (this.labels.has(name)) this.fail(`label ${name} is defined twice`);
    this.labels.set(name, this.ops.length);
  }

  instruction(text: string, op: number | undefined): void {
    const tokens = lex(text);
    if (tokens === undefined) this.fail(`cannot read '${text}'`);
    syntaxIndex ??= buildSyntax();
    for (const syntax of syntaxIndex.get(shapes(tokens)[0]!) ?? []) {
      if (op !== undefined && syntax.info.op !== op) continue;
      const captured = capture(syntax, tokens);
      if (captured !== undefined && this.selects(syntax.info, captured)) {
        this.emit(syntax.info, captured);
        return;
      }
    }
    this.fail(`no such instruction: '${text}'`);
  }

  /** ld_pseudo names its row by a number. */
  selects(info: InsnInfo, captured: Captured): boolean {
    const src = captured.get('src');
    return src === undefined || (src.kind === 'number' && src.value === BigInt(Number(info.src)));
  }

  emit(info: InsnInfo, captured: Captured): void {
    const fixed = (field: string | number) => (typeof field === 'number' ? field : 0);
    const fields: Fields = {
      dst: 0,
      src: fixed(info.src),
      off: fixed(info.off),
      imm: fixed(info.imm),
      high: 0,
    };
    const slot = this.ops.length;
    for (const [hole, token] of captured) this.assign(fields, hole, token, slot, info);
    this.push(info.op, fields);
    if (info.kind === 'ld_imm64') {
      this.push(0, { dst: 0, src: 0, off: 0, imm: fields.high, high: 0 });
    }
  }

  push(op: number, fields: Fields): void {
    this.ops.push(op);
    this.fields.push(fields);
    this.lines.push(this.line);
  }

  assign(fields: Fields, hole: string, token: Token, slot: number, info: InsnInfo): void {
    switch (token.kind) {
      case 'register':
        if (token.value > 11) this.fail(`no register r${token.value}`);
        fields[hole.endsWith('d') ? 'dst' : 'src'] = token.value;
        return;
      case 'label':
        this.assignLabel(fields, hole, token.name, slot, info);
        return;
      case 'number':
      case 'callee':
        this.assignNumber(fields, hole, token.value);
    }
  }

  assignLabel(fields: Fields, hole: string, label: string, slot: number, info: InsnInfo): void {
    if (hole === 't' && !this.labels.has(label)) {
      const id = this.options.helper?.(label);
      if (id !== undefined) {
        fields.src = 0;
        fields.imm = id;
        return;
      }
    }
    const field = info.off === 'jump' ? 'off' : 'imm';
    this.fixups.push({ slot, field, label, line: this.line });
  }

  assignNumber(fields: Fields, hole: string, value: bigint): void {
    switch (hole) {
      case 'o':
      case 'j':
        fields.off = this.within(value, -0x8000n, 0x7fffn);
        return;
      case 'q':
        this.within(value >> 1n, -(1n << 62n), (1n << 63n) - 1n);
        fields.imm = Number(BigInt.asIntN(32, value));
        fields.high = Number(BigInt.asIntN(32, value >> 32n));
        return;
      case 'high':
        fields.imm = (fields.imm & 0xffff) | (this.within(value, 0n, 0xffffn) << 16);
        return;
      case 'low':
        fields.imm = (fields.imm & ~0xffff) | this.within(value, 0n, 0xffffn);
        return;
      case 'src':
        return;
      default:
        fields.imm = this.within(value, -0x80000000n, 0xffffffffn) | 0;
    }
  }

  within(value: bigint, low: bigint, high: bigint): number {
    if (value < low || value > high) this.fail(`${value} does not fit its field`);
    return Number(value);
  }

  encode(): Code {
    const code = new Code(this.ops.length);
    this.fields.forEach(({ dst, src, off, imm }, i) =>
      code.set(i, this.ops[i]!, dst, src, off, imm),
    );
    return code;
  }

  resolve({ slot, field, label, line }: Fixup, code: Code): void {
    const target = this.labels.get(label);
    if (target === undefined) this.fail(`label ${label} is not defined`, line);
    const distance = target - slot - 1;
    if (field === 'imm') code.imm[slot] = distance;
    else if ((distance << 16) >> 16 === distance) code.off[slot] = distance;
    else this.fail(`label ${label} is ${distance} slots away: too far for goto, use gotol`, line);
  }
}

/** Statements of a line without comments, listing numbers and llvm-objdump's target names. */
function statements(line: string): string[] {
  if (/^\s*[;#]/.test(line)) return [];
  return line
    .replace(/\/\*.*?\*\//g, ' ')
    .replace(/(?:\/\/|\s#).*$/, '')
    .replace(/^\s*\d+:\s+/, '')
    .split(';')
    .map((statement) => statement.replace(/\s<[^\s<>]+>\s*$/, '').trim())
    .filter((statement) => statement !== '');
}
