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
  {
    path: ['net', 'sriov', 'report'],
    summary: 'what each way of observing sees of the virtual functions of a card',
    operands: '[SCENARIO.json]',
    count: [0, 1],
    options: {
      mode: {
        type: 'string',
        value: 'MODE',
        choices: ['legacy', 'switchdev', 'offload', 'all'],
        help: "how the card's switch works; offload: switchdev with rules (default all)",
      },
      links: {
        type: 'string',
        value: 'FILE',
        help: 'functions of a real machine: what `ip -s -j link show` printed there',
      },
      ports: {
        type: 'string',
        value: 'FILE',
        help: 'with --links: what `devlink -j port show` printed there',
      },
      engine: ENGINE,
    },
    details:
      'Builds a card with virtual functions in a simulated machine, passes each to a namespace, ' +
      'plays flows between them and the wire, and compares what is seen with what the card says ' +
      'went through: by polling counters of the functions, by tcx programs (examples/vf-monitor) ' +
      'at their representors, and by the counters of rules in the card. Programs in the host ' +
      'never see what the card forwards by itself: that is the blind spot, in bytes. A scenario ' +
      'is {"vfs": [{"vlan"?, "maxTxRate"?, "address"?, ...}], "flows": [{"from": "vf0", "to": ' +
      '"wire", "protocol"?, "port", "sourcePort"?, "size"?, "packets"?, "offload"?}]}. With ' +
      '--links the functions of a real machine are listed with what can observe them there, and ' +
      'the built-in flows are played between functions like those of its first PF that has any. ' +
      'fentry on a completion function of the driver is not in this machine: the report says so.',
    examples: [
      ['beeyard net sriov report', 'the built-in scenario, all modes'],
      ['beeyard net sriov report flows.json --mode offload -j', 'a scenario of your own, as JSON'],
      [
        'beeyard net sriov report --links links.json --ports ports.json',
        'functions like those of a real machine',
      ],
    ],
    load: () => import('./net-sriov.ts'),
  },
  {
    path: ['packet', 'show'],
    summary: 'take the packets of a capture apart, header by header',
    operands: 'FILE',
    count: [1, 1],
    options: {
      verbose: { type: 'boolean', short: 'v', help: 'every field of every header' },
      filter: {
        type: 'string',
        short: 'f',
        multiple: true,
        value: 'TEST',
        help: 'only packets with: udp, tcp.flags=SYN, ipv4.ttl<5, bth.psn=7, problems, !arp',
      },
      limit: { type: 'string', value: 'N', help: 'stop after N packets that are shown' },
    },
    details:
      'Prints one line per packet of a pcap or pcapng file (.gz, - = stdin): number, seconds ' +
      'since the first, ends, protocols. What is wrong with a packet stands under it: a ' +
      'checksum, an invariant CRC, a length, an end too soon. Knows Ethernet, VLAN, ARP, IPv4, ' +
      'IPv6 with its extensions, ICMP, TCP, UDP, SCTP, VXLAN, Geneve, GRE and RoCE v2 with all ' +
      'its headers. Several --filter must all hold; PROTOCOL.FIELD is compared with =, !=, < or ' +
      '> to the value or its text, names in either case as -v prints them. Ends with 1 if a ' +
      'packet that was shown has a problem.',
    examples: [
      ['beeyard packet show in.pcap', 'one line each'],
      ['beeyard packet show in.pcap -v --filter bth.opcode="RC ACK"', 'all fields of some'],
      ['beeyard packet show in.pcap --filter problems', 'only what is broken'],
    ],
    load: () => import('./packet-show.ts'),
  },
  {
    path: ['rdma', 'show'],
    summary: 'what the RDMA queue pairs of a capture do: operations, gaps, NAKs',
    operands: '',
    count: [0, 0],
    options: {
      pcap: {
        type: 'string',
        value: 'FILE',
        help: 'capture to read: pcap, pcapng, .gz, - = stdin',
      },
      limit: { type: 'string', value: 'N', help: 'stop after N packets of the capture' },
    },
    details:
      'Follows the queue pairs of RoCE v2 packets (UDP port 4791), each direction for itself. ' +
      'A gap is a request of a reliable connection whose sequence number (PSN) jumps ahead, as ' +
      'after a lost packet; a retransmission one whose number had been there. Damaged packets ' +
      '(a wrong invariant CRC, cut off) are counted and not followed.',
    examples: [['beeyard rdma show --pcap in.pcap', 'all queue pairs']],
    load: () => import('./rdma-show.ts'),
  },
];
