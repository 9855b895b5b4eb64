import type { BtfComposite, BtfEnum, BtfEnum64, BtfFuncProto, BtfType } from './types.ts';

/**
 * Texts that are equal exactly if two types are equal but for what they refer to; `ref` gives the
 * id to compare for a reference. Names come last or in quotes: they may hold any character.
 */

type Ref = (id: number) => number;

/** A type without references: int, float, fwd. */
export function leafKey(type: BtfType): string {
  switch (type.kind) {
    case 'int': {
      const { size, bits, bitOffset, signed, char, bool } = type;
      return `int ${size} ${bits} ${bitOffset} ${signed} ${char} ${bool} ${type.name}`;
    }
    case 'float':
      return `float ${type.size} ${type.name}`;
    case 'fwd':
      return `fwd ${type.of} ${type.name}`;
    default:
      return '';
  }
}

/** An enum with its values. */
export function enumKey(type: BtfEnum | BtfEnum64): string {
  let key = `${type.kind} ${type.size} ${type.signed}`;
  for (const { name, value } of type.values) key += ` ${value}=${JSON.stringify(name)}`;
  return `${key} ${type.name}`;
}

/** A struct or union with names and places of its members, not their types. */
export function compositeKey(type: BtfComposite): string {
  let key = `${type.kind} ${type.size}`;
  for (const { name, bitOffset, bitSize } of type.members) {
    key += ` ${bitOffset}:${bitSize}=${JSON.stringify(name)}`;
  }
  return `${key} ${type.name}`;
}

/** A type that refers to others, in terms of `ref`; '' for a kind that is none. */
export function referenceKey(type: BtfType, ref: Ref): string {
  switch (type.kind) {
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
      return `${type.kind} ${ref(type.type)} ${type.name}`;
    case 'func':
      return `func ${type.linkage} ${ref(type.type)} ${type.name}`;
    case 'decl_tag':
      return `decl_tag ${type.component} ${ref(type.type)} ${type.name}`;
    case 'array':
      return `array ${type.count} ${ref(type.type)} ${ref(type.indexType)} ${type.name}`;
    case 'func_proto':
      return protoKey(type, ref);
    default:
      return '';
  }
}

function protoKey(type: BtfFuncProto, ref: Ref): string {
  let key = `func_proto ${ref(type.returns)}`;
  for (const param of type.params) key += ` ${ref(param.type)}=${JSON.stringify(param.name)}`;
  return `${key} ${type.name}`;
}
