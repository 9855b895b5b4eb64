/** Maglev hashing: which backend a flow goes to, the same in every balancer. `beeyard/maglev`. */

/** Someone who answers. */
export interface Backend {
  /** What its places in the table follow from: it must stay the same. */
  readonly name: string;
  /** Its share against the others, a whole number from 1 on. Default 1. */
  readonly weight?: number;
}

const WEIGHT_MAX = 1000;
const SIZE_MAX = 1 << 24;

/**
 * The lookup table of Maglev (Eisenbud et al., NSDI 2016, 3.4): entry `hash % size` is the index of
 * the backend in the list, or -1 in all of them if the list is empty. Every backend goes through
 * the places in an order made of its name and takes the next free one in turn, so shares differ by
 * one place per unit of weight at most, and when a backend goes few places of the others change.
 * `size` is a prime, best a hundred times the number of backends or more. Throws RangeError.
 *
 * @example
 * const table = maglevTable([{ name: 'a' }, { name: 'b' }], 251);
 * table[flowHash % table.length]; // 0 or 1
 */
export function maglevTable(backends: readonly Backend[], size: number): Int32Array {
  if (!isPrime(size)) throw new RangeError(`the size of a Maglev table is a prime, not ${size}`);
  const weights = backends.map(({ name, weight = 1 }) => checkedWeight(name, weight));
  if (new Set(backends.map(({ name }) => name)).size < backends.length) {
    throw new RangeError('two backends have the same name');
  }
  if (backends.length > size)
    throw new RangeError(`${size} places for ${backends.length} backends`);
  const table = new Int32Array(size).fill(-1);
  fill(table, backends.map(preferenceOf(size)), weights);
  return table;
}

function checkedWeight(name: string, weight: number): number {
  if (Number.isInteger(weight) && weight >= 1 && weight <= WEIGHT_MAX) return weight;
  throw new RangeError(`${name}: a weight is 1 to ${WEIGHT_MAX}, not ${weight}`);
}

/** A walk through all places of the table. */
interface Preference {
  next: number;
  readonly skip: number;
}

const preferenceOf =
  (size: number) =>
  ({ name }: Backend): Preference => ({
    next: hashText(name, 0x9747b28c) % size,
    skip: (hashText(name, 0x5bd1e995) % (size - 1)) + 1,
  });

function fill(table: Int32Array, walks: readonly Preference[], weights: readonly number[]): void {
  const size = table.length;
  let left = walks.length === 0 ? 0 : size;
  while (left > 0) {
    for (const [i, walk] of walks.entries()) {
      for (let turn = weights[i]!; turn > 0 && left > 0; turn--) {
        while (table[walk.next] !== -1) walk.next = (walk.next + walk.skip) % size;
        table[walk.next] = i;
        left--;
      }
    }
  }
}

/** MurmurHash3 over the text's bytes, one at a time: names are short. */
function hashText(text: string, seed: number): number {
  let hash = seed;
  for (const byte of new TextEncoder().encode(text)) {
    let word = Math.imul(byte, 0xcc9e2d51);
    word = Math.imul((word << 15) | (word >>> 17), 0x1b873593);
    hash ^= word;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function isPrime(number: number): boolean {
  if (!Number.isInteger(number) || number < 2 || number > SIZE_MAX) return false;
  for (let i = 2; i * i <= number; i++) if (number % i === 0) return false;
  return true;
}
