/** Commands on the network of a machine that is kept in a file, in iproute2's words. */
import type { CommandDef, OptionDef } from './command.ts';
import { GLOBALS, MACHINE, TARGET } from './command-options.ts';

const NETNS: OptionDef = {
  type: 'string',
  short: 'n',
  value: 'NAME',
  help: "in this network namespace; default: the machine's own",
};

const iter = () => import('./machine-iter.ts');

export const ipCommands: readonly CommandDef[] = [
  {
    path: ['ip'],
    summary: 'show and change namespaces, devices, addresses, routes of a machine',
    operands: '{netns|link|address|route|neighbour} [COMMAND] …',
    count: [1, 40],
    options: { machine: MACHINE, netns: NETNS },
    details:
      "iproute2's words and JSON keys, as far as the machine has what they are about: netns " +
      'add|delete|list; link add NAME type veth|netkit|physical [mtu N] [address MAC] [peer name ' +
      'NAME [netns NS]], link set NAME up|down, link delete|show; address add|delete ADDR/LEN ' +
      'dev NAME, address show; route add|delete [TYPE] {NET|default} [via ADDR] [dev NAME] [src ' +
      'ADDR] [metric N], route get ADDR, route show [table local]; neighbour add ADDR lladdr MAC ' +
      'dev NAME, neighbour show. New devices are down, as on Linux; lo of a new namespace is up. ' +
      "'physical' is not Linux's: a card whose wire ends in `net send` and its output.",
    examples: [
      ['beeyard ip netns add web --machine m', 'a namespace'],
      [
        'beeyard ip link add veth0 type veth peer name eth0 netns web --machine m',
        'a cable into it',
      ],
      ['beeyard ip -n web addr add 10.0.0.2/24 dev eth0 --machine m', 'in the namespace'],
      ['beeyard ip link show --machine m -j', "with iproute2's keys"],
    ],
    load: () => import('./ip.ts'),
  },
  {
    path: ['ss'],
    summary: 'show the sockets of a machine',
    operands: '',
    count: [0, 0],
    options: {
      machine: MACHINE,
      netns: { ...NETNS, short: 'N' },
      'all-netns': { type: 'boolean', help: 'of all namespaces' },
      tcp: { type: 'boolean', short: 't', help: 'TCP' },
      udp: { type: 'boolean', short: 'u', help: 'UDP' },
      listening: { type: 'boolean', short: 'l', help: 'those that listen, or have no peer' },
      all: { type: 'boolean', short: 'a', help: 'those and connections' },
    },
    details: "The columns of iproute2's ss; it has no JSON, so the keys are ours.",
    examples: [['beeyard ss -ta --all-netns --machine m', 'TCP, everywhere']],
    load: () => import('./ss.ts'),
  },
  {
    path: ['net', 'send'],
    summary: 'play a capture at a device of a machine',
    operands: '',
    count: [0, 0],
    options: {
      machine: MACHINE,
      pcap: {
        type: 'string',
        value: 'FILE',
        help: 'capture to play: pcap, pcapng, .gz, - = stdin',
      },
      dev: { type: 'string', value: 'NAME', help: 'the device that receives the packets' },
      netns: NETNS,
      transmit: { type: 'boolean', help: 'the device sends them instead' },
      limit: { type: 'string', value: 'N', help: 'stop after N packets of the capture' },
      'to-device': { type: 'boolean', help: 'frames are addressed to the device' },
      out: { type: 'string', short: 'o', value: 'FILE', help: 'write what --tap sees (pcap)' },
      tap: {
        type: 'string',
        value: 'DEVICE',
        help: 'device for --out (web/eth0); default: every packet that a device sends',
      },
      for: {
        type: 'string',
        value: 'TIME',
        help: 'let time go on after the last packet (10s, 1.5ms, 2h)',
      },
    },
    details: 'Time passes in the machine as it did in the capture.',
    examples: [['beeyard net send --pcap in.pcap --dev eth0 --out out.pcap --machine m', '']],
    load: () => import('./net-send.ts'),
  },
  {
    path: ['net', 'socket'],
    summary: 'open, use and close sockets of a machine',
    operands: '{listen|connect|send|accept|receive|close} [ADDRESS:]PORT',
    count: [2, 2],
    options: {
      machine: MACHINE,
      netns: NETNS,
      udp: { type: 'boolean', short: 'u', help: 'UDP; default: TCP' },
      6: { type: 'boolean', short: '6', help: 'IPv6 where no address says so' },
      data: { type: 'string', value: 'TEXT', help: 'connect, send: what to send' },
    },
    details:
      'Nothing runs in a machine between commands: a socket stays open in the file, as if its ' +
      'process waited. Where it is not connect, the port is the local one.',
    examples: [
      ['beeyard net socket listen 80 -n web --machine m', 'a listener'],
      ['beeyard net socket connect 10.0.0.2:80 --data hello --machine m', 'a connection to it'],
      ['beeyard net socket accept 80 -n web --machine m', 'take it; then receive 80'],
    ],
    load: () => import('./net-socket.ts'),
  },
  {
    path: ['machine', 'show'],
    summary: 'say what is in the file of a machine',
    operands: 'FILE',
    count: [1, 1],
    options: {},
    examples: [['beeyard machine show m', 'kernel, clock, objects, namespaces']],
    load: async () => ({ run: (await import('./machine-list.ts')).show }),
  },
  {
    path: ['machine', 'list'],
    summary: 'list the files of a folder that are machines',
    operands: '[DIR]',
    count: [0, 1],
    options: {},
    examples: [['beeyard machine list', 'in this folder']],
    load: async () => ({ run: (await import('./machine-list.ts')).list }),
  },
  {
    path: ['iter', 'pin'],
    summary: 'load an iterator, attach it and pin its link',
    operands: 'OBJ PATH',
    count: [2, 2],
    options: { machine: MACHINE, target: TARGET, netns: NETNS, global: GLOBALS },
    examples: [['beeyard iter pin sockets.bpf.o /sys/fs/bpf/sockets --machine m', '']],
    load: async () => ({ run: (await iter()).pin }),
  },
  {
    path: ['iter', 'read'],
    summary: 'run a pinned iterator and print what it writes',
    operands: 'PATH',
    count: [1, 1],
    options: { machine: MACHINE, target: TARGET },
    details: 'What `cat` of the pin is on Linux.',
    examples: [['beeyard iter read /sys/fs/bpf/sockets --machine m', '']],
    load: async () => ({ run: (await iter()).read }),
  },
  {
    path: ['perf', 'show'],
    alias: 'list',
    summary: 'list programs at tracepoints and kprobes',
    operands: '',
    count: [0, 0],
    options: { machine: MACHINE },
    details:
      'As bpftool, without the process and its descriptor: in a machine nobody has one. The link ' +
      'stands in their place.',
    examples: [['beeyard perf show --machine m', '']],
    load: async () => ({ run: (await iter()).perf }),
  },
];
