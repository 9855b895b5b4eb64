import type { NetNamespace } from '../namespace.ts';
import type { Packet } from '../stack/packet.ts';
import type { Stack } from '../stack/stack.ts';
import { addressKey } from './text.ts';
import { ETHERNET, type IpHeader, nextHeaderAt, put16, sealIpv4, u16 } from './wire.ts';

/** IP_FRAG_TIME: what is not complete by then is given up. */
const GIVE_UP_AFTER = 30_000_000_000;
/** The largest payload. */
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
  /** The piece that is the start: its headers are those of the whole. */
  first: First | undefined;
}

interface First {
  readonly data: Uint8Array;
  readonly header: IpHeader;
}

const all = new WeakMap<NetNamespace, Reassembly>();

/** Puts packets together again (net/ipv4/ip_fragment.c, net/ipv6/reassembly.c). */
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
    const { data } = packet;
    const found = header.version === 6 ? pieceOfIpv6(data, header) : pieceOfIpv4(data, header);
    const { at, bytes, more, key } = found;
    const end = at + bytes.length;
    if (end > LARGEST || (header.version === 6 && more && bytes.length % 8 !== 0)) {
      this.#stack.drop(packet, 'NOT_SPECIFIED', 'a piece of a wrong size');
      return undefined;
    }
    const partial = this.#find(key);
    if (partial.pieces.some((one) => at < one.at + one.bytes.length && one.at < end)) {
      this.#stack.drop(packet, 'DUP_FRAG');
      return undefined;
    }
    partial.pieces.push({ at, bytes });
    partial.packets.push(packet);
    if (at === 0) partial.first = { data, header };
    if (!more) partial.total = end;
    const have = partial.pieces.reduce((sum, one) => sum + one.bytes.length, 0);
    if (have !== partial.total || !partial.first) return undefined;
    this.#partial.delete(key);
    return assemble(partial, partial.first);
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
    const made: Partial = {
      pieces: [],
      packets: [],
      started: now,
      total: undefined,
      first: undefined,
    };
    this.#partial.set(key, made);
    return made;
  }
}

interface Found extends Piece {
  /** Another one follows it. */
  readonly more: boolean;
  readonly key: string;
}

function pieceOfIpv4(data: Uint8Array, header: IpHeader): Found {
  const word = u16(data, ETHERNET + 6);
  return {
    at: (word & 0x1fff) * 8,
    bytes: data.subarray(header.payload, header.end),
    more: (word & 0x2000) !== 0,
    key: `${ends(header)}/${header.protocol}/${u16(data, ETHERNET + 4)}`,
  };
}

/** Size of the header that pieces of IPv6 packets have (struct frag_hdr). */
const FRAGMENT_HEADER = 8;

function pieceOfIpv6(data: Uint8Array, header: IpHeader): Found {
  const word = u16(data, header.payload + 2);
  const id = `${u16(data, header.payload + 4)}:${u16(data, header.payload + 6)}`;
  return {
    at: word & 0xfff8,
    bytes: data.subarray(header.payload + FRAGMENT_HEADER, header.end),
    more: (word & 1) !== 0,
    key: `${ends(header)}/${id}`,
  };
}

const ends = ({ source, destination }: IpHeader): string =>
  `${addressKey(source)}/${addressKey(destination)}`;

function assemble({ pieces, total }: Partial, { data, header }: First): Uint8Array {
  const whole = new Uint8Array(header.payload + total!);
  whole.set(data.subarray(0, header.payload));
  for (const { at, bytes } of pieces) whole.set(bytes, header.payload + at);
  if (header.version === 6) {
    whole[nextHeaderAt(data, header.payload)] = data[header.payload]!;
    put16(whole, ETHERNET + 4, whole.length - ETHERNET - 40);
    return whole;
  }
  put16(whole, ETHERNET + 2, header.payload - ETHERNET + total!);
  put16(whole, ETHERNET + 6, 0);
  sealIpv4(whole);
  return whole;
}
