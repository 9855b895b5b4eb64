import type { Btf, NewBtfType } from '../../btf/index.ts';
import { mapTypeIds } from '../../btf/index.ts';
import type { Input, InputSection } from './input.ts';
import type { Output, OutputSection, SectionEntry } from './output.ts';
import { isShared } from './symbol-types.ts';

/** Appends the types of an input, and what its datasecs list. */
export function appendTypes(output: Output, input: Input): void {
  const { btf } = input;
  if (!btf) return;
  const added = numberTypes(output, input, btf);
  for (const id of added) output.addType(mapTypeIds(btf.type(id), newId(input, btf, id)));
  replaceStale(output, input, btf);
  for (const section of input.sections) {
    if (section.datasec && section.output && !section.duplicate) {
      appendVars(output, input, btf, section, section.output);
    }
  }
}

/**
 * Gives each type its id in the output; returns those that are to be added. Names that are there
 * already keep their var or func. Datasecs are made at the end, from all inputs.
 */
function numberTypes(output: Output, input: Input, btf: Btf): number[] {
  const added: number[] = [];
  for (let id = 1; id < btf.count; id++) {
    const type = btf.type(id);
    if (type.kind === 'datasec') continue;
    if (isShared(type)) {
      const symbol = output.globals.get(type.name);
      // No symbol: the variable of a section that the output has already (`license`).
      if (!symbol) continue;
      if (symbol.typeId !== 0) {
        input.typeIds[id] = symbol.typeId;
        continue;
      }
      symbol.typeId = output.types.length + added.length;
    }
    input.typeIds[id] = output.types.length + added.length;
    added.push(id);
  }
  return added;
}

/** Input id → output id, for what type `user` refers to. */
function newId(input: Input, btf: Btf, user: number): (id: number) => number {
  return (id) => {
    const mapped = input.typeIds[id]!;
    return mapped !== 0 ? mapped : btf.fail(user, `refers to type ${id}, which was left out`);
  };
}

/** Gives names that this input defined the types they have here. */
function replaceStale(output: Output, input: Input, btf: Btf): void {
  for (const symbol of output.globals.values()) {
    if (!symbol.stale) continue;
    symbol.stale = false;
    const defined = btf.type(symbol.type.id);
    const declared = output.types[symbol.typeId]!;
    if (!isShared(defined) || !isShared(declared)) continue;
    const type = defined.type === 0 ? 0 : newId(input, btf, defined.id)(defined.type);
    output.types[symbol.typeId] = { ...declared, type } as NewBtfType;
  }
}

function appendVars(
  output: Output,
  input: Input,
  btf: Btf,
  section: InputSection,
  target: OutputSection,
): void {
  target.described = true;
  for (const variable of section.datasec!.vars) {
    const type = btf.type(variable.type);
    const symbol = isShared(type) ? output.globals.get(type.name) : undefined;
    if (isShared(type) && !symbol) btf.fail(type.id, `'${type.name}' has no symbol`);
    // A weak variable that lost against a strong one in another section.
    if (symbol && symbol.section !== target) continue;
    const entry: SectionEntry = {
      type: newId(input, btf, section.datasec!.id)(variable.type),
      offset: section.offset + variable.offset,
      size: variable.size,
    };
    if (symbol?.entry === undefined) {
      if (symbol) symbol.entry = entry;
      target.vars.add(entry);
    } else if (symbol.type.input === input && !symbol.extern) {
      symbol.entry.offset = entry.offset;
      symbol.entry.size = entry.size;
    }
  }
}
