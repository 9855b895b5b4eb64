import type { Btf } from './btf.ts';
import { isTransparent } from './btf.ts';
import { declTags } from './decl-tags.ts';
import { isChar, isWhole } from './decode.ts';
import { memberKey, quote, TsNames } from './ts-names.ts';
import type {
  BtfArray,
  BtfComposite,
  BtfDatasec,
  BtfEnum,
  BtfEnum64,
  BtfInt,
  BtfMember,
  BtfType,
} from './types.ts';

/** Anonymous types are spelled out at each use, so a small hostile file could print without end. */
const MAX_CHARACTERS = 1 << 25;
/** What looking at a member counts. */
const MEMBER_CHARACTERS = 16;
const WIDTH = 100;
/** What a char array is: text, or its bytes where they are not printable. */
const CHARS = 'string | number[]';

type Enumeration = BtfEnum | BtfEnum64;
type Named = BtfComposite | Enumeration;

/**
 * BTF types as TypeScript types: what `decodeValue` gives for them and `encodeValue` takes. Ask for
 * references; then `declarations` has the definition of every named type they mention.
 *
 * @example
 * const types = new TsTypes(btf);
 * types.reference(map.valueTypeId); // 'flow'
 * types.declarations(); // 'export interface flow {\n  packets: bigint;\n}\n'
 */
export class TsTypes {
  readonly #btf: Btf;
  readonly #names: TsNames;
  readonly #list: string | undefined;
  readonly #nameOf = new Map<number, string>();
  readonly #pieces: string[] = [];
  readonly #waiting: Named[] = [];
  #budget = MAX_CHARACTERS;

  /**
   * `taken`: names the declarations must not define. `list`: the generic type that lists and trees
   * of objects are (their heads say what they hold: `contains:` tags); without it, their bytes.
   */
  constructor(btf: Btf, taken: Iterable<string> = [], list?: string) {
    this.#btf = btf;
    this.#list = list;
    this.#names = new TsNames(taken);
  }

  /** The type of values of `id`; `level` is the indentation of the line it will stand in. */
  reference(id: number, level = 0): string {
    const text = this.#type(id, level);
    this.#spend(id, text.length);
    return text;
  }

  #spend(id: number, characters: number): void {
    this.#budget -= characters;
    if (this.#budget < 0) this.#btf.fail(id, 'takes too much text to print');
  }

  /** Asks for the definition of `id` if it has a name, typedefs included. */
  declare(id: number): void {
    const type = this.#btf.type(id);
    if (type.kind === 'typedef') this.#alias(type.name, type.type, id);
    else if (isNamed(type) && type.name) this.reference(id);
  }

  /** Definitions of all named types that were asked for, and of those they need. */
  declarations(): string {
    for (let type = this.#waiting.shift(); type; type = this.#waiting.shift()) {
      const name = this.#nameOf.get(type.id)!;
      this.#pieces.push(this.#definition(type, name));
    }
    return this.#pieces.join('\n');
  }

