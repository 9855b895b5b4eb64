/** The C library of this process, through koffi: system calls, addresses, memory. */
import { arch, platform } from 'node:process';
import { KernelError } from '../base/index.ts';

/** System calls of x86-64 that Node has no function for. */
export const SYSCALL = {
  close: 3,
  mmap: 9,
  munmap: 11,
  ioctl: 16,
  socket: 41,
  sendto: 44,
  recvfrom: 45,
  setsockopt: 54,
  perfEventOpen: 298,
  bpf: 321,
  pidfdOpen: 434,
} as const;

/** The version of koffi this room is made for. */
export const KOFFI = '3.3.4';

type Word = number | bigint;

/** What this room asks of the process it is in. */
export interface Libc {
  /** A system call: what it returns, or a negative errno. Arguments left out are 0. */
  call(number: number, ...words: readonly Word[]): number;
  /** Where bytes are. They stay there while somebody holds them. */
  address(bytes: Uint8Array): bigint;
  /** The memory at an address. Whoever reads it when it is unmapped ends the process. */
  memory(address: number, size: number): Uint8Array;
}

/** The members of koffi that are used. */
interface Koffi {
  load(path: string): {
    func(name: string, result: string, words: readonly string[]): (...words: Word[]) => Word;
  };
  address(bytes: Uint8Array): bigint;
  view(address: bigint, size: number): ArrayBuffer;
  errno(): number;
}

const NO_WORDS: readonly Word[] = [0, 0, 0, 0, 0, 0];

/** Throws KernelError EOPNOTSUPP: no Linux, another processor, no koffi. */
export async function openLibc(): Promise<Libc> {
  const refused = platformRefusal(platform, arch);
  if (refused) throw new KernelError('EOPNOTSUPP', 95, refused);
  const koffi = await loadKoffi();
  const syscall = koffi.load('libc.so.6').func('syscall', 'long', Array(7).fill('size_t'));
  return {
    call(number, ...words) {
      const result = Number(syscall(number, ...words, ...NO_WORDS.slice(words.length)));
      return result === -1 ? -koffi.errno() : result;
    },
    address: (bytes) => koffi.address(bytes),
    memory: (address, size) => new Uint8Array(koffi.view(BigInt(address), size)),
  };
}

/** Why this computer cannot be the kernel, in words. */
export function platformRefusal(system: string, processor: string): string | undefined {
  if (system !== 'linux') return `bpf(2) is Linux's, and this is ${system}`;
  if (processor !== 'x64') return `beeyard/linux is for x86-64, and this is ${processor}`;
  return undefined;
}

async function loadKoffi(): Promise<Koffi> {
  try {
    return (await import('koffi')).default as unknown as Koffi;
  } catch (error) {
    const text = `bpf(2) is called through the package koffi: npm install koffi@${KOFFI}`;
    throw new KernelError('EOPNOTSUPP', 95, text, { cause: error });
  }
}
