import { KernelError } from '../../base/index.ts';
import { readBits, writeBits } from '../../btf/bits.ts';
import {
  type Btf,
  type BtfInput,
  type BtfValue,
  decodeValue,
  encodeValue,
} from '../../btf/index.ts';
import { type LiveMember, fieldKind, membersOf } from './members.ts';
import type { LiveSource } from './memory.ts';
import { type SharedView, shareView } from './share.ts';

/** What `console.log` of Node asks for. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/**
 * A value that is looked at where it is: each access reads memory, nothing is copied before. Names
 * that begin with `$` are the view's own; all others are members of the struct.
 */
export class LiveNode {
  readonly #source: LiveSource;
  readonly #btf: Btf;
  readonly #typeId: number;
  readonly #offset: number;

  constructor(source: LiveSource, btf: Btf, typeId: number, offset: number) {
    this.#source = source;
    this.#btf = btf;
    this.#typeId = typeId;
    this.#offset = offset;
  }

  /** Whether the value is still there. */
  get $alive(): boolean {
    return this.#source.alive;
  }

  /** The value as it is now, decoded as `get` does; special fields are zeros. */
  $copy(): BtfValue {
    const size = this.#btf.sizeOf(this.#typeId);
    const bytes = this.#source.copy(this.#offset, size);
    clearSpecial(this.#btf, this.#typeId, bytes, 0);
    return decodeValue(this.#btf, this.#typeId, bytes);
  }

  /** What another thread opens with `openView`: can be sent with postMessage. */
  $share(): SharedView {
    return shareView(this.#source, this.#btf, this.#typeId, this.#offset);
  }

  /** No more access through this view. */
  [Symbol.dispose](): void {
    this.#source.close(new KernelError('EFAULT', 14, 'the view is closed'));
  }

  [INSPECT](): BtfValue | string {
    return this.$alive ? this.$copy() : 'a value that is gone';
  }

  /** Reads a member that is `from` bytes into this value. */
  static get(node: LiveNode, member: LiveMember, from = 0): unknown {
    const { kind, size } = member;
    const source = node.#source;
    const offset = node.#offset + from + member.offset;
    switch (kind.as) {
      case 'long':
        return source.long(offset, kind.signed);
      case 'plain':
        return source.read(offset, size, kind.read);
      case 'node':
        return makeNode(source, node.#btf, member.typeId, offset);
      case 'special':
        return decodeValue(node.#btf, member.typeId, new Uint8Array(size));
      case 'bits':
        return bitsValue(node.#btf, member, source.copy(offset, size));
      default:
        return decodeValue(node.#btf, member.typeId, source.copy(offset, size));
    }
  }

  static long(node: LiveNode, offset: number, signed: boolean): bigint {
    return node.#source.long(node.#offset + offset, signed);
  }

  /** The same for integers, without allocating. Throws KernelError EINVAL for others. */
  static number(node: LiveNode, { kind, offset, size, name }: LiveMember, from = 0): number {
    const at = node.#offset + from + offset;
    if (kind.as === 'long') return node.#source.longNumber(at, kind.signed);
    if (kind.as === 'plain') return Number(node.#source.read(at, size, kind.read));
    throw new KernelError('EINVAL', 22, `'${name}' is no number`);
  }

  static set(node: LiveNode, member: LiveMember, value: BtfInput, from = 0): void {
    const source = node.#source;
    const offset = node.#offset + from + member.offset;
    const { kind } = member;
    const refuse = (why: string) => new KernelError('EPERM', 1, `'${member.name}' ${why}`);
    if (!source.writable) throw refuse('cannot be written: ask for { write: true }');
    if (kind.as === 'special') throw refuse('belongs to the kernel');
    if (kind.as === 'node')
      return assign(makeNode(source, node.#btf, member.typeId, offset), value);
    if (kind.as === 'bits') {
      const bytes = source.copy(offset, member.size);
      writeBits(bytes, kind.bit, kind.width, bitsOf(node.#btf, member, kind.width, value), true);
      return source.write(offset, bytes);
    }
    const bytes = encodeValue(node.#btf, member.typeId, value);
    if (kind.as === 'long')
      source.writeLong(offset, new DataView(bytes.buffer).getBigUint64(0, true));
    else source.write(offset, bytes);
  }
}

/** A struct, union or data section. Its members are getters of the class made for its type. */
class LiveStruct extends LiveNode {
  static readonly members: ReadonlyMap<string, LiveMember> = new Map();

  /** An integer member as a number: exact up to 2 ** 53, and nothing is allocated. */
  $number(name: string): number {
    const member = (this.constructor as typeof LiveStruct).members.get(name);
    if (!member) throw new KernelError('EINVAL', 22, `there is no member '${name}'`);
    return LiveNode.number(this, member);
  }
}

/** An array, element by element. */
class LiveArray extends LiveNode {
  static readonly element: LiveMember;
  static readonly count: number;

  get #facts(): typeof LiveArray {
    return this.constructor as typeof LiveArray;
  }

  get length(): number {
    return this.#facts.count;
  }

  /** The element at an index, from the end if it is negative; undefined beyond. */
  at(index: number): unknown {
    const from = this.#offset(index);
    return from === undefined ? undefined : LiveNode.get(this, this.#facts.element, from);
  }

  /** An integer element as a number: exact up to 2 ** 53. */
  $number(index: number): number {
    return LiveNode.number(this, this.#facts.element, this.#expect(index));
  }

  set(index: number, value: BtfInput): void {
    LiveNode.set(this, this.#facts.element, value, this.#expect(index));
  }

  *[Symbol.iterator](): IterableIterator<unknown> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  #offset(index: number): number | undefined {
    const { count, element } = this.#facts;
    const at = index < 0 ? count + index : index;
    return at >= 0 && at < count && Number.isInteger(at) ? at * element.size : undefined;
  }

  #expect(index: number): number {
    const from = this.#offset(index);
    if (from === undefined) throw new KernelError('EINVAL', 22, `there is no element ${index}`);
    return from;
  }
}

/** A value that is one number, name or text. */
class LiveScalar extends LiveNode {
  static readonly member: LiveMember;

  get #member(): LiveMember {
    return (this.constructor as typeof LiveScalar).member;
  }

  get $value(): unknown {
    return LiveNode.get(this, this.#member);
  }

  set $value(value: unknown) {
    LiveNode.set(this, this.#member, value as BtfInput);
  }

  /** An integer as a number: exact up to 2 ** 53, and nothing is allocated. */
  $number(): number {
    return LiveNode.number(this, this.#member);
  }
}

type NodeClass = new (source: LiveSource, btf: Btf, typeId: number, offset: number) => LiveNode;
const classes = new WeakMap<Btf, Map<number, NodeClass>>();

/** The view of a value of a type that is `offset` bytes into what a source leads to. */
export function makeNode(source: LiveSource, btf: Btf, typeId: number, offset: number): LiveNode {
  let ofBtf = classes.get(btf);
  if (!ofBtf) classes.set(btf, (ofBtf = new Map()));
  let Class = ofBtf.get(typeId);
  if (!Class) ofBtf.set(typeId, (Class = classFor(btf, typeId)));
  return new Class(source, btf, typeId, offset);
}

function classFor(btf: Btf, typeId: number): NodeClass {
  const type = btf.resolved(typeId);
  if (type.kind === 'var') return classFor(btf, type.type);
  const kind = fieldKind(btf, typeId);
  if (kind.as === 'node' && type.kind === 'array') return arrayClass(btf, type.type, type.count);
  const isStruct = type.kind === 'struct' || type.kind === 'union' || type.kind === 'datasec';
  if (isStruct) return structClass(membersOf(btf, type));
  const member = { name: 'value', offset: 0, size: btf.sizeOf(typeId), typeId, kind };
  return class extends LiveScalar {
    static override readonly member = member;
  };
}

function structClass(list: readonly LiveMember[]): NodeClass {
  const byName = new Map(list.map((member) => [member.name, member]));
  const Class = class extends LiveStruct {
    static override readonly members = byName;
  };
  for (const [name, member] of byName) {
    Object.defineProperty(Class.prototype, name, {
      enumerable: true,
      configurable: true,
      get: getterOf(member),
      set(this: LiveNode, value: BtfInput) {
        LiveNode.set(this, member, value);
      },
    });
  }
  return Class;
}

/** Counters are what people look at most: the way to them is short. */
function getterOf(member: LiveMember): (this: LiveNode) => unknown {
  const { kind, offset } = member;
  if (kind.as !== 'long') {
    return function (this: LiveNode) {
      return LiveNode.get(this, member);
    };
  }
  const { signed } = kind;
  return function (this: LiveNode) {
    return LiveNode.long(this, offset, signed);
  };
}

function arrayClass(btf: Btf, typeId: number, count: number): NodeClass {
  const size = btf.sizeOf(typeId);
  const element = { name: 'element', offset: 0, size, typeId, kind: fieldKind(btf, typeId) };
  return class extends LiveArray {
    static override readonly element = element;
    static override readonly count = count;
  };
}

/** Of a struct only the members given change, of an array the first elements. */
function assign(node: LiveNode, value: BtfInput): void {
  if (node instanceof LiveArray) {
    for (const [i, item] of [...(value as Iterable<BtfInput>)].entries()) node.set(i, item);
    return;
  }
  const { members } = node.constructor as typeof LiveStruct;
  for (const [name, inner] of Object.entries(value as Readonly<Record<string, BtfInput>>)) {
    const member = members.get(name);
    if (!member) throw new KernelError('EINVAL', 22, `there is no member '${name}'`);
    LiveNode.set(node, member, inner);
  }
}

function bitsValue(btf: Btf, { typeId, kind }: LiveMember, bytes: Uint8Array): BtfValue {
  const { bit, width } = kind as Extract<LiveMember['kind'], { as: 'bits' }>;
  const type = btf.resolved(typeId);
  const signed = 'signed' in type && type.signed;
  const whole = new Uint8Array(btf.sizeOf(typeId));
  const value = readBits(bytes, bit, width, signed, true);
  writeBits(whole, 0, whole.length * 8, value, true);
  return decodeValue(btf, typeId, whole);
}

/** Throws KernelError ERANGE where the value has more bits than the field. */
function bitsOf(btf: Btf, { typeId, name }: LiveMember, width: number, value: BtfInput): bigint {
  const bytes = encodeValue(btf, typeId, value);
  const type = btf.resolved(typeId);
  const signed = 'signed' in type && type.signed;
  const whole = readBits(bytes, 0, bytes.length * 8, signed, true);
  const cut = signed ? BigInt.asIntN(width, whole) : BigInt.asUintN(width, whole);
  if (cut === whole) return whole;
  throw new KernelError('ERANGE', 34, `'${name}' has ${width} bits`);
}

/** Zeros where only the kernel looks. */
function clearSpecial(btf: Btf, typeId: number, bytes: Uint8Array, at: number): void {
  const kind = fieldKind(btf, typeId);
  if (kind.as === 'special') bytes.fill(0, at, at + btf.sizeOf(typeId));
  if (kind.as !== 'node') return;
  const type = btf.resolved(typeId);
  if (type.kind === 'array') {
    const size = btf.sizeOf(type.type);
    const holds = fieldKind(btf, type.type).as;
    if (holds !== 'node' && holds !== 'special') return;
    for (let i = 0; i < type.count; i++) clearSpecial(btf, type.type, bytes, at + i * size);
  } else if (type.kind === 'struct' || type.kind === 'union' || type.kind === 'datasec') {
    for (const one of membersOf(btf, type)) clearSpecial(btf, one.typeId, bytes, at + one.offset);
  }
}
