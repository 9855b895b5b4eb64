import { ByteReader, utf8 } from '../../base/index.ts';
import { I32, I64 } from './encoder.ts';
import * as W from './opcodes.ts';

/** Section numbers (core specification, section 5.5.2). */
const CUSTOM = 0;
const TYPES = 1;
const IMPORTS = 2;
const FUNCTIONS = 3;
const CODE = 10;

/** What engines take. */
const MAX_LOCALS = 50_000;

/** Mnemonics by opcode: the names of the constants, 'I64_LOAD8_U' → 'i64.load8_u'. */
const MNEMONICS: ReadonlyMap<number, string> = new Map(
  Object.entries(W)
    .filter(([name]) => !/ATOMIC|VOID/.test(name))
    .map(([name, opcode]) => [
      opcode,
      name.toLowerCase().replace(/^(i32|i64|local|global)_/, '$1.'),
    ]),
);

const ATOMICS = ['add', 'sub', 'and', 'or', 'xor', 'xchg', 'cmpxchg'];

interface FunctionType {
  readonly params: readonly string[];
  readonly results: readonly string[];
}

/** One function of a compiled module. */
export interface WasmFunction {
  readonly name: string;
  /** '(func $name (param i32) (result i64)' and the line of its locals. */
  readonly head: string;
  readonly insns: readonly WasmInsn[];
}

export interface WasmInsn {
  /** Byte of the module it starts at. */
  readonly offset: number;
  /** Blocks around it. */
  readonly depth: number;
  /** 'i64.load offset=16 align=1' */
  readonly text: string;
}

/**
 * The functions of a module that `compileToWasm` made. Knows the instructions our compiler writes,
 * and throws `FormatError` for any other.
 *
 * @example
 * wasmFunctions(compileToWasm(image, options, facts).bytes).map(functionText).join('');
 */
export function wasmFunctions(bytes: Uint8Array): WasmFunction[] {
  return new ModuleReader(bytes).functions();
}

/** A function in the flat form of the WebAssembly text format. */
export function functionText({ head, insns }: WasmFunction): string {
  const lines = insns.map(({ depth, text }) => `${'  '.repeat(depth + 2)}${text}`);
  return `${head}${lines.join('\n')})\n`;
}

class ModuleReader {
  readonly #reader: ByteReader;
  #at = 8;
  readonly #types: FunctionType[] = [];
  /** Names by function index, imported functions first. */
  readonly #names: string[] = [];
  #imported = 0;
  readonly #typeOf: number[] = [];
  readonly #bodies: { readonly start: number; readonly end: number }[] = [];

