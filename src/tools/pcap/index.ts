export { gzip, isGzip, type Unpacker, unpack } from './gzip.ts';
export { knownLinks, type LinkDef, linkDef } from './links.ts';
export type { BlockOption } from './pcapng.ts';
export { readOptions } from './pcapng.ts';
export { CaptureReader, type CaptureStorage, readCapture } from './reader.ts';
export {
  type CaptureFormat,
  type CaptureInterface,
  createBatch,
  type OtherBlock,
  type PacketBatch,
  packetTime,
} from './types.ts';
export {
  type CaptureWriter,
  createWriter,
  type NewCapture,
  type NewPacket,
  writeCapture,
} from './writer.ts';
