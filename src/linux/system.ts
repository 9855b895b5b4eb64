/** What all objects of a Linux kernel are made with. */
import { readFileSync } from 'node:fs';
import { errnoName, type KernelProfile, structs } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import type { BpfSyscall } from '../kernel/index.ts';
import { type Libc, SYSCALL } from './libc.ts';

/** The kernel this process runs on. */
export interface System {
  readonly libc: Libc;
  readonly bpf: BpfSyscall;
  readonly profile: KernelProfile;
  /** Possible CPUs: values a per-CPU map has per key. */
  readonly cpus: number;
  /** CPUs that run: those there can be events on. */
  readonly online: readonly number[];
}

/** What a system call gave. Throws KernelError for a negative errno. */
export function succeed(result: number, what: string): number {
  if (result >= 0) return result;
  throw new KernelError(errnoName(result), -result, what);
}

export function closeFd({ libc }: Pick<System, 'libc'>, fd: number): void {
  if (fd >= 0) libc.call(SYSCALL.close, fd);
}

/** CPUs of a list of the kernel's: '0-3,5'. */
export function cpuList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .flatMap((part) => {
      const [from, to = from] = part.split('-').map(Number) as [number, number?];
      return Array.from({ length: to! - from + 1 }, (_, i) => from + i);
    });
}

export const cpusThatAre = (word: 'possible' | 'online'): number[] =>
  cpuList(readFileSync(`/sys/devices/system/cpu/${word}`, 'utf8'));

type Kind = 'prog' | 'map' | 'link' | 'btf';

/** struct bpf_{prog,map,link,btf}_info of a file descriptor, members by the kernel's names. */
export class Info {
  readonly bytes: Uint8Array;
  readonly #struct: string;

  constructor({ bpf }: Pick<System, 'bpf'>, bpfFd: number, kind: Kind) {
    this.#struct = `bpf_${kind}_info`;
    this.bytes = new Uint8Array(structs[this.#struct]!.size);
    const attr = { bpfFd, info: this.bytes, infoLen: this.bytes.length };
    succeed(bpf.objGetInfoByFd(attr), `no information of this ${kind}`);
  }

  number(name: string): number {
    return Number(this.big(name));
  }

  big(name: string): bigint {
    const { offset, size } = this.#field(name);
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset);
    return size === 8 ? view.getBigUint64(offset, true) : BigInt(view.getUint32(offset, true));
  }

  text(name: string): string {
    const { offset, size } = this.#field(name);
    const bytes = this.bytes.subarray(offset, offset + size);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  slice(name: string): Uint8Array {
    const { offset, size } = this.#field(name);
    return this.bytes.slice(offset, offset + size);
  }

  #field(name: string) {
    return structs[this.#struct]!.fields.find((one) => one.name === name)!;
  }
}