  #definition(type: Named, name: string): string {
    if (type.kind === 'enum' || type.kind === 'enum64') {
      return `export type ${name} =${broken(enumWords(type), name.length + 14)};\n`;
    }
    return `export interface ${name} ${this.#members(this.#flatten(type, 0), 0)}\n`;
  }

  #alias(name: string, target: number, id: number): void {
    const type = this.reference(id);
    const own = this.#btf.resolved(target);
    // A typedef that names an anonymous type, or repeats its name, is that type's definition.
    if (type === 'never' || (isNamed(own) && (own.name || name) === name)) return;
    this.#pieces.push(`export type ${this.#names.give(name)} = ${type};\n`);
  }

  #type(id: number, level: number): string {
    const type = this.#btf.resolved(id);
    switch (type.kind) {
      case 'int':
        return intWord(type);
      case 'ptr':
        return 'bigint';
      case 'float':
        return type.size === 4 || type.size === 8 ? 'number' : 'number[]';
      case 'enum':
      case 'enum64':
        return this.#name(id, type) ?? enumWords(type).join(' | ');
      case 'struct':
      case 'union':
        return this.#name(id, type) ?? this.#members(this.#flatten(type, level), level);
      case 'array':
        return this.#array(type, level);
      case 'datasec':
        return this.#members(this.#variables(type, level), level);
      case 'var':
        return this.reference(type.type, level);
      default:
        return 'never';
    }
  }

  /** The name of a struct, union or enum: its own, or that of a typedef on the way to it. */
  #name(id: number, type: Named): string | undefined {
    const known = this.#nameOf.get(type.id);
    const wanted = type.name || this.#typedefName(id);
    if (known !== undefined || !wanted) return known;
    const name = this.#names.give(wanted);
    this.#nameOf.set(type.id, name);
    this.#waiting.push(type);
    return name;
  }

  /** The typedef nearest to the type that `id` ends in. */
  #typedefName(id: number): string {
    let name = '';
    let type = this.#btf.type(id);
    while (isTransparent(type)) {
      if (type.kind === 'typedef') name = type.name;
      type = this.#btf.type(type.type);
    }
    return name;
  }

  #array(type: BtfArray, level: number): string {
    if (isChar(this.#btf, type.type)) return CHARS;
    return listOf(this.reference(type.type, level));
  }

  /** Members by name, those of anonymous members among them, as a decoded object has them. */
  #flatten(type: BtfComposite, level: number, into = new Map<string, string>()) {
    for (const [index, member] of type.members.entries()) {
      this.#spend(type.id, MEMBER_CHARACTERS);
      const inner = member.name ? undefined : this.#btf.resolved(member.type);
      const list = this.#listAt(type.id, index, member.type);
      if (member.name) into.set(member.name, list ?? this.#member(member, level + 1));
      else if (inner?.kind === 'struct' || inner?.kind === 'union') {
        this.#flatten(inner, level, into);
      }
    }
    return into;
  }

  /** A member or variable that is the head of a list or tree, if its objects are shown. */
  #listAt(owner: number, component: number, typeId: number): string | undefined {
    if (this.#list === undefined) return undefined;
    const [contents] = declTags(this.#btf, owner, component, 'contains:');
    const held = contents && this.#btf.find('struct', contents.split(':')[0]!);
    const { kind } = this.#btf.resolved(typeId);
    if (!held || (kind !== 'struct' && kind !== 'var')) return undefined;
    return `${this.#list}<${this.reference(held)}>`;
  }

  #member(member: BtfMember, level: number): string {
    if (member.bitSize === 0) return this.reference(member.type, level);
    const type = this.#btf.resolved(member.type);
    if (type.kind === 'enum' || type.kind === 'enum64') return this.reference(member.type, level);
    if (type.kind === 'int' && type.bool) return 'boolean';
    return 'size' in type && type.size <= 4 ? 'number' : 'bigint';
  }

  #variables({ vars }: BtfDatasec, level: number): Map<string, string> {
    const members = vars.map((variable): [string, string] => {
      const { type } = variable;
      const list = this.#listAt(type, -1, type);
      if (list !== undefined) return [this.#btf.type(type).name, list];
      const text = isWhole(this.#btf, variable) ? this.reference(type, level + 1) : 'number[]';
      return [this.#btf.type(type).name, text];
    });
    return new Map(members);
  }

  #members(members: ReadonlyMap<string, string>, level: number): string {
    const pad = '  '.repeat(level + 1);
    const lines = [...members].map(([name, text]) => `${pad}${memberKey(name)}: ${text};\n`);
    return lines.length > 0 ? `{\n${lines.join('')}${'  '.repeat(level)}}` : '{}';
  }
}

function isNamed(type: BtfType): type is Named {
  const { kind } = type;
  return kind === 'struct' || kind === 'union' || kind === 'enum' || kind === 'enum64';
}

/** `text[]`, with parentheses where the language needs them. */
export function listOf(text: string): string {
  return text.includes(' | ') ? `(${text})[]` : `${text}[]`;
}

function intWord({ size, bits, bool }: BtfInt): string {
  if (bool) return 'boolean';
  const small = bits === size * 8 ? size === 1 || size === 2 || size === 4 : size <= 4;
  return small ? 'number' : 'bigint';
}

/** The names of an enum, then what a value without a name is. */
function enumWords({ values, size }: Enumeration): string[] {
  const names = [...new Set(values.map(({ name }) => quote(name)))];
  return [...names, size <= 4 ? 'number' : 'bigint'];
}

/** Alternatives on one line, or each on its own where they are too long for one. */
function broken(words: readonly string[], before: number): string {
  const line = ` ${words.join(' | ')}`;
  return line.length + before <= WIDTH ? line : words.map((word) => `\n  | ${word}`).join('');
}
