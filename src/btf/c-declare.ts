import type { Btf } from './btf.ts';
import { isModifier } from './btf.ts';
import { CNames } from './c-names.ts';
import { padding } from './c-padding.ts';
import { isPacked } from './layout.ts';
import type {
  BtfComposite,
  BtfEnum,
  BtfEnum64,
  BtfFuncProto,
  BtfMember,
  BtfType,
} from './types.ts';

/** Anonymous types are spelled out at each use, so a small hostile file could print without end. */
const MAX_CHARACTERS = 1 << 25;
/** What a line of padding counts. */
const PAD_CHARACTERS = 64;

/** Writes declarations and definitions. Levels are tabs of indentation. */
export class CDeclare {
  readonly names: CNames;
  readonly #btf: Btf;
  readonly #bare: boolean;
  #budget = MAX_CHARACTERS;

  /** `bare`: without const, volatile, restrict and type tags. */
  constructor(btf: Btf, bare = false) {
    this.#btf = btf;
    this.#bare = bare;
    this.names = new CNames(btf);
  }

  /** `name` declared to be of type `id`: 'int *name[3]'. */
  declare(id: number, name: string, level = 0): string {
    const chain = this.#chain(id);
    const text = this.#unroll(chain, name, level);
    this.#spend(id, text.length);
    return text;
  }

  #spend(id: number, characters: number): void {
    this.#budget -= characters;
    if (this.#budget < 0) this.#btf.fail(id, 'takes too much text to print');
  }

  /** 'struct x', 'union x', 'enum x': the type by its tag. */
  tag(type: BtfType): string {
    const word = type.kind === 'fwd' ? type.of : type.kind === 'enum64' ? 'enum' : type.kind;
    const name = this.names.of(type.id);
    return name ? `${word} ${name}` : word;
  }

  /** From the outside in: pointers, arrays, functions, modifiers, and what they end in. */
  #chain(id: number): BtfType[] {
    const chain: BtfType[] = [];
    for (let next: number | undefined = id; next !== undefined; ) {
      const type = this.#btf.type(next);
      if (!this.#bare || !isModifier(type)) chain.push(type);
      next = wrapped(type);
    }
    return chain;
  }

