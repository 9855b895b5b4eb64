import type { NetNamespace } from '../namespace.ts';
import type { Packet } from '../stack/packet.ts';
import type { Stack } from '../stack/stack.ts';
import { addressKey } from './text.ts';
import { ETHERNET, type IpHeader, put16, sealIpv4, u16 } from './wire.ts';

/** IP_FRAG_TIME: what is not complete by then is given up. */
const GIVE_UP_AFTER = 30_000_000_000;
/** The largest IPv4 packet. */
const LARGEST = 65_535;
/** Packets in pieces at a time; the oldest give way. */
const MOST = 1024;

interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export interface Partial {
  readonly pieces: Piece[];
  readonly packets: Packet[];
  readonly started: number;
  /** Bytes of the whole payload, once the last piece is here. */
  total: number | undefined;
}

const all = new WeakMap<NetNamespace, Reassembly>();

/** Puts IPv4 packets together again (net/ipv4/ip_fragment.c). Pieces of IPv6 are dropped. */
export class Reassembly {
  readonly #stack: Stack;
  readonly #partial = new Map<string, Partial>();

  static of(net: NetNamespace, stack: Stack): Reassembly {
    const found = all.get(net) ?? new Reassembly(stack);
    all.set(net, found);
    return found;
  }

  /** Packets of a namespace that are not whole. */
  static partsOf(net: NetNamespace): ReadonlyMap<string, Partial> | undefined {
    const found = all.get(net);
    return found && found.#partial;
  }

  static resume(net: NetNamespace, parts: ReadonlyMap<string, Partial>): void {
    const made = Reassembly.of(net, net.stack);
    for (const [key, partial] of parts) made.#partial.set(key, partial);
  }

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  /** Adds a piece; the whole frame if it was the last one missing. */
  add(packet: Packet, header: IpHeader): Uint8Array | undefined {
    if (header.version === 6) {
      this.#stack.drop(packet, 'NOT_SPECIFIED', 'pieces of IPv6 packets are not put together');
      return undefined;
    }
    const { data } = packet;
    const word = u16(data, ETHERNET + 6);
    const at = (word & 0x1fff) * 8;
    const bytes = data.subarray(header.payload, header.end);
    if (at + bytes.length > LARGEST) {
      this.#stack.drop(packet, 'NOT_SPECIFIED', 'a piece beyond the largest packet');
      return undefined;
    }
    const key = keyOf(data, header);
    const partial = this.#find(key);
    if (
      partial.pieces.some((one) => at < one.at + one.bytes.length && one.at < at + bytes.length)
    ) {
      this.#stack.drop(packet, 'DUP_FRAG');
      return undefined;
    }
    partial.pieces.push({ at, bytes });
    partial.packets.push(packet);
    if ((word & 0x2000) === 0) partial.total = at + bytes.length;
    const have = partial.pieces.reduce((sum, one) => sum + one.bytes.length, 0);
    if (have !== partial.total) return undefined;
    this.#partial.delete(key);
    return assemble(partial, data, header);
  }

  #find(key: string): Partial {
    const now = Number(this.#stack.now);
    for (const [old, partial] of this.#partial) {
      const late = partial.started + GIVE_UP_AFTER <= now;
      if (!late && this.#partial.size < MOST) break;
      for (const packet of partial.packets) this.#stack.drop(packet, 'FRAG_REASM_TIMEOUT');
      this.#partial.delete(old);
    }
    const found = this.#partial.get(key);
    if (found) return found;
    const made: Partial = { pieces: [], packets: [], started: now, total: undefined };
    this.#partial.set(key, made);
    return made;
  }
}

function keyOf(data: Uint8Array, { source, destination, protocol }: IpHeader): string {
  return `${addressKey(source)}/${addressKey(destination)}/${protocol}/${u16(data, ETHERNET + 4)}`;
}

function assemble({ pieces, total }: Partial, data: Uint8Array, header: IpHeader): Uint8Array {
  const whole = new Uint8Array(header.payload + total!);
  whole.set(data.subarray(0, header.payload));
  for (const { at, bytes } of pieces) whole.set(bytes, header.payload + at);
  put16(whole, ETHERNET + 2, header.payload - ETHERNET + total!);
  put16(whole, ETHERNET + 6, 0);
  sealIpv4(whole);
  return whole;
}
