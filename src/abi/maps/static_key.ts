import { extensionMapTypes } from '../extensions.ts';
import type { MapTypeDef } from '../types.ts';

/** An extension, see src/object/static-branches.ts: an array of one number, on unless it is 0. */
export const staticKey: MapTypeDef = {
  name: 'static_key',
  id: extensionMapTypes.BPF_MAP_TYPE_STATIC_KEY,
  runtime: 'array',
  flags: 0,
  keySize: 4,
  valueSize: 4,
  maxEntries: 1,
  staticKey: true,
};
