import type { ElfSymbol } from '../../elf/index.ts';
import type { Input, InputSection } from './input.ts';
import { symbolPlace } from './input.ts';
import { LinkError } from './link-error.ts';
import type { Output } from './output.ts';
import type { NamedType } from './symbol-types.ts';

/** A symbol and the section it is in; undefined for externs and absolute ones. */
export interface Place {
  readonly output: Output;
  readonly input: Input;
  readonly symbol: ElfSymbol;
  readonly home: InputSection | undefined;
}

/** The error for a symbol that does not go together with what was there before. */
export function symbolError(
  input: Input,
  symbol: ElfSymbol,
  reason: string,
  advice: string,
): LinkError {
  return new LinkError(input.name, symbolPlace(input, symbol), reason, advice);
}

/** Externs of `.ksyms` and the like belong to the section that BTF lists them in. */
export function listingSection(
  { input, symbol, home }: Place,
  type: NamedType,
): InputSection | undefined {
  if (symbol.section !== 0) return home;
  if (type.datasec === undefined || type.datasec === '.extern') return undefined;
  const section = input.sections.find(({ name }) => name === type.datasec);
  if (section?.output) return section;
  const reason = `'${symbol.name}' is in '${type.datasec}', which was left out`;
  throw symbolError(input, symbol, reason, 'Put the variable into another section.');
}
