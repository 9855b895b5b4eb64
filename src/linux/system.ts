/** What all objects of a Linux kernel are made with. */
import { readFileSync } from 'node:fs';
import { type KernelProfile, structs, succeed } from '../abi/index.ts';
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

const NAME_ROOM = 64;

type Kind = 'prog' | 'map' | 'link' | 'btf';

/** What the kernel writes elsewhere: the member that is its address, and the one of its size. */
export interface InfoPart {
  readonly at: string;
  readonly size: string;
  /** Bytes there is room for; default: as many as the kernel says it has. */
  readonly room?: number;
  /** Bytes of what the size counts; default 1. */
  readonly unit?: number;
  /** The member that says so to the kernel, where it asks. */
  readonly unitAt?: string;
}

/** Part of what is told of an object: ids, a name, types. As much as this process may see. */
export function infoPart(system: System, fd: number, kind: Kind, part: InfoPart): Uint8Array {
  const { at, size, unit = 1 } = part;
  const bytes = new Uint8Array(part.room ?? new Info(system, fd, kind).number(size) * unit);
  if (bytes.length === 0) return bytes;
  const info = new Info(system, fd, kind, part, bytes);
  return info.big(at) === 0n ? new Uint8Array(0) : bytes.slice(0, info.number(size) * unit);
}

/** The same of a text. */
export function infoText(system: System, fd: number, kind: Kind, part: InfoPart): string {
  return textOf(infoPart(system, fd, kind, part));
}

/** The name of a BTF object: 'vmlinux', a module, '' for those of programs. */
export const btfName = (system: System, fd: number): string =>
  infoText(system, fd, 'btf', { at: 'name', size: 'name_len', room: NAME_ROOM });

/** A text that ends with a zero. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** struct bpf_{prog,map,link,btf}_info of a file descriptor, members by the kernel's names. */
export class Info {
  readonly bytes: Uint8Array;
  readonly #struct: string;

  constructor(
    { bpf, libc }: Pick<System, 'bpf' | 'libc'>,
    bpfFd: number,
    kind: Kind,
    part?: InfoPart,
    room?: Uint8Array,
  ) {
    this.#struct = `bpf_${kind}_info`;
    this.bytes = new Uint8Array(structs[this.#struct]!.size);
    if (part && room) this.#offer(part, room, libc.address(room));
    const attr = { bpfFd, info: this.bytes, infoLen: this.bytes.length };
    succeed(bpf.objGetInfoByFd(attr), `no information of this ${kind}`);
  }

  #offer({ at, size, unit = 1, unitAt }: InfoPart, room: Uint8Array, address: bigint): void {
    const view = new DataView(this.bytes.buffer);
    view.setBigUint64(this.#field(at).offset, address, true);
    view.setUint32(this.#field(size).offset, room.length / unit, true);
    if (unitAt) view.setUint32(this.#field(unitAt).offset, unit, true);
  }

  number(name: string): number {
    return Number(this.big(name));
  }

  big(name: string): bigint {
    const { offset, size, bit, bits } = this.#field(name);
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset);
    if (size === 8) return view.getBigUint64(offset, true);
    const word = BigInt(view.getUint32(offset, true));
    return bits === undefined ? word : BigInt.asUintN(bits, word >> BigInt(bit!));
  }

  text(name: string): string {
    const { offset, size } = this.#field(name);
    return textOf(this.bytes.subarray(offset, offset + size));
  }

  slice(name: string): Uint8Array {
    const { offset, size } = this.#field(name);
    return this.bytes.slice(offset, offset + size);
  }

  #field(name: string) {
    return structs[this.#struct]!.fields.find((one) => one.name === name)!;
  }
}