  /**
   * C writes a type around the name: what the chain ends in comes first, then what wraps it, and an
   * array or function puts all that wraps it between its element or result and its own brackets.
   * Consumes `chain` from its end.
   */
  #unroll(chain: BtfType[], name: string, level: number): string {
    let text = '';
    let tight = true;
    for (let type = chain.pop(); type; type = chain.pop()) {
      if (type.kind === 'array') return text + this.#array(type.count, chain, name, tight, level);
      if (type.kind === 'func_proto') return text + this.#function(type, chain, name, tight, level);
      if (type.kind === 'ptr') text += tight ? '*' : ' *';
      else if (type.kind === 'const' || type.kind === 'volatile' || type.kind === 'restrict') {
        text += ` ${type.kind}`;
      } else text += this.#leaf(type, chain, level);
      tight = type.kind === 'ptr';
    }
    return text + spaced(name, tight);
  }

  /** What a chain ends in, or a tag on it, with the modifiers that C puts in front. */
  #leaf(type: BtfType, chain: BtfType[], level: number): string {
    let mods = '';
    for (
      let mod = chain[chain.length - 1];
      mod && isQualifier(mod);
      mod = chain[chain.length - 1]
    ) {
      mods += `${mod.kind} `;
      chain.pop();
    }
    if (type.kind === 'type_tag') return `${mods} __attribute__((btf_type_tag("${type.name}")))`;
    return mods + this.#leafName(type, level);
  }

  #leafName(type: BtfType, level: number): string {
    switch (type.kind) {
      case 'void':
        return 'void';
      case 'int':
      case 'float':
        return type.name;
      case 'typedef':
        return this.names.of(type.id);
      case 'struct':
      case 'union':
        return type.name ? this.tag(type) : this.composite(type, level);
      case 'enum':
      case 'enum64':
        return type.name ? this.tag(type) : this.enumeration(type, level);
      case 'fwd':
        return this.tag(type);
      default:
        return this.#btf.fail(type.id, `a ${type.kind} can not be declared in C`);
    }
  }

  #array(count: number, chain: BtfType[], name: string, tight: boolean, level: number): string {
    dropModifiers(chain);
    const outer = chain[chain.length - 1];
    if (!outer) return `${spaced(name, tight)}[${count}]`;
    const inner = this.#unroll(chain, name, level);
    const space = name && !tight ? ' ' : '';
    return `${space}${outer.kind === 'array' ? inner : `(${inner})`}[${count}]`;
  }

  #function(
    type: BtfFuncProto,
    chain: BtfType[],
    name: string,
    tight: boolean,
    level: number,
  ): string {
    dropModifiers(chain);
    const inner = chain.length > 0 ? ` (${this.#unroll(chain, name, level)})` : spaced(name, tight);
    return `${inner}(${this.#params(type, level)})`;
  }

  #params({ params }: BtfFuncProto, level: number): string {
    if (params.length === 0 || (params.length === 1 && params[0]!.type === 0)) return 'void';
    const last = params.length - 1;
    return params
      .map(({ type, name }, i) =>
        i === last && type === 0 ? '...' : this.declare(type, name, level),
      )
      .join(', ');
  }

  /** The definition of a struct or union, without the semicolon. */
  composite(type: BtfComposite, level: number): string {
    const packed = type.kind === 'struct' && isPacked(this.#btf, type);
    const lines = this.#members(type, packed, level + 1);
    const body =
      lines.length > 0 || type.size > 0
        ? `${lines.map((line) => `\n${tabs(level + 1)}${line};`).join('')}\n${tabs(level)}`
        : '';
    return `${this.tag(type)} {${body}}${packed ? ' __attribute__((packed))' : ''}`;
  }

  #members(type: BtfComposite, packed: boolean, level: number): string[] {
    const lines: string[] = [];
    let end = 0;
    let inBitfield = false;
    const pad = (to: number, align: number, bits: boolean): void => {
      this.#spend(type.id, (Math.max(0, to - end) / 64) * PAD_CHARACTERS);
      for (const line of padding(end, to, align, bits)) lines.push(line);
    };
    for (const member of type.members) {
      const align = packed ? 1 : this.#btf.alignOf(member.type);
      pad(member.bitOffset, align, inBitfield && member.bitSize > 0);
      lines.push(this.#member(member, level));
      end = member.bitOffset + (member.bitSize || this.#btf.sizeOf(member.type) * 8);
      inBitfield = member.bitSize > 0;
    }
    if (type.kind === 'struct') pad(type.size * 8, this.#btf.alignOf(type.id), false);
    return lines;
  }

  #member({ type, name, bitSize }: BtfMember, level: number): string {
    const text = this.declare(type, name, level);
    return bitSize > 0 ? `${text}: ${bitSize}` : text;
  }

  /** The definition of an enum, without the semicolon. */
  enumeration(type: BtfEnum | BtfEnum64, level: number): string {
    if (type.values.length === 0) return this.tag(type);
    const suffix = type.kind === 'enum' ? '' : type.signed ? 'LL' : 'ULL';
    const tag = this.tag(type);
    const lines = type.values.map(
      ({ name, value }) =>
        `\n${tabs(level + 1)}${this.names.enumerator(name)} = ${value}${suffix},`,
    );
    return `${tag} {${lines.join('')}\n${tabs(level)}}${enumMode(type)}`;
  }
}

/** bpftool indents no deeper. */
const MAX_TABS = 13;

const tabs = (level: number): string => '\t'.repeat(Math.min(level, MAX_TABS));

const spaced = (name: string, tight: boolean): string => (name && !tight ? ` ${name}` : name);

const isQualifier = ({ kind }: BtfType): boolean =>
  kind === 'const' || kind === 'volatile' || kind === 'restrict';

/** The next type of a declaration, or undefined where it ends. */
function wrapped(type: BtfType): number | undefined {
  if (type.kind === 'func_proto') return type.returns;
  return type.kind === 'ptr' || type.kind === 'array' || isModifier(type) ? type.type : undefined;
}

/** Modifiers of arrays and functions mean nothing; gcc writes some all the same. */
function dropModifiers(chain: BtfType[]): void {
  while (chain.length > 0 && isModifier(chain[chain.length - 1]!)) chain.pop();
}

/** Attribute for enums of a size their values do not ask for. */
function enumMode(type: BtfEnum | BtfEnum64): string {
  if (type.size === 1) return ' __attribute__((mode(byte)))';
  if (type.size !== 8) return '';
  const wide =
    type.kind === 'enum64' && type.values.some(({ value }) => BigInt.asUintN(64, value) >> 32n);
  return wide ? '' : ' __attribute__((mode(word)))';
}
