import type { TypeRef } from './compatible.ts';
import { typeMismatch } from './compatible.ts';
import { completeType } from './complete-type.ts';
import { mapMismatch } from './map-mismatch.ts';
import type { GlobalSymbol } from './output.ts';
import type { Place } from './symbol-place.ts';
import { listingSection, symbolError } from './symbol-place.ts';
import type { NamedType } from './symbol-types.ts';

/** A name that was there before: settles which definition counts. */
export function resolve(place: Place, known: GlobalSymbol, type: NamedType): void {
  const { input, symbol } = place;
  const isExtern = symbol.section === 0;
  const isWeak = symbol.binding === 'weak';
  if (!isExtern && !known.extern && !known.weak && !isWeak) {
    const reason = `'${symbol.name}' is defined here and in ${known.type.input.name}, both strong`;
    throw symbolError(input, symbol, reason, 'Make one of them static, extern or __weak.');
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
  throw symbolError(input, symbol, text, 'Leave __ksym or the section out of the declaration.');
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
  const file = known.type.input.name;
  const text = `${what} '${symbol.name}' is declared in another way than in ${file}: ${reason}`;
  throw symbolError(input, symbol, text, 'Declare it the same in both, best in a shared header.');
}
