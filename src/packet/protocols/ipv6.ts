import { hex, ip, uint } from '../fields.ts';
import { type Builder, protocol } from '../protocol.ts';
import { IP_PROTOCOLS } from './numbers.ts';

/** Next header: nothing follows. */
const NOTHING = 59;
/** Bytes of an extension header that its length field does not count. */
const FIRST = 8;

const ipv6Fields = {
  version: uint(4),
  trafficClass: hex(8),
  flowLabel: hex(20),
  payloadLength: uint(16),
  nextHeader: uint(8, IP_PROTOCOLS),
  hopLimit: uint(8),
  source: ip(128),
  destination: ip(128),
};
const optionFields = { nextHeader: uint(8, IP_PROTOCOLS), length: uint(8) };
const routingFields = {
  nextHeader: uint(8, IP_PROTOCOLS),
  length: uint(8),
  type: uint(8),
  segmentsLeft: uint(8),
};
const fragmentFields = {
  nextHeader: uint(8, IP_PROTOCOLS),
  reserved: uint(8),
  fragmentOffset: uint(13),
  reserved2: uint(2),
  more: uint(1),
  id: hex(32),
};

const follows = ({ nextHeader }: Readonly<Record<string, unknown>>) =>
  ({ by: 'ip', number: nextHeader as number }) as const;

/** IPv6; fd00::1 to fd00::2 with a hop limit of 64 unless given. */
export const ipv6: Builder<typeof ipv6Fields> = protocol({
  name: 'IPv6',
  fields: ipv6Fields,
  numbers: { ethertype: 0x86dd, ip: 41 },
  complete: ({ body, next }) => ({
    version: 6,
    payloadLength: body,
    nextHeader: next?.ip ?? NOTHING,
    hopLimit: 64,
    source: 'fd00::1',
    destination: 'fd00::2',
  }),
  length: ({ payloadLength }) => (payloadLength as number) + 40,
  next: follows,
});

/** An extension header with options, which are padded to a multiple of 8 bytes. */
function optionsHeader(name: string, ipNumber: number): Builder<typeof optionFields> {
  return protocol({
    name,
    fields: optionFields,
    numbers: { ip: ipNumber },
    optionsAlign: 1,
    complete: ({ header, next }) => ({
      nextHeader: next?.ip ?? NOTHING,
      length: Math.max(0, Math.ceil((header - FIRST) / 8)),
    }),
    options: ({ length }) => FIRST + (length as number) * 8 - 2,
    next: follows,
  });
}

/** `options` have 6 bytes, or 6 and a multiple of 8. */
export const hopByHop: Builder<typeof optionFields> = optionsHeader('hop-by-hop options', 0);
/** `options` have 6 bytes, or 6 and a multiple of 8. */
export const destinationOptions: Builder<typeof optionFields> = optionsHeader(
  'destination options',
  60,
);

/** A routing header; `options` are what its type says, 4 bytes or 4 and a multiple of 8. */
export const routing: Builder<typeof routingFields> = protocol({
  name: 'routing',
  fields: routingFields,
  numbers: { ip: 43 },
  complete: ({ header, next }) => ({
    nextHeader: next?.ip ?? NOTHING,
    length: Math.max(0, Math.ceil((header - FIRST) / 8)),
  }),
  options: ({ length }) => FIRST + (length as number) * 8 - 4,
  next: follows,
});

/** A fragment header. What a later fragment carries is data. */
export const fragment: Builder<typeof fragmentFields> = protocol({
  name: 'fragment',
  fields: fragmentFields,
  numbers: { ip: 44 },
  complete: ({ next }) => ({ nextHeader: next?.ip ?? NOTHING }),
  next: (values) => (values['fragmentOffset'] === 0 ? follows(values) : undefined),
});
