import { isPadding, type KeyField } from './fields.ts';

/** What of an IPv4 packet a key's field holds, by the last part of its name. */
const ROLES = {
  source: /^(s|src|source|client|from|remote)_?(ip|ip4|ipv4|addr|address)?$|^(ip|addr)_?(s|src)$/,
  destination:
    /^(d|dst|dest|destination|server|to|local)_?(ip|ip4|ipv4|addr|address)?$|^(ip|addr)_?(d|dst)$/,
  sourcePort: /^(s|src|source|client|remote)_?port$|^port_?(s|src)$/,
  destinationPort: /^(d|dst|dest|destination|server|local)_?port$|^port(_?(d|dst))?$/,
  protocol: /^(ip_?)?proto(col)?$|^l4_?proto(col)?$/,
} as const;

type Role = keyof typeof ROLES;

const SIZES: Readonly<Record<Role, number>> = {
  source: 4,
  destination: 4,
  sourcePort: 2,
  destinationPort: 2,
  protocol: 1,
};

const UDP = 17;
const TCP = 6;
const DEFAULTS: Readonly<Record<Role, number>> = {
  source: 0x0a000001,
  destination: 0x0a000002,
  sourcePort: 40000,
  destinationPort: 53,
  protocol: UDP,
};

/** Fields of a key that packets have, by what they are. */
export type PacketRoles = ReadonlyMap<Role, KeyField>;

/** Guesses from the fields' names and sizes. Throws RangeError if some field is in no packet. */
export function packetRoles(fields: readonly KeyField[]): PacketRoles {
  const roles = new Map<Role, KeyField>();
  for (const field of fields) {
    const name = field.name.toLowerCase().split('.').at(-1)!;
    const role = (Object.keys(ROLES) as Role[]).find(
      (each) => ROLES[each].test(name) && SIZES[each] === field.size && !roles.has(each),
    );
    if (role) roles.set(role, field);
    else if (!isPadding(field)) {
      throw new RangeError(`no packet has the key's field '${field.name}' (${field.size} bytes)`);
    }
  }
  return roles;
}

/** The protocol that packets of unrestricted keys have: UDP, the shortest. */
export const DEFAULT_PROTOCOL = BigInt(UDP);

/** An Ethernet frame with the IPv4 and UDP or TCP header that a key describes. */
export function packetFor(key: Uint8Array, roles: PacketRoles): Uint8Array {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const value = (role: Role): number => {
    const field = roles.get(role);
    return field ? numberAt(view, field) : DEFAULTS[role];
  };
  const protocol = value('protocol');
  const header = protocol === TCP ? 20 : 8;
  const frame = new Uint8Array(Math.max(60, 34 + header));
  const out = new DataView(frame.buffer);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
  frame.set([0x45, 0], 14);
  out.setUint16(16, 20 + header);
  frame.set([64, protocol], 22);
  out.setUint32(26, value('source'));
  out.setUint32(30, value('destination'));
  out.setUint16(24, headerChecksum(out));
  out.setUint16(34, value('sourcePort'));
  out.setUint16(36, value('destinationPort'));
  // A SYN with nothing in it, or an empty datagram without a checksum.
  if (protocol === TCP) frame.set([0x50, 0x02, 0x20, 0], 46);
  else out.setUint16(38, header);
  return frame;
}

/** Also numbers whose type does not say so are in network order, as packets have them. */
function numberAt(view: DataView, { offset, size }: KeyField): number {
  if (size === 1) return view.getUint8(offset);
  return size === 2 ? view.getUint16(offset) : view.getUint32(offset);
}

/** Of the IPv4 header at byte 14, whose checksum is still 0. */
function headerChecksum(frame: DataView): number {
  let sum = 0;
  for (let at = 14; at < 34; at += 2) sum += frame.getUint16(at);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~(sum + (sum >>> 16)) & 0xffff;
}
