import type { CommandDef, CommandRun } from './command.ts';
import { GLOBALS, MACHINE, SEED, TARGET } from './command-options.ts';

const PROG_WORDS = '{id N|name NAME|tag TAG|pinned PATH}';
const MAP_WORDS = '{id N|name NAME|pinned PATH}';
const MACHINE_ONLY = { machine: MACHINE, target: TARGET };
const DETAILS =
  'Works on a machine that is kept in a file between commands; those that change it make the ' +
  "file if there is none. Words and JSON keys are bpftool's.";

type Loader<Module> = () => Promise<Module>;

/** A command whose code is one of several functions of a file. */
const from =
  <Module>(load: Loader<Module>, pick: (module: Module) => CommandRun) =>
  async () => ({ run: pick(await load()) });

const prog = () => import('./machine-prog.ts');
const map = () => import('./machine-map.ts');
const link = () => import('./machine-link.ts');
const net = () => import('./machine-net.ts');
const netAttach = () => import('./machine-attach.ts');
const cgroup = () => import('./machine-cgroup.ts');

const HOOKS =
  '{xdp|xdpgeneric|xdpdrv|xdp_chain|tcx_ingress|tcx_egress|clsact_ingress|clsact_egress}';
const ANCHOR = { type: 'string', value: 'WHICH', words: 2 } as const;
const ORDER_OPTIONS: CommandDef['options'] = {
  before: { ...ANCHOR, help: "of 'id N', 'name NAME', 'pinned PATH', 'link N', or 'all'" },
  after: { ...ANCHOR, help: 'the same' },
  'expect-rev': { type: 'string', value: 'N', help: 'refuse (ESTALE) if something changed since' },
};

function command(
  path: string,
  summary: string,
  operands: string,
  count: readonly [number, number],
  example: string,
  load: CommandDef['load'],
  more: Partial<CommandDef> = {},
): CommandDef {
  return {
    path: path.split(' '),
    summary,
    operands,
    count,
    options: { ...MACHINE_ONLY, ...more.options },
    details: DETAILS,
    examples: [[`beeyard ${path} ${example} --machine m`, 'in the machine of file m']],
    load,
    ...(more.alias === undefined ? {} : { alias: more.alias }),
  };
}

