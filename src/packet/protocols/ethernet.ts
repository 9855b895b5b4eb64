import { hex, ip, mac, uint } from '../fields.ts';
import { type Builder, protocol } from '../protocol.ts';

/** Largest value of the type field that is a length instead. */
const LENGTH_MAX = 1500;
const VLAN = 0x8100;

const ethernetFields = { destination: mac, source: mac, type: hex(16) };
const vlanFields = { priority: uint(3), dropEligible: uint(1), id: uint(12), type: hex(16) };
const arpFields = {
  hardwareType: uint(16),
  protocolType: hex(16),
  hardwareSize: uint(8),
  protocolSize: uint(8),
  operation: uint(16, { 1: 'request', 2: 'reply' }),
  senderHardware: mac,
  sender: ip(32),
  targetHardware: mac,
  target: ip(32),
};

/** Ethernet; addresses 02:00:00:00:00:01 to :02 unless given. */
export const ethernet: Builder<typeof ethernetFields> = protocol({
  name: 'Ethernet',
  fields: ethernetFields,
  complete: ({ next }) => ({
    destination: '02:00:00:00:00:02',
    source: '02:00:00:00:00:01',
    type: next?.ethertype ?? 0x88b5,
  }),
  next: ({ type }) => announced(type),
});

/** A tag of 802.1Q. */
export const vlan: Builder<typeof vlanFields> = protocol({
  name: 'VLAN',
  fields: vlanFields,
  numbers: { ethertype: VLAN },
  complete: ({ next }) => ({ id: 1, type: next?.ethertype ?? 0x88b5 }),
  next: ({ type }) => announced(type),
});

/** ARP for IPv4 over Ethernet; a request unless given. */
export const arp: Builder<typeof arpFields> = protocol({
  name: 'ARP',
  fields: arpFields,
  numbers: { ethertype: 0x0806 },
  complete: () => ({
    hardwareType: 1,
    protocolType: 0x0800,
    hardwareSize: 6,
    protocolSize: 4,
    operation: 1,
  }),
});

const announced = (type: unknown) =>
  (type as number) > LENGTH_MAX
    ? ({ by: 'ethertype', number: type as number } as const)
    : undefined;
