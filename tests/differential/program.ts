import { Code, encodeCode, LD_IMM64 } from '../../src/isa/index.ts';

/** Where an ld_imm64 gets its value from when the program is placed on a machine. */
export type Symbol = 'value' | 'map' | 'programs';

/** A program that can be placed on any machine, printed, shrunk and saved. */
export interface TestProgram {
  readonly code: Code;
  readonly functions: readonly { readonly name: string; readonly start: number }[];
  /** ld_imm64s by slot: address of the map's value plus imm, the map, or the prog_array. */
  readonly symbols: ReadonlyMap<number, Symbol>;
  readonly fuel: number;
}

interface Draft {
  readonly op: number;
  readonly dst: number;
  readonly src: number;
  off: number;
  imm: number;
  readonly label?: Label | undefined;
  readonly target?: 'off' | 'imm';
  readonly symbol?: Symbol | undefined;
}

/** A place in the code; -1 until it is reached. */
export interface Label {
  at: number;
}

/** Collects instructions; jumps and calls name labels that are placed before or afterwards. */
export class Builder {
  readonly functions: { name: string; start: number }[] = [];
  readonly #drafts: Draft[] = [];

  get length(): number {
    return this.#drafts.length;
  }

  label(): Label {
    return { at: -1 };
  }

  place(label: Label): void {
    label.at = this.length;
  }

  function(name: string, label: Label): void {
    this.place(label);
    this.functions.push({ name, start: this.length });
  }

  insn(op: number, dst = 0, src = 0, off = 0, imm = 0): void {
    this.#drafts.push({ op, dst, src, off, imm });
  }

  jump(op: number, label: Label, dst = 0, src = 0, imm = 0): void {
    this.#drafts.push({ op, dst, src, off: 0, imm, label, target: 'off' });
  }

  /** gotol, local call. */
  far(op: number, label: Label, src = 0): void {
    this.#drafts.push({ op, dst: 0, src, off: 0, imm: 0, label, target: 'imm' });
  }

  wide(dst: number, low: number, high: number, symbol?: Symbol): void {
    this.#drafts.push({ op: LD_IMM64, dst, src: 0, off: 0, imm: low, symbol });
    this.insn(0, 0, 0, 0, high);
  }

  /** Address of a function, for a callback. */
  functionAddress(dst: number, label: Label): void {
    this.#drafts.push({ op: LD_IMM64, dst, src: 4, off: 0, imm: 0, label, target: 'imm' });
    this.insn(0);
  }

  finish(fuel: number): TestProgram {
    const code = new Code(this.length);
    const symbols = new Map<number, Symbol>();
    this.#drafts.forEach((draft, i) => {
      if (draft.label) draft[draft.target!] = draft.label.at - i - 1;
      if (draft.symbol) symbols.set(i, draft.symbol);
      code.set(i, draft.op, draft.dst, draft.src, draft.off, draft.imm);
    });
    return { code, functions: this.functions, symbols, fuel };
  }
}

/** The program's bytes with its symbols resolved. */
export function placed(program: TestProgram, addresses: Readonly<Record<Symbol, bigint>>) {
  const bytes = encodeCode(program.code);
  const view = new DataView(bytes.buffer);
  for (const [i, symbol] of program.symbols) {
    if (program.code.op[i] !== LD_IMM64) continue;
    const value = addresses[symbol] + BigInt(program.code.imm[i]!);
    view.setUint32(i * 8 + 4, Number(value & 0xffffffffn), true);
    view.setUint32(i * 8 + 12, Number((value >> 32n) & 0xffffffffn), true);
  }
  return bytes;
}

/** A copy with slots replaced by `goto +0`. */
export function withNops(program: TestProgram, slots: readonly number[]): TestProgram {
  const { length } = program.code;
  const code = new Code(length);
  for (let i = 0; i < length; i++) {
    const { op, dst, src, off, imm } = program.code;
    code.set(i, op[i]!, dst[i]!, src[i]!, off[i]!, imm[i]!);
  }
  for (const i of slots) code.set(i, 0x05, 0, 0, 0, 0);
  return { ...program, code };
}

/** Text form, so that a failure can be kept as a file. */
export function toJson(program: TestProgram): string {
  const bytes = encodeCode(program.code);
  const words = Array.from({ length: bytes.length / 8 }, (_, i) =>
    [...bytes.subarray(i * 8, i * 8 + 8)].map((b) => b.toString(16).padStart(2, '0')).join(''),
  );
  const { functions, fuel } = program;
  return `${JSON.stringify({ words, functions, symbols: [...program.symbols], fuel }, null, 1)}\n`;
}

interface Saved {
  readonly words: readonly string[];
  readonly functions: TestProgram['functions'];
  readonly symbols: readonly [number, Symbol][];
  readonly fuel: number;
}

export function fromJson(text: string): TestProgram {
  const saved = JSON.parse(text) as Saved;
  const code = new Code(saved.words.length);
  saved.words.forEach((word, i) => {
    const bytes = Uint8Array.from(word.match(/../g)!, (pair) => Number.parseInt(pair, 16));
    const view = new DataView(bytes.buffer);
    const [op, registers] = bytes as unknown as [number, number];
    const [off, imm] = [view.getInt16(2, true), view.getInt32(4, true)];
    code.set(i, op, registers & 15, registers >> 4, off, imm);
  });
  const { functions, fuel } = saved;
  return { code, functions, symbols: new Map(saved.symbols), fuel };
}
