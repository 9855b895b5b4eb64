export { formatAddress, parseAddress, parsePrefix } from '../packet/address.ts';
export { type GlobalVariable, globalsOf, patchValue, withGlobals } from './globals.ts';
export { type Globals, Host, type LoadedObject, objectFrom, type ObjectSource } from './host.ts';
export type { InsnArrayOption } from './insn-arrays.ts';
export {
  type Live,
  type LiveArray,
  type LivePart,
  type LiveScalar,
  type LiveStruct,
  openView,
  type SharedView,
  type ViewOptions,
  type WritableLive,
} from './live/index.ts';
export { type LoadedObjects, type LoadOptions, loadObject } from './load.ts';
export { MapOf, type MapRecord, type MapValue, type RedirectEntry } from './map.ts';
export { decodeOwner, OwnedList } from './owned.ts';
export { pod, type PodOptions } from './pod.ts';
export { Program } from './program.ts';
export { decodeReadable, isFiller, prefixText, readable, recordType } from './readable.ts';
export { StaticKey } from './static-key.ts';
export { eventWords, fateOf, type TraceStyle } from './trace-words.ts';
export type {
  Address,
  AddressPrefix,
  AnyObject,
  Arena,
  Input,
  Ipv4,
  Ipv4Prefix,
  ObjectMap,
  ObjectShape,
  PerCpuMap,
  Queue,
  RecordMap,
  TypedObject,
  UserRing,
} from './typed.ts';
