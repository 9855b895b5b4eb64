import { structs, type StructField } from '../../abi/index.ts';
import { refuse } from '../errno.ts';

/** What goes into a struct, by the kernel's names: numbers, addresses, text, bytes. */
export type StructValues = Readonly<Record<string, number | bigint | string | Uint8Array>>;

/** Writes members of a struct of the kernel over `bytes`; members behind their end are left out. */
export function putStruct(name: string, bytes: Uint8Array, values: StructValues): void {
  const { fields } = structs[name]!;
  for (const [key, value] of Object.entries(values)) {
    const field = fields.find((one) => one.name === key)!;
    if (field.offset + field.size <= bytes.length) putField(bytes, field, value);
  }
}

function putField(bytes: Uint8Array, field: StructField, value: StructValues[string]): void {
  const { offset, size } = field;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (typeof value === 'string')
    bytes.set(new TextEncoder().encode(value).subarray(0, size), offset);
  else if (value instanceof Uint8Array) bytes.set(value.subarray(0, size), offset);
  else if (size === 8) view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
  else view.setUint32(offset, Number(value) >>> 0, true);
}

/** A member of 4 or 8 bytes. */
export function structNumber(name: string, bytes: Uint8Array, key: string): bigint {
  const { offset, size } = structs[name]!.fields.find((one) => one.name === key)!;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return size === 8 ? view.getBigUint64(offset, true) : BigInt(view.getUint32(offset, true));
}

export const structSize = (name: string): number => structs[name]!.size;

/** Where a struct ends that its members fill to the last: without padding. */
export function structEnd(name: string): number {
  return Math.max(...structs[name]!.fields.map(({ offset, size }) => offset + size));
}

/** Bytes behind what is known must be zero: E2BIG (bpf_check_uarg_tail_zero). */
export function checkTail(bytes: Uint8Array | undefined, known: number, given: number): void {
  if (given > PAGE) refuse('E2BIG', 'larger than a page');
  if (given <= known) return;
  if (!bytes || bytes.length < given) refuse('EFAULT', 'a buffer is too short');
  if (bytes.subarray(known, given).some((byte) => byte !== 0)) refuse('E2BIG', 'unknown members');
}

const PAGE = 4096;
