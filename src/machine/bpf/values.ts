import type { U64 } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { Process } from './process.ts';

/** The first `size` bytes of a buffer of the caller: EFAULT if there are not as many. */
export function userBytes(buffer: Uint8Array | undefined, size: number): Uint8Array {
  if (size > 0 && (buffer?.length ?? 0) < size) refuse('EFAULT', 'a buffer is too short');
  return buffer?.subarray(0, size) ?? new Uint8Array(0);
}

/** A key: none has no bytes, and EINVAL if there are some all the same (__bpf_copy_key). */
export function userKey(key: Uint8Array | undefined, size: number): Uint8Array {
  if (size === 0 && key) refuse('EINVAL', 'the map has no keys');
  return userBytes(key, size);
}

/** Numbers of 32 bits into a buffer of the caller. Throws KernelError EFAULT. */
export function putU32s(to: Uint8Array, values: readonly number[]): void {
  userBytes(to, values.length * 4).set(u32s(values));
}

/** Numbers of 32 bits as bytes. */
export function u32s(values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** A number of 64 bits, unsigned. */
export const u64 = (value: U64 | undefined): bigint => BigInt.asUintN(64, BigInt(value ?? 0));

/** The same as a number: exact up to 53 bits, and never small for one that is big. */
export const flagsOf = (value: U64 | undefined): number => Number(u64(value));

/** A name as the kernel copies it (bpf_obj_name_cpy): EINVAL for other characters, 16 and more. */
export function objectName(name = ''): string {
  if (name.length > 15 || !/^[\w.]*$/.test(name)) refuse('EINVAL', `'${name}' is no name`);
  return name;
}

/** Programs and maps that a device would hold: none of the devices here can. */
export function refuseDevice({ machine }: Process, ifindex: number): never {
  const there = machine.settings.subsystems.some((each) => each.deviceAt?.(ifindex));
  return refuse(there ? 'EOPNOTSUPP' : 'EINVAL', 'no device takes programs or maps');
}
