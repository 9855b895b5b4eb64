import type { BtfType } from './types.ts';
import type { NewBtfType } from './write-type.ts';

/**
 * The type with every id it refers to passed through `map`; 0, which is `void`, stays. The result
 * has no id of its own: it is for `BtfBuilder.add`.
 *
 * @example
 * mapTypeIds(btf.type(7), (id) => id + offset);
 */
export function mapTypeIds(type: BtfType, map: (id: number) => number): NewBtfType {
  const { id: _, ...copy } = mapReferences(type, (id) => (id === 0 ? 0 : map(id)));
  return copy as NewBtfType;
}

function mapReferences(type: BtfType, map: (id: number) => number): BtfType {
  switch (type.kind) {
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
    case 'func':
    case 'var':
    case 'decl_tag':
      return { ...type, type: map(type.type) };
    case 'array':
      return { ...type, type: map(type.type), indexType: map(type.indexType) };
    case 'struct':
    case 'union':
      return { ...type, members: type.members.map((each) => ({ ...each, type: map(each.type) })) };
    case 'func_proto': {
      const params = type.params.map((each) => ({ ...each, type: map(each.type) }));
      return { ...type, returns: map(type.returns), params };
    }
    case 'datasec':
      return { ...type, vars: type.vars.map((each) => ({ ...each, type: map(each.type) })) };
    default:
      return type;
  }
}
