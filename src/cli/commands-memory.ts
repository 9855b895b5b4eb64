import type { CommandDef } from './command.ts';
import { ENGINE, GLOBALS, MAP_ENTRIES, SEED } from './command-options.ts';
import { MEMORY_OPTIONS } from './memory-options.ts';

/** The command about a program's memory. */
export const memoryCommand: CommandDef = {
  path: ['mem'],
  summary: 'show what memory a program takes, and what waits for grace periods',
  operands: 'OBJ',
  count: [1, 1],
  options: {
    prog: { type: 'string', value: 'NAME', help: 'which program, if the object has several' },
    pcap: { type: 'string', value: 'FILE', help: 'capture to run it over' },
    repeat: { type: 'string', value: 'N', help: 'go through the capture N times' },
    engine: ENGINE,
    global: GLOBALS,
    map: MAP_ENTRIES,
    device: { type: 'string', value: 'NAME', help: 'device packets come in by' },
    seed: SEED,
    fuel: { type: 'string', value: 'N', help: 'loop iterations one packet may take' },
    unverified: { type: 'boolean', help: 'run it unseen by the verifier' },
    ...MEMORY_OPTIONS,
    cpus: {
      type: 'string',
      value: 'N',
      help: 'N packets at once, each on its CPU: at calls of one program another may run',
    },
    explore: { type: 'boolean', help: 'try all placements of grace periods instead' },
    packets: {
      type: 'string',
      value: 'N',
      help: 'with --explore: the first N packets (8); with --cpus: at most N (10000)',
    },
    most: { type: 'string', value: 'N', help: 'with --explore: runs at most (10000)' },
  },
  details:
    'Runs OBJ as `beeyard run` does over a model of the allocator for BPF of Linux 6.12 (--gp, ' +
    'default eager): elements of hash maps without preallocation, LPM tries and local storage, ' +
    'and objects of programs. Shows for each map and type what is in use, in the caches of the ' +
    'CPUs and waiting, allocations that failed (--oom), and with --detect-reuse elements that ' +
    'were used again while a reader still had them. With --explore a few packets run over every ' +
    'placement of grace periods, and what differs is told with the shortest schedule. With ' +
    '--cpus programs of several CPUs run within each other, at calls of helpers: in an order by ' +
    'the seed (--gp adversarial: by the same stream as grace periods), or, exploring, in all. ' +
    'Ends with 1 if an element was reused under a reader or, exploring, placements differ.',
  examples: [
    ['beeyard mem fw.bpf.o --pcap in.pcap --gp lazy', 'with grace periods that end late'],
    ['beeyard mem fw.bpf.o --pcap in.pcap --oom every=10', 'each tenth allocation fails'],
    ['beeyard mem fw.bpf.o --pcap in.pcap --explore --packets 4', 'all placements'],
    ['beeyard mem fw.bpf.o --pcap in.pcap --cpus 2 --detect-reuse --seed 7', 'two at once'],
  ],
  load: () => import('./mem.ts'),
};
