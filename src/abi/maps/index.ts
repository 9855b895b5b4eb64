// Made by `npm run build:wasm` from the list of files in this folder. Do not edit.
import type { MapTypeDef } from '../types.ts';
import { array } from './array.ts';

/** Every map type with facts in this folder. */
export const mapTypes: readonly MapTypeDef[] = [
  array,
];
