import { type Btf, type BtfValue, decodeValue, memberKey, TsTypes } from '../../src/btf/index.ts';

/** Marsaglia's xorshift: the same bytes on every machine. */
function randomBytes(size: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: size }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  });
}

/** What every type is tried with. */
const samples = (size: number): Uint8Array[] => [
  new Uint8Array(size),
  new Uint8Array(size).fill(0x41),
  new Uint8Array(size).fill(0xff),
  randomBytes(size, size + 1),
];

/** A decoded value as TypeScript. */
export function literal(value: BtfValue | Uint8Array): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return Number.isFinite(value) ? `${value}` : 'NaN';
  if (typeof value !== 'object') return JSON.stringify(value);
  if (value instanceof Uint8Array) return `Uint8Array.of(${value.join(', ')})`;
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  const members = Object.entries(value).map(([name, one]) => `${memberKey(name)}: ${literal(one)}`);
  return `{ ${members.join(', ')} }`;
}

/**
 * A module that gives what decoding yields for types of an object the types that are printed for
 * them. `ids`: which; types without values are left out.
 */
export function moduleOfValues(btf: Btf, ids: Iterable<number>): { text: string; count: number } {
  const types = new TsTypes(btf);
  const lines: string[] = [];
  for (const id of ids) {
    const size = sizeOf(btf, id);
    if (size === undefined) continue;
    const name = types.reference(id);
    for (const bytes of samples(size)) {
      const value = literal(decodeValue(btf, id, bytes));
      lines.push(`export const v${lines.length}: ${name} = ${value};\n`);
    }
  }
  return { text: `${types.declarations()}\n${lines.join('')}`, count: lines.length };
}

const MOST = 4096;

function sizeOf(btf: Btf, id: number): number | undefined {
  try {
    const size = btf.sizeOf(id);
    decodeValue(btf, id, new Uint8Array(size));
    return size <= MOST ? size : undefined;
  } catch {
    return undefined;
  }
}
