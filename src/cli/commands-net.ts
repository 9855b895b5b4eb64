import type { CommandDef } from './command.ts';
import { ENGINE, GLOBALS } from './command-options.ts';

/** Commands about the simulated network. */
export const netCommands: readonly CommandDef[] = [
  {
    path: ['net', 'trace'],
    summary: 'follow packets of a capture through programs, devices and namespaces',
    operands: '[OBJ...]',
    count: [0, 100],
    options: {
      pcap: {
        type: 'string',
        value: 'FILE',
        help: 'capture to play: pcap, pcapng, .gz, - = stdin',
      },
      topology: {
        type: 'string',
        short: 't',
        value: 'FILE',
        help: 'namespaces, devices, routes, attachments: .json, or a module with default export',
      },
      device: {
        type: 'string',
        value: 'NAME',
        help: 'where the packets come in: eth0 (default), pod1/eth0',
      },
      send: { type: 'boolean', help: 'the device sends the packets (as a pod does), no wire' },
      'to-device': {
        type: 'boolean',
        help: 'frames are addressed to the device that gets them',
      },
      attach: {
        type: 'string',
        short: 'a',
        multiple: true,
        value: 'PROG@DEVICE',
        help: 'put a program at a device; default: the only one, at --device',
      },
      global: GLOBALS,
      limit: { type: 'string', value: 'N', help: 'stop after N packets of the capture' },
      out: { type: 'string', short: 'o', value: 'FILE', help: 'write what --tap sees (pcap)' },
      tap: {
        type: 'string',
        value: 'DEVICE',
        help: 'device for --out; default: every packet that a device sends',
      },
      engine: ENGINE,
    },
    details:
      'Builds the network of the topology file in a simulated machine, attaches programs, and ' +
      'plays the capture at a device. For every packet, and every packet made because of it ' +
      '(copies, answers, ICMP errors), prints where it went: devices, programs with verdict and ' +
      'the bytes they changed, redirects, routes, namespaces, and why it was dropped, in the ' +
      "words of Linux's enum skb_drop_reason. Without a topology there is one device without " +
      'addresses: packets that pass go no further. A topology is what createMachine() takes ' +
      '(devices, namespaces, routes, neighbours), with "attach": {PROG: DEVICE or a list} and ' +
      '"maps": {MAP: [[KEY, VALUE], ...]}; a module can export setup({ host, programs, maps }).',
    examples: [
      ['beeyard net trace --pcap in.pcap -a filter@eth0 x.bpf.o', 'one program at one device'],
      [
        'beeyard net trace --pcap in.pcap -t net.json --device pod1/eth0 --send x.bpf.o',
        'a pod sends the packets',
      ],
      ['beeyard net trace --pcap in.pcap -t net.mjs x.bpf.o -j', 'every event, as JSON'],
    ],
    load: () => import('./net-trace.ts'),
  },
];
