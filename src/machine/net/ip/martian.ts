import { lookupRoute } from '../../../runtime/index.ts';
import type { HostRoute } from '../../../runtime/types.ts';
import type { Device } from '../device.ts';
import { isLinkLocal } from './text.ts';
import type { IpHeader } from './wire.ts';

const LOOPBACK = 127;
const isGroup = (address: Uint8Array) =>
  address.length === 4 ? address[0]! >> 4 === 14 : address[0] === 0xff;
const isEveryone = (address: Uint8Array) =>
  address.length === 4 && address.every((byte) => byte === 255);
const isNobody = (address: Uint8Array) => address.every((byte) => byte === 0);
const isSelf6 = (address: Uint8Array) => address[15] === 1 && isNobody(address.subarray(0, 15));

/**
 * Why no device but the loopback may bring a packet with such addresses, or undefined
 * (ip_route_input_slow, ip6_rcv_core).
 */
export function martian({ net, name }: Device, header: IpHeader): string | undefined {
  if (name === 'lo') return undefined;
  const { source, destination } = header;
  if (isGroup(source)) return 'martian source';
  if (header.version === 6) {
    return isSelf6(source) || isSelf6(destination) ? 'martian address' : undefined;
  }
  if (isEveryone(source) || source[0] === LOOPBACK) return 'martian source';
  const toAll = isEveryone(destination);
  if (source[0] === 0) return toAll && isNobody(source) ? undefined : 'martian source';
  if (destination[0] === 0 || destination[0] === LOOPBACK) return 'martian destination';
  return net.isLocal(source) ? 'martian source' : undefined;
}

/** Why an IPv6 packet goes no further than this link, or undefined (ip6_forward). */
export function staysHere({ version, source }: IpHeader): 'nobody' | 'link' | undefined {
  if (version === 4) return undefined;
  if (isNobody(source)) return 'nobody';
  return isLinkLocal(source) ? 'link' : undefined;
}

/** Who sent it could reach the next hop without us: IPv4, on the same link. */
export function isDetour(device: Device, { version, source }: IpHeader, route: HostRoute): boolean {
  if (version !== 4 || route.ifindex !== device.ifindex) return false;
  const back = lookupRoute(device.net.routes, source);
  return back?.type === 'unicast' && !back.gateway && back.ifindex === device.ifindex;
}

/** redirect_load, redirect_number and redirect_silence of net/ipv4/route.c, in nanoseconds. */
const FIRST_PAUSE = 20_000_000;
const MOST = 9;
const SILENCE = FIRST_PAUSE * 2 ** (MOST + 1);

/** How often senders are told of a better way: with longer and longer pauses, and not for ever. */
export class RedirectPace {
  readonly #told = new Map<string, { count: number; last: number }>();

  /** Whether a sender may be told now; counts it if so. */
  mayTell(sender: string, now: number): boolean {
    const known = this.#told.get(sender);
    if (!known || now > known.last + SILENCE) {
      this.#told.set(sender, { count: 1, last: now });
      return true;
    }
    if (known.count >= MOST) {
      known.last = now;
      return false;
    }
    if (now <= known.last + FIRST_PAUSE * 2 ** known.count) return false;
    known.count++;
    known.last = now;
    return true;
  }
}
