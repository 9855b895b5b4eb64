/** Packets to begin with: one of each kind that programs look for. */

const MAC = '020000000002 020000000001';
const IPV4_TCP = '4500002c 00010000 40060000 0a000001 0a000002';
const IPV6_TCP = `60000000 00140640 ${'20010db8000000000000000000000001'.repeat(2)}`;
const PORTS = '04d20050 00000001 00000000';

const TEMPLATES = [
  // UDP and TCP over IPv4, IPv4 with options, ICMP.
  `${MAC} 0800 45000032 00010000 40110000 0a000001 0a000002 04d20035 001e0000`,
  `${MAC} 0800 ${IPV4_TCP} ${PORTS} 60020400 00000000 02040400`,
  `${MAC} 0800 4f00005a 00010000 40110000 0a000001 0a000002 ${'00'.repeat(40)} 04d20035 000e0000`,
  `${MAC} 0800 4500001c 00010000 40010000 0a000001 0a000002 08000000 00010001`,
  // TCP over IPv6, a VLAN tag, ARP, nothing known.
  `${MAC} 86dd ${IPV6_TCP} ${PORTS} 50020400 00000000`,
  `${MAC} 8100 000a 0800 4500001c 00010000 40110000 0a000001 0a000002 04d20035 00080000`,
  `${MAC} 0806 00010800 06040001 020000000001 0a000001 000000000000 0a000002`,
  `${MAC} 88b5 ${'00'.repeat(46)}`,
];

/** Frames of Ethernet, short ones without padding. */
export const templates: readonly Uint8Array[] = TEMPLATES.map((text) => {
  const digits = text.replaceAll(' ', '');
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(digits.slice(i * 2, i * 2 + 2), 16);
  return bytes;
});
