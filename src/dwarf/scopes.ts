import { rangesOf } from './lists.ts';
import type { Dwarf } from './parse.ts';
import type { Address, AttributeValue, Entry } from './types.ts';

/** A function whose code an address is in: one that was called, or one that was put in place. */
export interface FunctionScope {
  readonly name: string;
  /** Its code stands in that of the next scope. */
  readonly inlined: boolean;
  readonly entry: Entry;
  /** Parameters and variables one can see here, in the order of the source. */
  readonly variables: readonly Entry[];
}

const CHAIN = ['abstract_origin', 'specification'] as const;
const MOST_LINKS = 8;

/** An attribute of an entry, or of the declaration it goes back to. */
export function attributeOf(dwarf: Dwarf, entry: Entry, name: string): AttributeValue | undefined {
  let at: Entry | undefined = entry;
  for (let links = 0; at && links < MOST_LINKS; links++) {
    const found = at.attributes.get(name);
    if (found) return found;
    at = originOf(dwarf, at);
  }
  return undefined;
}

function originOf(dwarf: Dwarf, { attributes }: Entry): Entry | undefined {
  for (const name of CHAIN) {
    const link = attributes.get(name);
    if (link?.kind === 'reference') return dwarf.entry(link.value);
  }
  return undefined;
}

/** Its name; '' if it has none. */
export function nameOf(dwarf: Dwarf, entry: Entry): string {
  const name = attributeOf(dwarf, entry, 'name');
  return name?.kind === 'string' ? name.value : '';
}

/** Entries below the units' roots that stand outside of functions, those in namespaces too. */
function* declarations(dwarf: Dwarf): Generator<Entry> {
  const open = dwarf.units.map(({ root }) => root);
  for (let entry = open.pop(); entry; entry = open.pop()) {
    yield entry;
    if (entry.tag !== 'subprogram') open.push(...entry.children);
  }
}

/** Functions with code. */
export function functionsOf(dwarf: Dwarf): Entry[] {
  return [...declarations(dwarf)].filter(
    (entry) => entry.tag === 'subprogram' && rangesOf(entry).length > 0,
  );
}

/** What one can see at an address of this function's code: the innermost function first. */
export function scopesAt(dwarf: Dwarf, subprogram: Entry, address: Address): FunctionScope[] {
  const scopes: FunctionScope[] = [];
  let at: Entry | undefined = subprogram;
  while (at) {
    const entry: Entry = at;
    const { variables, inner } = visible(entry, address);
    const inlined = entry !== subprogram;
    scopes.unshift({ name: nameOf(dwarf, entry), inlined, entry, variables });
    at = inner;
  }
  return scopes;
}

/** Variables of a function and of its open blocks; the function put in place that is open there. */
function visible(scope: Entry, address: Address): { variables: Entry[]; inner: Entry | undefined } {
  const variables: Entry[] = [];
  let block: Entry | undefined = scope;
  while (block) {
    const { children }: Entry = block;
    variables.push(...children.filter(isVariable));
    const open: Entry[] = children.filter((one) => contains(one, address));
    const inner = open.find(({ tag }) => tag === 'inlined_subroutine');
    if (inner) return { variables, inner };
    block = open.find(({ tag }) => tag === 'lexical_block');
  }
  return { variables, inner: undefined };
}

const isVariable = ({ tag }: Entry): boolean => tag === 'variable' || tag === 'formal_parameter';

function contains(entry: Entry, address: Address): boolean {
  if (entry.tag !== 'lexical_block' && entry.tag !== 'inlined_subroutine') return false;
  return rangesOf(entry).some(({ start, end }) => address >= start && address < end);
}
