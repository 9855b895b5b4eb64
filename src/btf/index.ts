export { Btf, isModifier } from './btf.ts';
export type { BtfBuilderOptions, NewBtfType } from './build.ts';
export { BtfBuilder, writeBtf } from './build.ts';
export type { DedupResult } from './dedup.ts';
export { dedupBtf } from './dedup.ts';
export { CDeclare } from './c-declare.ts';
export { declTags } from './decl-tags.ts';
export { decodeValue } from './decode.ts';
export type { BtfInput } from './encode.ts';
export { encodeValue } from './encode.ts';
export type {
  BtfExt,
  CoreRelocation,
  CoreRelocationKind,
  FuncInfo,
  LineInfo,
} from './ext.ts';
export { CORE_RELOCATION_KINDS, parseBtfExt } from './ext.ts';
export { formatFlat, formatValue } from './format.ts';
export type { BtfRefusal } from './load/check.ts';
export { checkBtfLoad } from './load/check.ts';
export { mapTypeIds } from './map-ids.ts';
export type { BtfMemberPlace, BtfUse } from './minimise.ts';
export { minimiseBtf } from './minimise.ts';
export { BTF_MAGIC, openBtf, parseBtf } from './parse.ts';
export type { PrintCOptions } from './print-c.ts';
export { declareC, printC } from './print-c.ts';
export type { RawPart, RawType } from './print-raw.ts';
export { printRaw, rawTypes } from './print-raw.ts';
export { printTs } from './print-ts.ts';
export { memberKey } from './ts-names.ts';
export { listOf, TsTypes } from './ts-types.ts';
export * from './types.ts';
export type { BtfValue } from './value.ts';
export type { BtfExtTarget } from './write-ext.ts';
export { writeBtfExt } from './write-ext.ts';
