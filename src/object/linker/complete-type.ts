import type { NewBtfType } from '../../btf/index.ts';
import type { GlobalSymbol, Output } from './output.ts';

/**
 * Makes the output's declaration of an extern one of a definition: its linkage, and the names of
 * parameters, which declarations leave out. Then both inputs' types are equal and merge.
 */
export function completeType(output: Output, symbol: GlobalSymbol): void {
  const declared = output.types[symbol.typeId]!;
  if (declared.kind !== 'func' && declared.kind !== 'var') return;
  const global: NewBtfType = { ...declared, linkage: 'global' };
  output.types[symbol.typeId] = global;
  if (declared.kind !== 'func') return;
  const { input, id } = symbol.type;
  const defined = input.btf!.type(id);
  const source = defined.kind === 'func' ? input.btf!.type(defined.type) : undefined;
  const proto = output.types[declared.type];
  if (source?.kind !== 'func_proto' || proto?.kind !== 'func_proto') return;
  const params = proto.params.map((param, i) => ({
    ...param,
    name: source.params[i]!.name || param.name,
  }));
  for (const { name } of params) output.texts.add(name);
  output.types[declared.type] = { ...proto, params };
}
