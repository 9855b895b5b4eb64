/**
 * What values of BTF types look like in JavaScript:
 * - integers and pointers of up to 4 bytes: number; larger ones: bigint; `_Bool`: boolean
 * - enums: the name of the value, or the number if it has none
 * - structs and unions: objects by member name (members of anonymous ones stand in their parent;
 *   a union shows every member); datasecs: objects by variable name
 * - arrays: arrays, but `char` arrays that hold printable text: string (up to the first NUL);
 *   a flexible array has what bytes there are behind its struct, none if other members are there
 * - floats: number; those of more than 8 bytes, and what is left of a variable: an array of bytes
 */
export type BtfValue =
  | number
  | bigint
  | boolean
  | string
  | readonly BtfValue[]
  | { readonly [member: string]: BtfValue };

/** Values in one decoded or encoded thing, arrays and structs opened; more is a hostile type. */
export const MAX_VALUES = 1 << 22;
