import { flags, hex, uint } from '../fields.ts';
import { type Builder, protocol } from '../protocol.ts';

/** Ethernet inside (transparent Ethernet bridging). */
const ETHERNET = 0x6558;

const greFields = {
  flags: flags('CHECKSUM', 'ROUTING', 'KEY', 'SEQUENCE'),
  reserved: uint(9),
  version: uint(3),
  type: hex(16),
};
const vxlanFields = { flags: hex(8), reserved: uint(24), vni: uint(24), reserved2: uint(8) };
const geneveFields = {
  version: uint(2),
  optionWords: uint(6),
  control: uint(1),
  critical: uint(1),
  reserved: uint(6),
  type: hex(16),
  vni: uint(24),
  reserved2: uint(8),
};

const inside = (type: unknown) =>
  type === ETHERNET
    ? ({ by: 'name', number: 'Ethernet' } as const)
    : ({ by: 'ethertype', number: type as number } as const);

/** GRE; `options` are the fields that its flags announce, 4 bytes each. */
export const gre: Builder<typeof greFields> = protocol({
  name: 'GRE',
  fields: greFields,
  numbers: { ip: 47 },
  complete: ({ next }) => ({ type: next?.ethertype ?? ETHERNET }),
  options: ({ flags: set }) =>
    4 *
    String(set)
      .split(' ')
      .filter((flag) => flag !== '').length,
  next: ({ type }) => inside(type),
});

/** VXLAN, of Ethernet. */
export const vxlan: Builder<typeof vxlanFields> = protocol({
  name: 'VXLAN',
  fields: vxlanFields,
  numbers: { udpPort: 4789 },
  complete: () => ({ flags: 0x08 }),
  next: () => ({ by: 'name', number: 'Ethernet' }),
});

/** Geneve; `options` are padded to 32 bits. */
export const geneve: Builder<typeof geneveFields> = protocol({
  name: 'Geneve',
  fields: geneveFields,
  numbers: { udpPort: 6081 },
  optionsAlign: 4,
  complete: ({ header, next }) => ({
    optionWords: (header - 8) / 4,
    type: next?.ethertype ?? ETHERNET,
  }),
  options: ({ optionWords }) => (optionWords as number) * 4,
  next: ({ type }) => inside(type),
});
