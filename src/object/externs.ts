import type { Btf } from '../btf/index.ts';
import type { Source } from './source.ts';
import type { ExternSpec } from './types.ts';

/** Names that another must define: undefined symbols that BTF lists in `.ksyms` or `.kconfig`. */
export function readExterns({ elf, btf, notes }: Source): Map<string, ExternSpec> {
  const externs = new Map<string, ExternSpec>();
  const declared = btf ? declaredExterns(btf) : new Map<string, Declared>();
  for (const { name, section, binding, type } of elf.symbols) {
    if (section !== 0 || binding === 'local' || type !== 'none' || name === '') continue;
    const found = declared.get(name);
    if (found) externs.set(name, { name, weak: binding === 'weak', ...found });
    else notes.push(`undefined symbol '${name}' is in neither .ksyms nor .kconfig`);
  }
  return externs;
}

type Declared = Pick<ExternSpec, 'kind' | 'typeId'>;

function declaredExterns(btf: Btf): Map<string, Declared> {
  const declared = new Map<string, Declared>();
  for (const type of btf.types) {
    if (type.kind !== 'datasec' || (type.name !== '.ksyms' && type.name !== '.kconfig')) continue;
    for (const { type: typeId } of type.vars) {
      const { name, kind } = btf.type(typeId);
      const symbol = kind === 'func' ? 'ksym_function' : 'ksym_variable';
      declared.set(name, { kind: type.name === '.kconfig' ? 'kconfig' : symbol, typeId });
    }
  }
  return declared;
}
