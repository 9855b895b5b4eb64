import type { ElfSymbol } from '../../elf/index.ts';
import { SHN_LORESERVE } from '../../elf/index.ts';
import { mapMismatch } from './map-mismatch.ts';
import { typeMismatch } from './compatible.ts';
import type { TypeRef } from './compatible.ts';
import type { Input, InputSection } from './input.ts';
import { symbolPlace } from './input.ts';
import { LinkError } from './link-error.ts';
import { completeType } from './complete-type.ts';
import type { GlobalSymbol, Output, OutputSection, OutputSymbol } from './output.ts';
import type { NamedType } from './symbol-types.ts';
import { readSymbolTypes } from './symbol-types.ts';

/**
 * Puts the symbols of an input into the output. Local ones are kept as they are, one symbol stands
 * for a section; names that inputs share become one symbol, for which the first strong definition
 * counts, or else the first weak one.
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

/** A symbol and the section it is in; undefined for externs and absolute ones. */
interface Place {
  readonly output: Output;
  readonly input: Input;
  readonly symbol: ElfSymbol;
  readonly home: InputSection | undefined;
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
    throw failure(input, symbol, reason, 'Compile it with -g.');
  }
  if (!type) {
    const reason = `BTF does not describe the global symbol '${symbol.name}'`;
    const advice = 'Compile with clang (bpf-gcc 12 leaves functions without names).';
    throw failure(input, symbol, reason, advice);
  }
  if (type.rival === undefined) return type;
  const reason = `BTF types ${type.rival} and ${type.id} are both called '${symbol.name}'`;
  throw failure(input, symbol, reason, 'Declare it once.');
}

function failure(input: Input, symbol: ElfSymbol, reason: string, advice: string): LinkError {
  return new LinkError(input.name, symbolPlace(input, symbol), reason, advice);
}

function addGlobal(place: Place, type: NamedType): number {
  const known = place.output.globals.get(place.symbol.name);
  if (!known) return addNewGlobal(place, type).id;
  merge(place, known, type);
  return known.id;
}

/** Externs of `.ksyms` and the like belong to the section that BTF lists them in. */
function listingSection({ input, symbol, home }: Place, type: NamedType): InputSection | undefined {
  if (symbol.section !== 0) return home;
  if (type.datasec === undefined || type.datasec === '.extern') return undefined;
  const section = input.sections.find(({ name }) => name === type.datasec);
  if (section?.output) return section;
  const reason = `'${symbol.name}' is in '${type.datasec}', which was left out`;
  throw failure(input, symbol, reason, 'Put the variable into another section.');
}

function addNewGlobal(place: Place, type: NamedType): GlobalSymbol {
  const { output, input, symbol } = place;
  const home = listingSection(place, type);
  const section = home?.output;
  const added = addSymbol({ ...place, home }, section);
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

/** A name that was there before: settles which definition counts. */
function merge(place: Place, known: GlobalSymbol, type: NamedType): void {
  const { input, symbol } = place;
  const isExtern = symbol.section === 0;
  const isWeak = symbol.binding === 'weak';
  if (!isExtern && !known.extern && !known.weak && !isWeak) {
    const reason = `'${symbol.name}' is defined here and in ${known.type.input.name}, both strong`;
    throw failure(input, symbol, reason, 'Make one of them static, extern or __weak.');
  }
  checkTypes(place, known, type);
  if (!isWeak) {
    known.symbol.binding = 'global';
    known.weak = false;
  }
  // The stricter visibility counts, wherever it is asked for.
  if (symbol.visibility === 'hidden') known.symbol.visibility = 'hidden';
  checkListing(place, known, type);
  if (isExtern || (!known.extern && isWeak)) return;
  takeDefinition(place, known, type);
}

/**
 * What is said to be the kernel's (`__ksym`, `__kconfig`) or in a section can not be defined
 * elsewhere: libbpf's linker refuses that in one order, and in the other makes what does not load.
 */
function checkListing(place: Place, known: GlobalSymbol, type: NamedType): void {
  const { input, symbol } = place;
  const isExtern = symbol.section === 0;
  const section = listingSection(place, type)?.output;
  if (isExtern && known.extern) known.section ??= section;
  const declares = isExtern ? section : known.extern ? known.section : undefined;
  const defines = isExtern ? known.section : section;
  if (!declares || declares === defines) return;
  const declared = `declared to be in '${declares.name}'`;
  const defined = defines ? `in '${defines.name}'` : 'in no section';
  const [here, before] = isExtern ? [declared, defined] : [defined, declared];
  const text = `'${symbol.name}' is ${here} here, and ${before} in ${known.type.input.name}`;
  throw failure(input, symbol, text, 'Leave __ksym or the section out of the declaration.');
}

/** From now on the name is what this input defines. */
function takeDefinition(
  { output, input, symbol, home }: Place,
  known: GlobalSymbol,
  type: NamedType,
): void {
  const section = home?.output;
  known.symbol.type = symbol.type;
  known.symbol.section = section ? section.index : symbol.section;
  known.symbol.value = (home?.offset ?? 0) + symbol.value;
  known.symbol.size = symbol.size;
  if (known.section !== section) unlist(known);
  known.section = section;
  known.extern = false;
  known.type = { input, id: type.id };
  known.stale = true;
  completeType(output, known);
}

/** Takes a weak variable out of its section: the strong one is in another. */
function unlist(known: GlobalSymbol): void {
  if (!known.section || !known.entry) return;
  known.section.vars.delete(known.entry);
  known.entry = undefined;
}

function checkTypes({ input, symbol }: Place, known: GlobalSymbol, type: NamedType): void {
  const before: TypeRef = { btf: known.type.input.btf!, id: known.type.id };
  const now: TypeRef = { btf: input.btf!, id: type.id };
  const isMap = known.section?.name === '.maps';
  const reason = isMap ? mapMismatch(before, now) : typeMismatch(before, now);
  if (reason === undefined) return;
  const what = isMap ? 'map' : symbol.type === 'function' ? 'function' : 'symbol';
  const text = `${what} '${symbol.name}' is declared in another way than in ${known.type.input.name}: ${reason}`;
  throw failure(input, symbol, text, 'Declare it the same in both, best in a shared header.');
}