  constructor(bytes: Uint8Array) {
    this.#reader = new ByteReader(bytes, 'WebAssembly');
    this.#reader.need(0, 8, 'the header');
    while (this.#at < bytes.length) this.#section();
  }

  functions(): WasmFunction[] {
    return this.#bodies.map((body, i) => {
      const type = this.#types[this.#typeOf[i] ?? -1];
      if (!type) this.#reader.fail(body.start, 'a function without type');
      return this.#function(body, type, this.#name(this.#imported + i));
    });
  }

  #section(): void {
    const id = this.#byte();
    const end = this.#u32() + this.#at;
    if (id === TYPES) this.#times(() => this.#readType());
    if (id === IMPORTS) this.#times(() => this.#readImport());
    if (id === FUNCTIONS) this.#times(() => this.#typeOf.push(this.#u32()));
    if (id === CODE) this.#times(() => this.#readBody());
    if (id === CUSTOM && this.#string() === 'name') this.#readNames();
    this.#at = end;
  }

  #times(read: () => void): void {
    for (let count = this.#u32(); count > 0; count--) read();
  }

  #readType(): void {
    this.#byte();
    const list = () => Array.from({ length: this.#byte() }, () => this.#valueType());
    this.#types.push({ params: list(), results: list() });
  }

  #valueType(): string {
    const type = this.#byte();
    if (type !== I32 && type !== I64) this.#reader.fail(this.#at - 1, `type ${type} is not known`);
    return type === I32 ? 'i32' : 'i64';
  }

  /** Functions are told apart by their index; memory, table and globals take none. */
  #readImport(): void {
    const name = `${this.#string()}.${this.#string()}`;
    const kind = this.#byte();
    if (kind === 0) {
      this.#u32();
      this.#names[this.#imported++] = name;
    } else if (kind === 3) {
      this.#at += 2;
    } else {
      if (kind === 1) this.#byte();
      const limits = this.#byte();
      this.#u32();
      if (limits & 1) this.#u32();
    }
  }

  #readBody(): void {
    const size = this.#u32();
    this.#bodies.push({ start: this.#at, end: this.#at + size });
    this.#at += size;
  }

  #readNames(): void {
    const functions = this.#byte();
    this.#u32();
    if (functions !== 1) return;
    this.#times(() => {
      const index = this.#u32();
      this.#names[index] = this.#string();
    });
  }

  #name(index: number): string {
    return this.#names[index] ?? String(index);
  }

  #function(
    { start, end }: { readonly start: number; readonly end: number },
    { params, results }: FunctionType,
    name: string,
  ): WasmFunction {
    this.#at = start;
    const list = (word: string, types: readonly string[]) =>
      types.length > 0 ? ` (${word} ${types.join(' ')})` : '';
    const locals: string[] = [];
    this.#times(() => {
      const count = this.#u32();
      const type = this.#valueType();
      if (locals.length + count > MAX_LOCALS) this.#reader.fail(start, 'too many locals');
      for (let i = 0; i < count; i++) locals.push(type);
    });
    const head = `(func $${name}${list('param', params)}${list('result', results)}\n`;
    const own = locals.length > 0 ? `    (local ${locals.join(' ')})\n` : '';
    return { name, head: head + own, insns: this.#body(end) };
  }

  /** Instructions up to the function's last `end`. */
  #body(end: number): WasmInsn[] {
    const insns: WasmInsn[] = [];
    let depth = 0;
    while (this.#at < end - 1) {
      const offset = this.#at;
      const opcode = this.#byte();
      if (opcode === W.END || opcode === W.ELSE) depth--;
      insns.push({ offset, depth, text: this.#instruction(opcode, depth) });
      const opens = opcode === W.BLOCK || opcode === W.LOOP || opcode === W.IF;
      if (opens || opcode === W.ELSE) depth++;
    }
    return insns;
  }

  #instruction(opcode: number, depth: number): string {
    if (opcode === W.ATOMIC) return this.#atomic();
    const word = MNEMONICS.get(opcode);
    if (word === undefined) this.#reader.fail(this.#at - 1, `opcode ${opcode} is not known`);
    switch (opcode) {
      case W.BLOCK:
      case W.LOOP:
      case W.IF:
        return `${word}${this.#blockType()}  ;; label = @${depth + 1}`;
      case W.BR:
      case W.BR_IF: {
        const label = this.#u32();
        return `${word} ${label} (;@${depth - label};)`;
      }
      case W.BR_TABLE:
        return `${word} ${this.#labels().join(' ')}`;
      case W.CALL:
      case W.RETURN_CALL:
        return `${word} $${this.#name(this.#u32())}`;
      case W.LOCAL_GET:
      case W.LOCAL_SET:
      case W.LOCAL_TEE:
      case W.GLOBAL_GET:
      case W.GLOBAL_SET:
        return `${word} ${this.#u32()}`;
      case W.I32_CONST:
        return `${word} ${BigInt.asIntN(32, this.#signed())}`;
      case W.I64_CONST:
        return `${word} ${BigInt.asIntN(64, this.#signed())}`;
    }
    return opcode >= W.I32_LOAD && opcode <= W.I64_STORE32 ? `${word}${this.#access(word)}` : word;
  }

  #labels(): number[] {
    const labels: number[] = [];
    this.#times(() => labels.push(this.#u32()));
    return [...labels, this.#u32()];
  }

  #atomic(): string {
    const operation = this.#u32();
    const first = W.I64_ATOMIC_RMW_ADD;
    const step = W.ATOMIC_RMW_STEP;
    const narrow = (operation - first) % step !== 0;
    const index = (operation - (narrow ? W.I64_ATOMIC_RMW32_ADD : first)) / step;
    const name = ATOMICS[index];
    if (name === undefined) this.#reader.fail(this.#at - 1, `atomic ${operation} is not known`);
    const word = narrow ? `i64.atomic.rmw32.${name}_u` : `i64.atomic.rmw.${name}`;
    return `${word}${this.#access(narrow ? 'load32' : 'i64.load')}`;
  }

  #blockType(): string {
    const type = this.#byte();
    return type === W.VOID ? '' : ` (result ${type === I32 ? 'i32' : 'i64'})`;
  }

  /** ' offset=8 align=1', without what is as usual. */
  #access(word: string): string {
    const align = 2 ** this.#u32();
    const offset = this.#u32();
    const bits = /(?:load|store)(\d+)/.exec(word)?.[1];
    const natural = bits ? Number(bits) / 8 : word.startsWith('i32') ? 4 : 8;
    return `${offset > 0 ? ` offset=${offset}` : ''}${align === natural ? '' : ` align=${align}`}`;
  }

  #byte(): number {
    return this.#reader.u8(this.#at++);
  }

  #u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
      if (shift > 28) this.#reader.fail(this.#at, 'a number is too long');
    }
  }

  #signed(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return byte & 0x40 ? value - (1n << (shift + 7n)) : value;
      if (shift > 63n) this.#reader.fail(this.#at, 'a number is too long');
    }
  }

  #string(): string {
    const size = this.#u32();
    const bytes = this.#reader.slice(this.#at, size, 'a name');
    this.#at += size;
    return utf8(bytes);
  }
}
