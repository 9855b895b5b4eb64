/** Variables of a recorded program by the debugging information of its object. */
import { putLittleEndian } from '../base/index.ts';
import {
  attributeOf,
  type Dwarf,
  dwarfSections,
  type Entry,
  evaluate,
  expressionAt,
  functionsOf,
  type FunctionScope,
  nameOf,
  parseDwarf,
  type Piece,
  rangesOf,
  scopesAt,
  type Surroundings,
} from '../dwarf/index.ts';
import { parseElf } from '../elf/index.ts';
import { FRAME_POINTER, INSN_SIZE } from '../isa/index.ts';
import type { ProgramImage } from '../engine/index.ts';
import type { RecordedFrame } from '../engine/interpreter/recording.ts';
import type { Runtime } from '../runtime/index.ts';
import { type DwarfTypes, dwarfTypes } from './dwarf-types.ts';
import { codeOf } from './lines.ts';
import { pointed } from './pointer.ts';
import { stackSize } from './stack-size.ts';
import type { ReadMemory, TypedValue } from './typed.ts';

/** A function that is open at a place, and its variables. */
export interface VariableScope {
  readonly function: string;
  /** Its code stands in that of the function after it. */
  readonly inlined: boolean;
  readonly variables: readonly TypedValue[];
}

/** What a frame's variables are read from. */
interface Reading {
  readonly frame: RecordedFrame;
  /** Open calls below it: 0 for the innermost frame. */
  readonly below: number;
  readonly read: ReadMemory;
  readonly scope: Entry;
  readonly address: number;
  /** Bytes of stack that the function uses. */
  readonly stackSize: number;
}

/** Code of a function in an image, and its entry. */
interface FunctionPlace {
  readonly scope: Entry;
  readonly address: number;
  readonly stackSize: number;
}

/** Registers that a call may change. */
const CALL_REGISTERS = 6;
const REGISTER_SIZE = 8;
/** No variable of a program is larger: nothing is kept for one that says so. */
const MOST_BYTES = 1 << 16;
/** What the memory of a program is: other objects are the machine's, not as C has them. */
const READABLE = new Set(['packet', 'ctx', 'stack', 'map value']);

/**
 * Reads memory as a program may: packets, contexts, stacks, values of maps. What lies behind other
 * pointers is not laid out as the kernel's types say, and is not shown.
 */
export function programMemory(runtime: Runtime, image: ProgramImage): ReadMemory {
  return (pointer, size) => {
    const found = pointed(runtime, image, pointer);
    if (!found || !READABLE.has(found.to)) return undefined;
    const memory = runtime.u8();
    const { address } = found;
    if (address + size > memory.length || size > MOST_BYTES) return undefined;
    return memory.slice(address, address + size);
  };
}

/** Where variables of an object's functions are. Made from the bytes of the object. */
export class DebugInfo {
  readonly #dwarf: Dwarf;
  readonly #types: DwarfTypes;
  readonly #functions = new Map<string, Entry[]>();
  readonly #littleEndian: boolean;

  private constructor(dwarf: Dwarf, littleEndian: boolean) {
    this.#dwarf = dwarf;
    this.#littleEndian = littleEndian;
    this.#types = dwarfTypes(dwarf);
    for (const entry of functionsOf(dwarf)) {
      const name = nameOf(dwarf, entry);
      this.#functions.set(name, [...(this.#functions.get(name) ?? []), entry]);
    }
  }

  /** Undefined: the object has none (no `-g`, or it was stripped). Throws FormatError. */
  static read(object: Uint8Array): DebugInfo | undefined {
    const elf = parseElf(object);
    const sections = dwarfSections(elf);
    return sections && new DebugInfo(parseDwarf(sections), elf.littleEndian);
  }

  /**
   * What one can see in an open frame, the innermost function first; empty: nothing is known of the
   * function. `below`: how many open calls are below the frame.
   */
  scopes(frame: RecordedFrame, below: number, read: ReadMemory): VariableScope[] {
    const place = this.#placeOf(frame.image, frame.insn);
    if (!place) return [];
    const reading: Reading = { frame, below, read, ...place };
    return scopesAt(this.#dwarf, place.scope, place.address).map((one) =>
      this.#scope(one, reading),
    );
  }

