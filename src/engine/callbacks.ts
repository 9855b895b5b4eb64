import {
  CPU_REGIONS,
  R_ELEMENT,
  R_OWNER,
  REGION_FUNCTION,
  REGION_SIZE,
} from '../runtime/layout.ts';
import type { Runtime } from '../runtime/types.ts';
import { DEFAULT_FUEL, type ProgramImage } from './types.ts';

/** Whose callback a slot of the function table is. */
export interface CallbackOwner {
  readonly image: ProgramImage;
  /** Loop iterations a run of it may make, if it is checked. */
  readonly fuel: number;
}

const owners = new WeakMap<WebAssembly.Table, Map<number, CallbackOwner>>();

/** Whose callback is in a slot; undefined: it is none. */
export function callbackOwner(runtime: Runtime, slot: number): CallbackOwner | undefined {
  return owners.get(runtime.table)?.get(slot);
}

const FIRST_BITS = 4096;

/**
 * A slot of the function table for a callback, so that checked helpers accept pointers to it (they
 * refuse all other slots: a forged one could name a helper's body). The function may come later.
 */
export function addCallback(
  runtime: Runtime,
  image: ProgramImage,
  fuel: number = DEFAULT_FUEL,
  fn?: unknown,
): number {
  const slot = runtime.functions.reserve(fn);
  let known = owners.get(runtime.table);
  if (!known) owners.set(runtime.table, (known = new Map()));
  known.set(slot, { image, fuel });
  const record = recordOf(runtime);
  const view = runtime.view();
  if (slot >= view.getUint32(record + R_ELEMENT, true)) growBitmap(runtime, record, slot);
  setBit(runtime, slot, true);
  return slot;
}

/** Gives a slot back that `addCallback` gave. */
export function removeCallback(runtime: Runtime, slot: number): void {
  setBit(runtime, slot, false);
  owners.get(runtime.table)?.delete(slot);
  runtime.functions.release(slot);
}

function recordOf(runtime: Runtime): number {
  return runtime.cpuBlock + CPU_REGIONS + REGION_FUNCTION * REGION_SIZE;
}

function growBitmap(runtime: Runtime, record: number, slot: number): void {
  let bits = Math.max(FIRST_BITS, runtime.view().getUint32(record + R_ELEMENT, true));
  while (bits <= slot) bits *= 2;
  const bitmap = runtime.allocate(bits >>> 3);
  const view = runtime.view();
  const old = view.getUint32(record + R_OWNER, true);
  const oldBytes = view.getUint32(record + R_ELEMENT, true) >>> 3;
  runtime.u8().copyWithin(bitmap, old, old + oldBytes);
  view.setUint32(record + R_OWNER, bitmap, true);
  view.setUint32(record + R_ELEMENT, bits, true);
  if (old !== 0) runtime.release(old);
}

function setBit(runtime: Runtime, slot: number, value: boolean): void {
  const bitmap = runtime.view().getUint32(recordOf(runtime) + R_OWNER, true);
  const bytes = runtime.u8();
  const at = bitmap + (slot >>> 3);
  const bit = 1 << (slot & 7);
  bytes[at] = value ? bytes[at]! | bit : bytes[at]! & ~bit;
}