/** Commands on machines that are kept in files. */
export const machineCommands: readonly CommandDef[] = [
  {
    path: ['machine', 'create'],
    summary: 'make a simulated machine and keep it in a file',
    operands: 'FILE',
    count: [1, 1],
    options: {
      device: {
        type: 'string',
        multiple: true,
        value: 'NAME',
        help: 'a network device, besides lo',
      },
      cpus: { type: 'string', value: 'N', help: 'CPUs (default 1)' },
      seed: SEED,
    },
    details:
      'The file holds the whole machine: memory, clock, programs, maps, links, pins, timers, the ' +
      'network with its namespaces, devices and sockets. Other commands work on it with ' +
      '--machine FILE; each writes it anew when it is done, or leaves it as it was.',
    examples: [['beeyard machine create m --device eth0', 'then: --machine m']],
    load: from(net, (module) => module.create),
  },
  command(
    'prog load',
    'load the first program of an object and pin it',
    'OBJ PATH [pinmaps DIR] [autoattach]',
    [2, 5],
    'x.bpf.o /sys/fs/bpf/x',
    from(prog, (module) => module.load),
    { options: { global: GLOBALS } },
  ),
  command(
    'prog loadall',
    'load all programs of an object and pin them',
    'OBJ DIR [pinmaps DIR] [autoattach]',
    [2, 5],
    'x.bpf.o /sys/fs/bpf/x pinmaps /sys/fs/bpf/x/maps',
    from(prog, (module) => module.load),
    { options: { global: GLOBALS } },
  ),
  command(
    'prog pin',
    'pin a program',
    `${PROG_WORDS} PATH`,
    [3, 3],
    'id 1 /sys/fs/bpf/x',
    from(prog, (m) => m.pin),
  ),
  command(
    'prog run',
    'run a program on a packet (BPF_PROG_TEST_RUN)',
    `${PROG_WORDS} data_in FILE [data_out FILE] [ctx_in FILE] [ctx_out FILE] [repeat N]`,
    [2, 14],
    'id 1 data_in packet.bin',
    from(prog, (module) => module.run),
  ),
  command(
    'prog attach',
    'attach a program by its type',
    `${PROG_WORDS} ATTACH_TYPE [MAP]`,
    [3, 5],
    'id 1 msg_verdict id 2',
    from(prog, (module) => module.attach),
  ),
  command(
    'prog detach',
    'detach a program by its type',
    `${PROG_WORDS} ATTACH_TYPE [MAP]`,
    [3, 5],
    'id 1 msg_verdict id 2',
    from(prog, (module) => module.attach),
  ),
  command(
    'map lookup',
    'show the value of a key',
    `${MAP_WORDS} key DATA`,
    [2, 1024],
    'id 1 key 0 0 0 0',
    from(map, (m) => m.lookup),
  ),
  command(
    'map update',
    'set the value of a key',
    `${MAP_WORDS} key DATA value DATA [any|exist|noexist]`,
    [2, 65536],
    'id 1 key 0 0 0 0 value hex 01 00 00 00',
    from(map, (module) => module.update),
  ),
  command(
    'map delete',
    'take a key out',
    `${MAP_WORDS} key DATA`,
    [2, 1024],
    'id 1 key 0 0 0 0',
    from(map, (m) => m.remove),
  ),
  command(
    'map getnext',
    'show the key behind a key',
    `${MAP_WORDS} [key DATA]`,
    [2, 1024],
    'id 1',
    from(map, (m) => m.getnext),
  ),
  command(
    'map pin',
    'pin a map',
    `${MAP_WORDS} PATH`,
    [3, 3],
    'id 1 /sys/fs/bpf/m',
    from(map, (m) => m.pin),
  ),
  command(
    'map push',
    'put a value onto a stack',
    `${MAP_WORDS} value DATA`,
    [4, 67],
    'id 7 value 1 0 0 0',
    from(map, (module) => module.push),
  ),
  command(
    'map enqueue',
    'put a value into a queue',
    `${MAP_WORDS} value DATA`,
    [4, 67],
    'id 7 value 1 0 0 0',
    from(map, (module) => module.push),
  ),
  command(
    'map pop',
    'take the newest value off a stack',
    `${MAP_WORDS}`,
    [2, 2],
    'id 7',
    from(map, (module) => module.pop),
  ),
  command(
    'map dequeue',
    'take the oldest value out of a queue',
    `${MAP_WORDS}`,
    [2, 2],
    'id 7',
    from(map, (module) => module.pop),
  ),
  command(
    'map peek',
    'show the value that would come next',
    `${MAP_WORDS}`,
    [2, 2],
    'id 7',
    from(map, (module) => module.peek),
  ),
  command(
    'map freeze',
    'let only programs change a map',
    MAP_WORDS,
    [2, 2],
    'id 1',
    from(map, (m) => m.freeze),
  ),
  command(
    'map create',
    'create a map and pin it',
    'PATH type TYPE key N value N entries N name NAME [flags N] [inner_map MAP]',
    [9, 15],
    '/sys/fs/bpf/m type hash key 4 value 8 entries 16 name m',
    from(map, (module) => module.create),
  ),
  command(
    'link show',
    'list links',
    '[{id N|pinned PATH}]',
    [0, 2],
    '',
    from(link, (m) => m.show),
    { alias: 'list' },
  ),
  command(
    'link pin',
    'pin a link',
    '{id N|pinned PATH} PATH',
    [3, 3],
    'id 1 /sys/fs/bpf/l',
    from(link, (m) => m.pin),
  ),
  command(
    'link detach',
    'take a link off its hook',
    '{id N|pinned PATH}',
    [2, 2],
    'id 1',
    from(link, (m) => m.detach),
  ),
  command(
    'net show',
    'list programs at devices, in the order they run',
    '[dev NAME]',
    [0, 2],
    '',
    from(net, (m) => m.show),
    {
      alias: 'list',
      options: {
        revisions: { type: 'boolean', help: 'the revision of each place too: for --expect-rev' },
      },
    },
  ),
  command(
    'cgroup show',
    'list the programs of a cgroup',
    'CGROUP [effective]',
    [1, 2],
    '/kube/pod1 effective',
    from(cgroup, (module) => module.show),
    { alias: 'list' },
  ),
  command(
    'cgroup tree',
    'list all cgroups with their programs',
    '[CGROUP] [effective]',
    [0, 2],
    '/kube',
    from(cgroup, (module) => module.tree),
  ),
  command(
    'cgroup attach',
    'attach a program to a cgroup, which is made if it is not there',
    `CGROUP ATTACH_TYPE ${PROG_WORDS} [multi|override]`,
    [4, 6],
    '/kube/pod1 connect4 pinned /sys/fs/bpf/x multi',
    from(cgroup, (module) => module.attach),
  ),
  command(
    'cgroup detach',
    'detach a program from a cgroup',
    `CGROUP ATTACH_TYPE ${PROG_WORDS}`,
    [4, 4],
    '/kube/pod1 connect4 id 1',
    from(cgroup, (module) => module.detach),
  ),
  command(
    'net attach',
    'attach a program to a device, in the order of those that are there',
    `${HOOKS} {${PROG_WORDS.slice(1, -1)}|OBJ} dev NAME [overwrite]`,
    [4, 6],
    'tcx_ingress --before id 12 --expect-rev 4 prog.o dev eth0',
    from(netAttach, (module) => module.attach),
    {
      options: {
        ...ORDER_OPTIONS,
        replace: { ...ANCHOR, help: 'takes the place of this program, which no link holds' },
        pin: { type: 'string', value: 'PATH', help: 'by a link, which is pinned there' },
        portable: { type: 'boolean', help: 'refuse what Linux does not have: xdp_chain' },
        global: GLOBALS,
      },
    },
  ),
  command(
    'net detach',
    'detach a program from a device',
    `${HOOKS} dev NAME [PROG]`,
    [3, 5],
    'xdp dev eth0',
    from(netAttach, (module) => module.detach),
    { options: ORDER_OPTIONS },
  ),
  command(
    'btf show',
    'list BTF: of the kernel, modules, programs',
    '[id N]',
    [0, 2],
    '',
    async () => ({ run: (await import('./machine-btf.ts')).show }),
    { alias: 'list' },
  ),
];
