/** Values of a program with their C types: as text, opened, looked up by an expression. */
import { type Btf, type BtfMember, type BtfValue, decodeValue, formatFlat } from '../btf/index.ts';

/** A variable, or a part of one. */
export interface TypedValue {
  readonly name: string;
  readonly btf: Btf;
  /** BTF id. */
  readonly type: number;
  /** Undefined: not known, `why` says why. */
  readonly bytes: Uint8Array | undefined;
  readonly why?: 'optimized out' | 'not readable';
  /** Which of the bytes are known (not 0); without: all of them. */
  readonly known?: Uint8Array;
  /** Instead of bytes, for bit-fields. */
  readonly value?: BtfValue;
}

/** Bytes of the program's memory at a pointer of its; undefined: it does not point there. */
export type ReadMemory = (pointer: bigint, size: number) => Uint8Array | undefined;

const MOST_ITEMS = 1000;
const BYTE = 8;

/** Whether it has parts to look at. */
export function opens(typed: TypedValue): boolean {
  const type = typed.btf.resolved(typed.type);
  if (typed.bytes === undefined) return false;
  if (type.kind === 'ptr') return pointeeSize(typed.btf, type.type) > 0;
  return type.kind === 'struct' || type.kind === 'union' || type.kind === 'array';
}

/** How values are said to people. */
export interface ValueWords {
  /** What a pointer points to. */
  pointer(pointer: bigint): string | undefined;
  /** The value as it is to be shown, by its type and name. */
  value(typed: TypedValue, value: BtfValue): BtfValue;
}

/** One line. */
export function textOf(typed: TypedValue, words: ValueWords): string {
  if (typed.value !== undefined) return formatFlat(words.value(typed, typed.value));
  const { bytes, btf, type } = typed;
  if (bytes === undefined) return `<${typed.why ?? 'optimized out'}>`;
  if (!isKnown(typed)) return '<partly optimized out>';
  const { kind } = btf.resolved(type);
  if (kind === 'void' || kind === 'func_proto' || kind === 'fwd') return '<no value>';
  if (kind !== 'ptr') return formatFlat(words.value(typed, decodeValue(btf, type, bytes)));
  const pointer = pointerIn(bytes);
  return [`0x${pointer.toString(16)}`, words.pointer(pointer)].filter(Boolean).join('  ');
}

/** Members, items, or what a pointer points to (of a struct: its members). */
export function partsOf(typed: TypedValue, read: ReadMemory): TypedValue[] {
  const { btf, bytes } = typed;
  const type = btf.resolved(typed.type);
  if (bytes === undefined) return [];
  if (type.kind === 'ptr') {
    const target = pointee(typed, read);
    if (!target) return [];
    const { kind } = btf.resolved(target.type);
    return kind === 'struct' || kind === 'union' ? partsOf(target, read) : [target];
  }
  if (type.kind === 'array') {
    const size = btf.sizeOf(type.type);
    const count = Math.min(type.count, MOST_ITEMS);
    return Array.from({ length: count }, (_, i) =>
      part(typed, `[${i}]`, type.type, i * size, size),
    );
  }
  if (type.kind !== 'struct' && type.kind !== 'union') return [];
  return type.members.flatMap((member) => memberParts(typed, member, read));
}

/** Members of anonymous members stand beside the others. */
function memberParts(typed: TypedValue, member: BtfMember, read: ReadMemory): TypedValue[] {
  const { name, type, bitOffset, bitSize } = member;
  if (bitSize > 0) return name === '' ? [] : [bitField(typed, member)];
  const one = part(typed, name, type, bitOffset / BYTE, typed.btf.sizeOf(type));
  return name === '' ? partsOf(one, read) : [one];
}

function bitField(typed: TypedValue, { name, type }: BtfMember): TypedValue {
  const { btf, bytes } = typed;
  if (!bytes || !isKnown(typed)) return { name, btf, type, bytes: undefined };
  const all = decodeValue(btf, typed.type, bytes) as Readonly<Record<string, BtfValue>>;
  const value = all[name];
  return { name, btf, type, bytes: undefined, ...(value !== undefined && { value }) };
}

function part(
  { btf, bytes, known }: TypedValue,
  name: string,
  type: number,
  at: number,
  size: number,
): TypedValue {
  const inner = known?.subarray(at, at + size);
  if (inner?.every((byte) => byte === 0) && size > 0) return { name, btf, type, bytes: undefined };
  const own = bytes!.subarray(at, at + size);
  return { name, btf, type, bytes: own, ...(inner && { known: inner }) };
}

/** What a pointer points to; undefined: it is no pointer into memory of the program. */
function pointee(typed: TypedValue, read: ReadMemory): TypedValue | undefined {
  const { btf, bytes, name } = typed;
  const type = btf.resolved(typed.type);
  if (type.kind !== 'ptr' || !bytes || !isKnown(typed)) return undefined;
  const size = pointeeSize(btf, type.type);
  if (size === 0) return undefined;
  const target = read(pointerIn(bytes), size);
  const unread = target ? {} : ({ why: 'not readable' } as const);
  return { name: `*${name}`, btf, type: type.type, bytes: target, ...unread };
}

/** 0: there is nothing to see behind such a pointer. */
function pointeeSize(btf: Btf, type: number): number {
  const { kind } = btf.resolved(type);
  return kind === 'void' || kind === 'func_proto' || kind === 'fwd' ? 0 : btf.sizeOf(type);
}

function pointerIn(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

const isKnown = ({ known }: TypedValue): boolean => known?.every((byte) => byte !== 0) ?? true;

const PART = /^(?:\.|->)([A-Za-z_]\w*)|^(\[\d+\])/;

/**
 * What an expression like `*eth`, `ip->saddr`, `packet.ports[1]` names among these variables.
 * Throws TypeError if there is no such thing.
 */
export function lookUp(
  expression: string,
  variables: readonly TypedValue[],
  read: ReadMemory,
): TypedValue {
  const [, stars, name, rest] = /^(\**)\s*([A-Za-z_]\w*)(.*)$/s.exec(expression.trim()) ?? [];
  if (name === undefined) throw new TypeError(`'${expression}' is no variable or part of one`);
  const variable = variables.find((one) => one.name === name);
  if (!variable) throw new TypeError(`there is no variable '${name}' here`);
  let at = partAt(variable, rest!.trim(), read);
  for (let i = 0; i < stars!.length; i++) {
    const target = pointee(at, read);
    if (!target) throw new TypeError(`'${at.name}' points to nothing that can be read`);
    at = target;
  }
  return { ...at, name: expression.trim() };
}

function partAt(variable: TypedValue, path: string, read: ReadMemory): TypedValue {
  let [at, rest] = [variable, path];
  while (rest !== '') {
    const [text, member, item] = PART.exec(rest) ?? [];
    if (text === undefined) throw new TypeError(`'${rest}' is no .member, ->member or [number]`);
    const wanted = member ?? item!;
    const parts = partsOf(at, read);
    const found = parts.find(({ name }) => name === wanted);
    if (!found) {
      const names = parts.map(({ name }) => name).slice(0, 20);
      const has = names.length > 0 ? `, it has ${names.join(' ')}` : '';
      throw new TypeError(`'${at.name}' has no ${wanted}${has}`);
    }
    at = found;
    rest = rest.slice(text.length);
  }
  return at;
}
