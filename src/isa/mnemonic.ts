/**
 * The assembly of the public bpf_conformance suite (and of ubpf): a word for the operation, then
 * its operands: `add32 %r0, 0x1`, `ldxw %r1, [%r10-4]`, `lock fetch add [%r10-8], %r1`.
 */
import { FormatError } from '../base/index.ts';
import type { Assembly, AssembleOptions } from './assemble.ts';
import { Code } from './code.ts';
import type { InsnInfo } from './insn.ts';
import { insnByName } from './lookup.ts';

/** An operand as it was written. */
type Operand =
  | { readonly kind: 'register'; readonly number: number }
  | { readonly kind: 'number'; readonly value: bigint; readonly signed: boolean }
  | { readonly kind: 'memory'; readonly base: number; readonly off: bigint }
  | { readonly kind: 'word'; readonly name: string };

interface Slot {
  readonly op: number;
  readonly dst: number;
  readonly src: number;
  off: number;
  imm: number;
}

/** A jump or call to a label, filled in at the end. */
interface Fixup {
  readonly slot: number;
  readonly field: 'off' | 'imm';
  readonly label: string;
  readonly line: number;
}

const ALU = 'add|sub|mul|div|sdiv|or|and|lsh|rsh|mod|smod|xor|mov|arsh';
const CONDITIONS = 'jeq|jne|jgt|jge|jlt|jle|jset|jsgt|jsge|jslt|jsle';
const ATOMICS = 'add|or|and|xor|xchg|cmpxchg';

const PATTERNS = {
  alu: new RegExp(`^(${ALU})(32|64)?$`),
  movsx: /^movsx(8|16|32)(32|64)$/,
  neg: /^neg(32|64)?$/,
  end: /^(le|be|swap|bswap)(16|32|64)$/,
  load: /^ldxs?(b|h|w|dw)$/,
  storeImm: /^st(b|h|w|dw)$/,
  storeReg: /^stx(b|h|w|dw)$/,
  jump: new RegExp(`^(${CONDITIONS})(32)?$`),
  atomic: new RegExp(`^(${ATOMICS})(32)?$`),
} as const;

/**
 * Assembles the syntax of the bpf_conformance suite: one instruction or label on a line, `#` starts
 * a comment, registers with or without `%`. A label `exit` that is not defined is the first exit.
 * Throws `FormatError` with the line (1-based) as its offset.
 *
 * @example
 * const { code } = assembleMnemonics('mov %r0, 41\nadd32 %r0, 1\nexit');
 */
export function assembleMnemonics(text: string, options: AssembleOptions = {}): Assembly {
  return new MnemonicAssembler(options).run(text);
}

class MnemonicAssembler {
  readonly options: AssembleOptions;
  readonly slots: Slot[] = [];
  readonly lines: number[] = [];
  readonly labels = new Map<string, number>();
  readonly fixups: Fixup[] = [];
  firstExit: number | undefined;
  line = 0;

  constructor(options: AssembleOptions) {
    this.options = options;
  }

