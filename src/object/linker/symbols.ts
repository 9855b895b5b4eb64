import type { ElfSymbol } from '../../elf/index.ts';
import { SHN_LORESERVE } from '../../elf/index.ts';
import type { Input, InputSection } from './input.ts';
import type { GlobalSymbol, Output, OutputSection, OutputSymbol } from './output.ts';
import { resolve } from './resolve.ts';
import type { Place } from './symbol-place.ts';
import { listingSection, symbolError } from './symbol-place.ts';
import type { NamedType } from './symbol-types.ts';
import { readSymbolTypes } from './symbol-types.ts';

/**
 * Puts the symbols of an input into the output. Local ones are kept as they are, one symbol stands
 * for a section; names that inputs share become one symbol, for which the strong definition counts,
 * or else the first weak one.
 */
export function appendSymbols(output: Output, input: Input): void {
  const types = input.btf ? readSymbolTypes(input.btf) : new Map<string, NamedType>();
  for (const symbol of input.elf.symbols) {
    if (symbol.index === 0) continue;
    const home = homeOf(input, symbol);
    if (home === 'dropped') continue;
    const place = { output, input, symbol, home };
    const id =
      symbol.binding === 'local' ? addLocal(place) : addGlobal(place, typeOf(input, symbol, types));
    input.symbolIds[symbol.index] = id;
  }
}

function homeOf(input: Input, symbol: ElfSymbol): InputSection | 'dropped' | undefined {
  if (symbol.section === 0 || symbol.section >= SHN_LORESERVE) return undefined;
  const home = input.sections[symbol.section]!;
  return home.role === 'data' && !home.duplicate ? home : 'dropped';
}

function addLocal(place: Place): number {
  const { symbol, home } = place;
  const section = home?.output;
  if (symbol.type !== 'section' || !section) return addSymbol(place, section).id;
  if (section.symbol === 0) {
    const added = addSymbol(place, section);
    added.symbol.value = 0;
    section.symbol = added.id;
  }
  return section.symbol;
}

/** `section`: where it is defined; externs are in none, whatever BTF lists them in. */
function addSymbol(
  { output, symbol, home }: Place,
  section: OutputSection | undefined,
): { id: number; symbol: OutputSymbol } {
  const added: OutputSymbol = {
    nameOffset: output.strings.add(symbol.name),
    type: symbol.type,
    binding: symbol.binding,
    visibility: symbol.visibility,
    section: section ? section.index : symbol.section,
    value: (home?.offset ?? 0) + symbol.value,
    size: symbol.size,
  };
  return { id: output.addSymbol(added), symbol: added };
}

/** What BTF says about a global symbol. Throws `LinkError` if it says nothing, or two things. */
function typeOf(input: Input, symbol: ElfSymbol, types: ReadonlyMap<string, NamedType>): NamedType {
  const type = types.get(symbol.name);
  if (!input.btf) {
    const reason = `the object has no BTF, which is needed to link its symbol '${symbol.name}'`;
    throw symbolError(input, symbol, reason, 'Compile it with -g.');
  }
  if (!type) {
    const reason = `BTF does not describe the global symbol '${symbol.name}'`;
    const advice = 'Compile with clang (bpf-gcc 12 leaves functions without names).';
    throw symbolError(input, symbol, reason, advice);
  }
  if (type.rival === undefined) return type;
  const reason = `BTF types ${type.rival} and ${type.id} are both called '${symbol.name}'`;
  throw symbolError(input, symbol, reason, 'Declare it once.');
}

function addGlobal(place: Place, type: NamedType): number {
  const known = place.output.globals.get(place.symbol.name);
  if (!known) return addNewGlobal(place, type).id;
  resolve(place, known, type);
  return known.id;
}

function addNewGlobal(place: Place, type: NamedType): GlobalSymbol {
  const { output, input, symbol } = place;
  const section = listingSection(place, type)?.output;
  const added = addSymbol(place, place.home?.output);
  const global: GlobalSymbol = {
    name: symbol.name,
    ...added,
    section,
    extern: symbol.section === 0,
    weak: symbol.binding === 'weak',
    type: { input, id: type.id },
    typeId: 0,
    stale: false,
    entry: undefined,
  };
  output.globals.set(symbol.name, global);
  return global;
}
