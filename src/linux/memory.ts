/** Memory of the kernel in this process: mmap(2). */
import { errnoName } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import { type Libc, SYSCALL } from './libc.ts';

export const PAGE = 4096;

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;

/** What is mapped. */
export interface Mapping {
  readonly fd: number;
  /** Bytes, whole pages. */
  readonly size: number;
  readonly offset?: number;
  readonly write: boolean;
  /** Where it must be; 0 or left out: anywhere. */
  readonly at?: bigint;
}

/** Pages shared with the kernel. */
export interface Mapped {
  readonly bytes: Uint8Array;
  /**
   * The kernel's pages leave; empty ones of our own take their place, so that whoever still has the
   * bytes reads zeros and does not end the process.
   */
  release(): void;
}

/** Throws KernelError: EPERM, EINVAL, ENOTSUPP, … as mmap(2) says. */
export function mapMemory(libc: Libc, { fd, size, offset = 0, write, at = 0n }: Mapping): Mapped {
  const protection = write ? PROT_READ | PROT_WRITE : PROT_READ;
  const flags = MAP_SHARED | (at === 0n ? 0 : MAP_FIXED);
  const address = libc.call(SYSCALL.mmap, at, size, protection, flags, fd, offset);
  if (address < 0) {
    throw new KernelError(errnoName(address), -address, 'the memory of the map cannot be shared');
  }
  let released = false;
  return {
    bytes: libc.memory(address, size),
    release() {
      if (released) return;
      released = true;
      const own = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
      libc.call(SYSCALL.mmap, address, size, PROT_READ | PROT_WRITE, own, -1n, 0);
    },
  };
}

/** A number of 64 bits as pages of ring buffers have it; below 2^53. */
export function position(bytes: Uint8Array, at = 0): number {
  const view = viewOf(bytes);
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** Moves a position. Whoever reads it is in the kernel: both halves at once. */
export function setPosition(bytes: Uint8Array, value: number, at = 0): void {
  viewOf(bytes).setBigUint64(at, BigInt(value), true);
}

export const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);