  run(text: string): Assembly {
    for (const line of text.split(/\r?\n/)) {
      this.line++;
      this.statement(line.replace(/#.*$/, '').trim());
    }
    if (this.firstExit !== undefined && !this.labels.has('exit')) {
      this.labels.set('exit', this.firstExit);
    }
    for (const fixup of this.fixups) this.resolve(fixup);
    const code = new Code(this.slots.length);
    this.slots.forEach(({ op, dst, src, off, imm }, i) => code.set(i, op, dst, src, off, imm));
    return { code, labels: this.labels, lines: this.lines };
  }

  fail(reason: string, line = this.line): never {
    throw new FormatError('BPF assembly', line, `line ${line}: ${reason}`);
  }

  statement(text: string): void {
    if (text === '') return;
    const label = /^([A-Za-z_.$][\w.$]*):\s*(.*)$/.exec(text);
    if (label) {
      if (this.labels.has(label[1]!)) this.fail(`label ${label[1]} is defined twice`);
      this.labels.set(label[1]!, this.slots.length);
      this.statement(label[2]!);
      return;
    }
    const [word, ...rest] = text.split(/\s+/);
    if (word === 'lock') this.atomic(rest);
    else if (word === 'call') this.call(rest);
    else this.plain(word!, this.operands(rest.join(' ')));
  }

  operands(text: string): Operand[] {
    if (text.trim() === '') return [];
    return text.split(',').map((part) => this.operand(part.trim()));
  }

  operand(text: string): Operand {
    const register = /^%?r(\d+)$/.exec(text);
    if (register) return { kind: 'register', number: this.register(register[1]!) };
    const memory = /^\[\s*%?r(\d+)\s*(?:([+-])\s*(0x[0-9a-f]+|\d+))?\s*\]$/i.exec(text);
    if (memory) {
      const [, base, sign, digits = '0'] = memory;
      const off = sign === '-' ? -BigInt(digits) : BigInt(digits);
      return { kind: 'memory', base: this.register(base!), off };
    }
    const number = /^([+-]?)(0x[0-9a-f]+|\d+)$/i.exec(text);
    if (number) {
      const value = number[1] === '-' ? -BigInt(number[2]!) : BigInt(number[2]!);
      return { kind: 'number', value, signed: number[1] !== '' };
    }
    if (/^[A-Za-z_.$][\w.$]*$/.test(text)) return { kind: 'word', name: text };
    return this.fail(`cannot read the operand '${text}'`);
  }

  /** Registers above r10 can be written down: tests that must fail use them. */
  register(digits: string): number {
    const number = Number(digits);
    return number > 15 ? this.fail(`no register r${number}`) : number;
  }

  plain(word: string, operands: readonly Operand[]): void {
    const [first, second, third] = operands;
    const count = operands.length;
    const imm = second?.kind === 'number' ? '_k' : '';
    const name = rowName(word, imm);
    const info = name === undefined ? undefined : insnByName(name);
    if (!info) this.fail(`there is no instruction '${word}'`);
    const wanted = OPERANDS[info.kind] ?? 2;
    if (count !== wanted) this.fail(`${word} takes ${wanted} operands, not ${count}`);
    switch (info.kind) {
      case 'jump':
        this.put(info, { dst: first, value: second, target: third });
        return;
      case 'ja':
        this.put(info, { target: first });
        return;
      case 'load':
      case 'load_sx':
        this.put(info, { dst: first, memory: second });
        return;
      case 'store_imm':
      case 'store_reg':
        this.put(info, { memory: first, value: second });
        return;
      case 'exit':
        this.firstExit ??= this.slots.length;
        this.put(info, {});
        return;
      default:
        this.put(info, { dst: first, value: second });
    }
  }

  atomic(words: readonly string[]): void {
    const fetch = words[0] === 'fetch';
    const [word = '', ...rest] = fetch ? words.slice(1) : words;
    const [, operation, narrow] = PATTERNS.atomic.exec(word) ?? [];
    if (!operation) this.fail(`there is no atomic operation '${word}'`);
    const fetches = fetch && !operation.endsWith('xchg');
    const name = `atomic${narrow ? 32 : 64}_${fetches ? 'fetch_' : ''}${operation}`;
    const operands = this.operands(rest.join(' '));
    if (operands.length !== 2) this.fail(`lock ${word} takes memory and a register`);
    this.put(insnByName(name)!, { memory: operands[0], value: operands[1] });
  }

  /** `call 5`, `call helper 5`, `call bpf_loop`, `call local f`, `call runtime 7`, `call %r2`. */
  call(words: readonly string[]): void {
    const [mode, target] = words.length === 1 ? ['helper', words[0]!] : words;
    const operand = this.operand(target ?? '');
    if (operand.kind === 'register') this.put(insnByName('callx')!, { dst: operand });
    else if (mode === 'local') this.put(insnByName('call_local')!, { target: operand });
    else if (mode === 'runtime') this.put(insnByName('call_kfunc')!, { value: operand });
    else if (mode !== 'helper') this.fail(`call is helper, local or runtime, not '${mode}'`);
    else this.put(insnByName('call_helper')!, { value: this.helper(operand) });
  }

  helper(operand: Operand): Operand {
    if (operand.kind !== 'word') return operand;
    const id = this.options.helper?.(operand.name);
    if (id === undefined) this.fail(`there is no helper '${operand.name}'`);
    return { kind: 'number', value: BigInt(id), signed: false };
  }

  put(info: InsnInfo, parts: Parts): void {
    const { dst, value, memory, target } = parts;
    const fixed = (field: string | number) => (typeof field === 'number' ? field : 0);
    const slot = { off: fixed(info.off), imm: fixed(info.imm) };
    let [to, from] = [0, fixed(info.src)];
    if (dst) to = this.registerOf(dst);
    if (memory) {
      if (memory.kind !== 'memory') this.fail('there must be memory, as in [%r1+4]');
      if (info.dst === 'reg' && info.src === 'reg' && dst) from = memory.base;
      else to = memory.base;
      slot.off = this.within(memory.off, -0x8000n, 0xffffn);
    }
    if (value && info.src === 'reg') from = this.registerOf(value);
    else if (value) slot.imm = this.immediate(value, info);
    if (target) this.jump(target, info, slot);
    this.push({ op: info.op, dst: to, src: from, ...slot });
    if (info.kind === 'ld_imm64' && value?.kind === 'number') {
      const high = Number(BigInt.asIntN(32, value.value >> 32n));
      this.push({ op: 0, dst: 0, src: 0, off: 0, imm: high });
    }
  }

  push(slot: Slot): void {
    this.slots.push(slot);
    this.lines.push(this.line);
  }

  registerOf(operand: Operand): number {
    return operand.kind === 'register' ? operand.number : this.fail('there must be a register');
  }

  /** 32 bits: signed, unsigned, or written as the 64-bit number that they extend to. */
  immediate(operand: Operand, info: InsnInfo): number {
    if (operand.kind !== 'number') this.fail('there must be a number');
    const { value } = operand;
    if (info.kind === 'ld_imm64') {
      this.within(value >> 1n, -(1n << 62n), (1n << 63n) - 1n);
    } else if (BigInt.asIntN(64, value) >= -0x80000000n && BigInt.asIntN(64, value) < 0n) {
      this.within(value, -0x80000000n, 0xffff_ffff_ffff_ffffn);
    } else {
      this.within(value, -0x80000000n, 0xffffffffn);
    }
    return Number(BigInt.asIntN(32, value));
  }

  jump(target: Operand, info: InsnInfo, slot: { off: number; imm: number }): void {
    const field = info.off === 'jump' ? 'off' : 'imm';
    if (target.kind === 'word') {
      this.fixups.push({ slot: this.slots.length, field, label: target.name, line: this.line });
    } else if (target.kind === 'number') {
      const most = field === 'off' ? 0x8000n : 0x80000000n;
      slot[field] = this.within(target.value, -most, most - 1n);
    } else this.fail('there must be a label or a distance');
  }

  within(value: bigint, low: bigint, high: bigint): number {
    if (value < low || value > high) this.fail(`${value} does not fit its field`);
    return Number(value);
  }

  resolve({ slot, field, label, line }: Fixup): void {
    const target = this.labels.get(label);
    if (target === undefined) this.fail(`label ${label} is not defined`, line);
    const distance = target - slot - 1;
    if (field === 'off' && (distance << 16) >> 16 !== distance) {
      this.fail(`label ${label} is ${distance} slots away: too far for a jump`, line);
    }
    this.slots[slot]![field] = distance;
  }
}

interface Parts {
  readonly dst?: Operand | undefined;
  readonly value?: Operand | undefined;
  readonly memory?: Operand | undefined;
  readonly target?: Operand | undefined;
}

/** Operands of kinds that do not take two. */
const OPERANDS: Readonly<Partial<Record<InsnInfo['kind'], number>>> = {
  neg: 1,
  end: 1,
  ja: 1,
  jump: 3,
  exit: 0,
};

/** Name of the row of the table; `imm` is '_k' where the second operand is a number. */
function rowName(word: string, imm: string): string | undefined {
  const [, alu, width = '64'] = PATTERNS.alu.exec(word) ?? [];
  if (alu) return `${alu}${width}${imm}`;
  const [, from, to] = PATTERNS.movsx.exec(word) ?? [];
  if (from) return `movsx${to}_${from}`;
  const neg = PATTERNS.neg.exec(word);
  if (neg) return `neg${neg[1] ?? 64}`;
  const [, order, bits] = PATTERNS.end.exec(word) ?? [];
  if (order) return `${order === 'swap' ? 'bswap' : order}${bits}`;
  const [, condition, narrow] = PATTERNS.jump.exec(word) ?? [];
  if (condition) return `${condition}${narrow ?? 64}${imm}`;
  if (PATTERNS.load.test(word) || PATTERNS.storeImm.test(word) || PATTERNS.storeReg.test(word)) {
    return word;
  }
  return NAMES[word];
}

const NAMES: Readonly<Record<string, string>> = {
  lddw: 'ld_imm64',
  ja: 'ja',
  ja32: 'ja32',
  exit: 'exit',
};
