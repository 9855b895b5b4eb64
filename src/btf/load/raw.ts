import type { BtfKind } from '../types.ts';

/** What BPF_BTF_LOAD answers to types it does not take. */
export interface BtfRefusal {
  readonly code: 'EINVAL' | 'E2BIG' | 'ENOTSUPP' | 'ELOOP';
  /** The last words of the kernel's log: the type and what is wrong with it. */
  readonly message: string;
}

/** Thrown inside of the checks only. */
export class Refused extends Error {
  readonly refusal: BtfRefusal;

  constructor(message: string, code: BtfRefusal['code'] = 'EINVAL') {
    super(message);
    this.refusal = { code, message };
  }
}

/** One record of the type section as it stands there, which need not make sense. */
export interface RawRecord {
  readonly id: number;
  readonly kind: BtfKind;
  readonly nameOffset: number;
  readonly vlen: number;
  readonly flag: boolean;
  /** Size or type, by kind. */
  readonly value: number;
  /** The words behind the head. */
  readonly extra: Uint32Array;
}

/** A member of a struct or union, taken from its three words. */
export interface RawMember {
  readonly nameOffset: number;
  readonly type: number;
  readonly bitOffset: number;
  readonly bitSize: number;
}

export function* membersOf({ extra, flag }: RawRecord): Generator<RawMember> {
  for (let i = 0; i < extra.length; i += 3) {
    const [nameOffset, type, word] = [extra[i]!, extra[i + 1]!, extra[i + 2]!];
    const bitOffset = flag ? word & 0xff_ffff : word;
    yield { nameOffset, type, bitOffset, bitSize: flag ? word >>> 24 : 0 };
  }
}

const MODIFIERS = new Set<BtfKind>(['typedef', 'volatile', 'const', 'restrict', 'type_tag']);

export const isModifier = ({ kind }: RawRecord): boolean => MODIFIERS.has(kind);

export const isComposite = ({ kind }: RawRecord): boolean => kind === 'struct' || kind === 'union';

const UNKNOWN = 0;
const YES = 1;
const NO = 2;

const decoder = new TextDecoder();

/** The string section, by offset. */
export class Names {
  readonly #bytes: Uint8Array;
  /** By offset: names are used many times. */
  readonly #identifiers: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#identifiers = new Uint8Array(bytes.length);
  }

  has(offset: number): boolean {
    return offset < this.#bytes.length;
  }

  at(offset: number): Uint8Array {
    return this.#bytes.subarray(offset, this.#bytes.indexOf(0, offset));
  }

  /** As the kernel's log writes it. */
  shown(offset: number): string {
    if (offset === 0) return '(anon)';
    return this.has(offset) ? decoder.decode(this.at(offset)) : '(invalid-name-offset)';
  }

  isIdentifier(offset: number): boolean {
    const known = this.#identifiers[offset]!;
    if (known !== UNKNOWN) return known === YES;
    const verdict = this.#readsAsIdentifier(offset);
    this.#identifiers[offset] = verdict ? YES : NO;
    return verdict;
  }

  #readsAsIdentifier(offset: number): boolean {
    if (isDigit(this.#bytes[offset]!)) return false;
    let at = offset;
    for (let byte = this.#bytes[at]!; byte !== 0; byte = this.#bytes[++at]!) {
      if (!isDigit(byte) && !isAlpha(byte) && byte !== 0x5f && byte !== 0x2e) return false;
    }
    return at > offset && at - offset <= MAX_NAME;
  }

  isSection(offset: number): boolean {
    const name = this.at(offset);
    return name.length > 0 && name.length <= MAX_NAME && name.every(isPrintable);
  }
}

/** KSYM_NAME_LEN. */
const MAX_NAME = 512;

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** Letters of Latin-1, as the kernel's tables have them. */
function isAlpha(byte: number): boolean {
  const lower = byte | 0x20;
  if (byte < 0x80) return lower >= 0x61 && lower <= 0x7a;
  return byte >= 0xc0 && byte !== 0xd7 && byte !== 0xf7;
}

const isPrintable = (byte: number): boolean => (byte >= 0x20 && byte < 0x7f) || byte >= 0xa0;
