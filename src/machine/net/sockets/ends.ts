/** Both ends of a socket in the contexts of programs. */
import type { Runtime } from '../../../runtime/index.ts';
import { mapped, type Tuple } from './address.ts';

export const AF_INET = 2;
export const AF_INET6 = 10;
/** IPPROTO_* */
export const PROTOCOLS = { tcp: 6, udp: 17 } as const;

export const familyNumber = (family: 4 | 6): number => (family === 4 ? AF_INET : AF_INET6);

/** An address of a socket, where a struct has room for one of IPv4 and one of IPv6. */
export function writeAddress(
  bytes: Uint8Array,
  at4: number,
  at6: number,
  family: 4 | 6,
  address: Uint8Array,
): void {
  if (address.length === 4) bytes.set(address, at4);
  if (family === 6) bytes.set(mapped(address), at6);
}

/**
 * Family, addresses and ports as struct __sk_buff, sk_msg_md and bpf_sock_ops have them. `at`:
 * where the struct's members are (`fieldOffsets`).
 */
export function writeEnds(
  runtime: Runtime,
  context: number,
  at: Readonly<Record<string, number>>,
  { family, local, localPort, remote, remotePort }: Tuple & { readonly family: 4 | 6 },
): void {
  const bytes = runtime.u8();
  const view = runtime.view();
  const place = (field: string): number => context + at[field]!;
  view.setUint32(place('family'), familyNumber(family), true);
  writeAddress(bytes, place('local_ip4'), place('local_ip6'), family, local);
  writeAddress(bytes, place('remote_ip4'), place('remote_ip6'), family, remote);
  view.setUint32(place('local_port'), localPort, true);
  // The kernel's 16 bits, in the upper half of the word.
  view.setUint16(place('remote_port') + 2, remotePort);
}
