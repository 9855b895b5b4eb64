import type { Btf } from './btf.ts';
import type { BtfType } from './types.ts';

/** Types that name nothing a header could be sorted by. */
const LAST = 10;
const MASK = 0xffff_ffff_ffff_ffffn;

/**
 * Ids in the order in which bpftool of Linux 6.12 prints a header: enums, scalars, structs and
 * unions, then functions, each by name, and equal names by a hash over their members. So two
 * kernels' headers differ only where the kernels do. Functions and tags on them are left out.
 */
export function sortedForC(btf: Btf): readonly number[] {
  const printed = btf.types.filter(({ kind }) => kind !== 'func' && kind !== 'decl_tag');
  const keys = printed.map((type) => ({
    id: type.id,
    rank: rankOf(btf, type, false),
    name: sortName(btf, type, false),
    own: type.name,
  }));
  const hashes = new MemberHashes(btf);
  keys.sort((a, b) => {
    if (a.rank !== b.rank) return a.rank - b.rank;
    if (a.name !== b.name) return a.name < b.name ? -1 : 1;
    if (a.own !== b.own) return a.own < b.own ? -1 : 1;
    const [left, right] = [hashes.of(a.id), hashes.of(b.id)];
    if (left !== right) return left < right ? -1 : 1;
    return a.id - b.id;
  });
  return keys.map(({ id }) => id);
}

/** The type a pointer, array, typedef, modifier or tag is about. */
function target(type: BtfType): number | undefined {
  switch (type.kind) {
    case 'ptr':
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'typedef':
    case 'type_tag':
    case 'decl_tag':
    case 'array':
      return type.type;
    default:
      return undefined;
  }
}

function rankOf(btf: Btf, type: BtfType, namedBefore: boolean): number {
  const named = namedBefore || type.name !== '';
  switch (type.kind) {
    case 'enum':
    case 'enum64':
      return named ? 1 : 0;
    case 'int':
    case 'float':
      return 2;
    case 'struct':
    case 'union':
      return named ? 3 : LAST;
    case 'func_proto':
      return named ? 4 : LAST;
    default: {
      const next = target(type);
      return named && next !== undefined ? rankOf(btf, btf.type(next), true) : LAST;
    }
  }
}

/** The name at the end of a chain of types; an anonymous enum has that of its first value. */
function sortName(btf: Btf, type: BtfType, referenced: boolean): string {
  if (type.kind === 'enum' || type.kind === 'enum64') {
    return type.name || (referenced ? '' : (type.values[0]?.name ?? ''));
  }
  const next = target(type);
  return next === undefined ? type.name : sortName(btf, btf.type(next), true);
}

const encoder = new TextEncoder();

/** The 64-bit hash that decides between types of one name. */
class MemberHashes {
  readonly #btf: Btf;
  readonly #byId = new Map<number, bigint>();
  readonly #byText = new Map<string, bigint>();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  of(id: number): bigint {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const hash = this.#hash(id, true);
    this.#byId.set(id, hash);
    return hash;
  }

  #hash(id: number, withMembers: boolean): bigint {
    const type = this.#btf.type(id);
    let hash = this.#add(0n, type.name);
    if (type.kind === 'enum' || type.kind === 'enum64') {
      for (const { name } of type.values) hash = this.#add(hash, name);
    } else if (type.kind === 'struct' || type.kind === 'union') {
      for (const member of withMembers ? type.members : []) {
        hash = combine(this.#add(hash, member.name), this.#hash(member.type, false));
      }
    } else {
      const next = target(type);
      if (type.kind === 'array') hash = combine(hash, BigInt(type.count));
      if (next !== undefined) hash = combine(hash, this.#hash(next, withMembers));
    }
    return hash;
  }

  #add(hash: bigint, name: string): bigint {
    if (name === '') return hash;
    let text = this.#byText.get(name);
    if (text === undefined) this.#byText.set(name, (text = hashText(name)));
    return combine(hash, text);
  }
}

function combine(hash: bigint, value: bigint): bigint {
  return (hash * 31n + value) & MASK;
}

/** Bytes are signed, as `char` is where bpftool runs. */
function hashText(text: string): bigint {
  let hash = 0n;
  for (const byte of encoder.encode(text)) hash = combine(hash, BigInt((byte << 24) >> 24));
  return hash;
}
