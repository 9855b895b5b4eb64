/** Values of the log taken apart. */

/** 'Pscalar(id=1,umax=255)' → its kind and what is known; numbers are of kind 'number'. */
export function valueWordsOf(value: string): { kind: string; facts: string[] } {
  const plain = value.replace(/^P(?=-?\d|scalar)/, '');
  if (/^-?(0x)?[\da-f]+$/i.test(plain) && /^-?\d/.test(plain)) return { kind: 'number', facts: [] };
  const open = plain.indexOf('(');
  if (open < 0) return { kind: plain.replace(/-?\d+$/, ''), facts: [] };
  return { kind: plain.slice(0, open), facts: splitFacts(plain.slice(open + 1, -1)) };
}

/** Commas inside brackets are no ends: 'id=1,var_off=(0x0; 0xff)'. */
function splitFacts(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((fact) => fact.trim())
    .filter((fact) => fact !== '');
}

const LIMITS = { smin: -(2n ** 63n), smax: 2n ** 63n - 1n, umin: 0n, umax: 2n ** 64n - 1n };

/** What a register holds on every path, in words. */
export function factWords(
  fact:
    | { kind: 'scalar'; umin: bigint; umax: bigint; smin: bigint; smax: bigint }
    | { kind: 'pointer' | 'mixed'; types: readonly string[]; nullable: boolean }
    | { kind: 'unset' }
    | undefined,
): string {
  if (!fact) return '—';
  if (fact.kind === 'unset') return 'not written';
  if (fact.kind !== 'scalar') {
    const types = fact.types.join(' or ');
    return fact.nullable ? `${types} or NULL` : types;
  }
  if (fact.umin === fact.umax) return String(fact.smin);
  const isAny = fact.umin === LIMITS.umin && fact.umax === LIMITS.umax;
  if (isAny && fact.smin === LIMITS.smin && fact.smax === LIMITS.smax) return 'any number';
  return isAny ? `${fact.smin} … ${fact.smax}` : `${fact.umin} … ${fact.umax}`;
}
