import { helperId, programTypeId } from '../../src/abi/index.ts';
import { createRuntime, type Runtime } from '../../src/runtime/index.ts';
import * as layout from '../../src/runtime/layout.ts';

const L = layout as Readonly<Record<string, number>>;

export type Kind = 'xdp' | 'sched_cls';

/** One packet in a frame of its own, and helpers called on it as a program of its type would. */
export class Bench {
  readonly runtime: Runtime;
  readonly kind: Kind;
  readonly ctx: number;
  readonly #frame: number;
  readonly #size: number;

  constructor(kind: Kind, packet: Uint8Array = new Uint8Array(64), head = 256, tail = 320) {
    this.kind = kind;
    this.runtime = createRuntime({ cpus: 1, seed: 7 });
    this.#size = head + packet.length + tail;
    this.#frame = this.runtime.allocate(this.#size);
    const xdp = kind === 'xdp';
    this.ctx = this.runtime.allocate(xdp ? layout.XDP_CTX_SIZE : layout.SKB_CTX_SIZE);
    this.#bounds(this.#frame + head, this.#frame + head + packet.length);
    this.runtime.u8().set(packet, this.#frame + head);
    this.runtime.u32()[(this.runtime.cpuBlock + layout.C_CTX) / 4] = this.ctx;
    if (!xdp) this.#skb(packet);
  }

  #bounds(data: number, end: number): void {
    this.set('DATA', data);
    this.set('DATA_META', data);
    this.set('DATA_END', end);
    this.set('HARD_START', this.#frame);
    this.set('HARD_END', this.#frame + this.#size);
  }

  #skb(packet: Uint8Array): void {
    this.set('LEN', packet.length);
    this.set('WIRE_LEN', packet.length);
    this.set('NETWORK_OFFSET', 14);
    this.set('PROTOCOL', packet[12]! | (packet[13]! << 8));
  }

  /** Field of the context by its name in layout.ts, without the prefix. */
  offset(field: string): number {
    const name = `${this.kind === 'xdp' ? 'XDP' : 'SKB'}_${field}`;
    const offset = L[name];
    if (offset === undefined) throw new Error(`no ${name}`);
    return offset;
  }

  get(field: string): number {
    return this.runtime.u32()[(this.ctx + this.offset(field)) / 4]!;
  }

  set(field: string, value: number): void {
    this.runtime.u32()[(this.ctx + this.offset(field)) / 4] = value;
  }

  get packet(): Uint8Array {
    return this.runtime.u8().slice(this.get('DATA'), this.get('DATA_END'));
  }

  get headroom(): number {
    return this.get('DATA') - this.#frame;
  }

  /** Start and end of the packet's region, as checked code sees it. */
  get region(): [number, number] {
    const at = (this.runtime.cpuBlock + layout.CPU_REGIONS) / 4;
    return [this.runtime.u32()[at]!, this.runtime.u32()[at + 1]!];
  }

  /** Copies bytes into memory; returns their address. */
  bytes(bytes: ArrayLike<number>): number {
    const at = this.runtime.allocate(Math.max(1, bytes.length), 8);
    this.runtime.u8().set(bytes, at);
    return at;
  }

  text(text: string): number {
    return this.bytes([...new TextEncoder().encode(text), 0]);
  }

  read(at: number, size: number): Uint8Array {
    return this.runtime.u8().slice(at, at + size);
  }

  /** A tagged pointer to a new region with these bytes: what checked reads accept. */
  regionOf(bytes: ArrayLike<number>): bigint {
    const call = this.runtime.exports as unknown as Readonly<
      Record<string, (...args: number[]) => number>
    >;
    const at = this.bytes(bytes);
    const id = call['region_new']!();
    call['region_set']!(id, at, at + bytes.length, 0, 0, 0, 0);
    return (BigInt.asUintN(32, BigInt(layout.TAG_BASE + id)) << 32n) | BigInt(at);
  }

  /** All 64 bits of the result, unsigned. */
  call64(name: string, ...args: (number | bigint)[]): bigint {
    const id = helperId(name)!;
    const type = programTypeId(this.kind)!;
    const fn = this.runtime.helperFunction(id, type) as (...args: bigint[]) => bigint;
    const arity = this.runtime.helperArity(id, type);
    const given = args.map(BigInt);
    while (given.length < arity) given.push(0n);
    return BigInt.asUintN(64, fn(...given));
  }

  /** Result as a signed 64-bit number. */
  call(name: string, ...args: (number | bigint)[]): number {
    return Number(BigInt.asIntN(64, this.call64(name, ...args)));
  }

  /** The same with the context as first argument. */
  on(name: string, ...args: (number | bigint)[]): number {
    return this.call(name, this.ctx, ...args);
  }
}

export const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.replace(/\s+/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** Internet checksum of RFC 1071, computed the slow and obvious way. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

const IPV4_HEADER = '45000030 12344000 40110000 0a000001 c0a80102';

/** Ethernet, IPv4, UDP with 20 bytes of data; both checksums are right. */
export function udpPacket(): Uint8Array {
  const packet = bytesOf(
    `020000000001 020000000002 0800 ${IPV4_HEADER} 1388 0035 001c 0000
     00010203 04050607 08090a0b 0c0d0e0f 10111213`,
  );
  put16(packet, 14 + 10, internetChecksum(packet.subarray(14, 34)));
  put16(packet, 34 + 6, udpChecksum(packet));
  return packet;
}

export function udpChecksum(packet: Uint8Array): number {
  const segment = packet.slice(34);
  segment[6] = segment[7] = 0;
  const pseudo = Uint8Array.from([
    ...packet.subarray(26, 34),
    0,
    17,
    0,
    segment.length,
    ...segment,
  ]);
  return internetChecksum(pseudo) || 0xffff;
}

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

export const get16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