  #placeOf(image: ProgramImage, insn: number): FunctionPlace | undefined {
    const index = image.functions.findLastIndex(({ start }) => start <= insn);
    const found = image.functions[index];
    if (!found) return undefined;
    const end = image.functions[index + 1]?.start ?? image.insns.length / INSN_SIZE;
    const size = (end - found.start) * INSN_SIZE;
    // Of several static functions of a name none is taken, unless its size says which it is.
    const fitting = (this.#functions.get(found.name) ?? []).flatMap((scope) => {
      const [range, ...more] = rangesOf(scope);
      const fits = more.length === 0 && range!.end - range!.start === size;
      return fits ? [{ scope, start: range!.start }] : [];
    });
    if (fitting.length !== 1) return undefined;
    const [{ scope, start }] = fitting as [(typeof fitting)[number]];
    const address = start + (insn - found.start) * INSN_SIZE;
    return { scope, address, stackSize: stackSize(codeOf(image), found.start, end) };
  }

  #scope({ name, inlined, variables }: FunctionScope, reading: Reading): VariableScope {
    return {
      function: name,
      inlined,
      variables: variables.map((entry) => this.#variable(entry, reading)),
    };
  }

  #variable(entry: Entry, reading: Reading): TypedValue {
    const { btf } = this.#types;
    const name = nameOf(this.#dwarf, entry);
    const type = this.#types.typeOf(entry);
    const size = sizeOf(this.#types, type);
    const bytes = new Uint8Array(size);
    const known = new Uint8Array(size);
    for (const { at, data } of this.#data(entry, reading, size)) {
      bytes.set(data, at);
      known.fill(1, at, at + data.length);
    }
    if (size === 0 || known.every((byte) => byte === 0)) {
      return { name, btf, type, bytes: undefined, why: 'optimized out' };
    }
    return { name, btf, type, bytes, ...(known.includes(0) && { known }) };
  }

  /** The parts of a variable that are somewhere. */
  *#data(entry: Entry, reading: Reading, size: number) {
    const constant = attributeOf(this.#dwarf, entry, 'const_value');
    if (constant?.kind === 'number') yield { at: 0, data: littleEndian(constant.value, size) };
    if (constant?.kind === 'block') yield { at: 0, data: constant.value.subarray(0, size) };
    const expression = expressionAt(entry, 'location', reading.address);
    if (!expression) return;
    let at = 0;
    for (const piece of this.#evaluate(expression, entry, reading) ?? []) {
      const wanted = Math.min(piece.size || size, size - at);
      const data = dataOf(piece, wanted, reading);
      if (data) yield { at, data: data.subarray(0, wanted) };
      at += wanted;
    }
  }

  #evaluate(expression: Uint8Array, { unit }: Entry, reading: Reading): Piece[] | undefined {
    const { read, scope, address } = reading;
    const around: Surroundings = {
      based: (register, offset) => based(reading, register, offset),
      read: (at, size) => numberIn(read(at, size)),
      inFrame: (offset) => {
        const base = expressionAt(scope, 'frame_base', address);
        const [piece] = (base && evaluate(base, unit, around, this.#littleEndian)) ?? [];
        if (piece?.kind === 'register') return based(reading, piece.register, offset);
        return piece?.kind === 'memory' ? piece.address + offset : undefined;
      },
    };
    return evaluate(expression, unit, around, this.#littleEndian);
  }
}

function sizeOf({ btf }: DwarfTypes, type: number): number {
  const { kind } = btf.resolved(type);
  if (kind === 'void' || kind === 'fwd' || kind === 'func_proto') return 0;
  return Math.min(btf.sizeOf(type), MOST_BYTES);
}

/** Callers keep only r6 to r10 over a call. */
function registerOf({ frame, below }: Reading, number: number): bigint | undefined {
  return below > 0 && number < CALL_REGISTERS ? undefined : frame.registers[number];
}

/**
 * A place by a register. LLVM counts places in the frame from r10 as if that were the lower end of
 * the stack (seen in 14 to 19): it is the upper end.
 */
function based(reading: Reading, register: number, offset: bigint): bigint | undefined {
  const value = registerOf(reading, register);
  if (value === undefined || register !== FRAME_POINTER || offset < 0n)
    return value && value + offset;
  const below = BigInt(reading.stackSize);
  return offset < below ? value - below + offset : undefined;
}

function dataOf(piece: Piece, size: number, reading: Reading): Uint8Array | undefined {
  switch (piece.kind) {
    case 'register': {
      const value = registerOf(reading, piece.register);
      return value === undefined ? undefined : littleEndian(value, Math.min(size, REGISTER_SIZE));
    }
    case 'memory':
      return reading.read(piece.address, size);
    case 'value':
      return littleEndian(piece.value, Math.min(size, REGISTER_SIZE));
    case 'bytes':
      return piece.bytes;
    case 'missing':
      return undefined;
  }
}

function littleEndian(value: number | bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  putLittleEndian(bytes, 0, size, BigInt(value));
  return bytes;
}

function numberIn(bytes: Uint8Array | undefined): bigint | undefined {
  return bytes?.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}
