export { Btf } from './btf.ts';
export { decodeValue } from './decode.ts';
export type { BtfInput } from './encode.ts';
export { encodeValue } from './encode.ts';
export * from './ext.ts';
export { formatFlat, formatValue } from './format.ts';
export { BTF_MAGIC, parseBtf } from './parse.ts';
export * from './types.ts';
export type { BtfValue } from './value.ts';
