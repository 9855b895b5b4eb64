import type { CommandDef } from './command.ts';
import { MACHINE } from './command-options.ts';

const users = () => import('./machine-users.ts');
const CAPS = {
  type: 'string',
  value: 'LIST',
  help: "capabilities in the user namespace: 'all', 'none', or names with commas",
} as const;
const MOUNTS = 'delegate_cmds=prog_load:map_create,delegate_maps=hash,delegate_progs=xdp';

/** Commands about users, user namespaces and BPF tokens. */
export const tokenCommands: readonly CommandDef[] = [
  {
    path: ['as'],
    summary: 'do a command on a machine as somebody else than root',
    operands: 'COMMAND...',
    count: [0, 1024],
    options: {
      userns: { type: 'string', value: 'NAME', help: 'user namespace (default: the first one)' },
      uid: { type: 'string', value: 'N', help: 'user (default: root of the user namespace)' },
      gid: { type: 'string', value: 'N', help: 'group (default: the number of the user)' },
      caps: CAPS,
      token: {
        type: 'string',
        value: 'PATH',
        help: 'a bpffs to make a BPF token of (default: /sys/fs/bpf, if it delegates)',
      },
    },
    details:
      'The options come before the command. What the command may do is decided as Linux decides ' +
      'it; an object that is named by id, name or tag is for CAP_SYS_ADMIN only.',
    examples: [
      [
        'beeyard as --userns web1 --token /web1 prog load x.bpf.o /web1/x --machine m',
        'load a program with a token',
      ],
    ],
    load: () => import('./as.ts'),
  },
  {
    path: ['token', 'show'],
    alias: 'list',
    summary: 'list what each bpffs delegates to tokens',
    operands: '',
    count: [0, 0],
    options: { machine: MACHINE },
    details: "Words and JSON keys are bpftool's.",
    examples: [['beeyard token list --machine m', 'in the machine of file m']],
    load: () => import('./token-show.ts'),
  },
  {
    path: ['token', 'explain'],
    summary: 'the smallest delegation and capabilities an object needs',
    operands: 'OBJ',
    count: [1, 1],
    options: {},
    details:
      'Which map, program or type needs which bit of delegate_cmds, delegate_maps, ' +
      'delegate_progs and delegate_attachs, and which capability in the user namespace: by the ' +
      'rules of Linux 6.12 and by asking the verifier with fewer rights. libbpf tries more than ' +
      'it loads: that is said separately. Ends with 1 if no token is enough for a part.',
    examples: [
      ['beeyard token explain x.bpf.o', 'part by part'],
      ['mount -t bpf bpf /web1 -o $(beeyard token explain x.bpf.o -j | jq -r .options)', 'use it'],
    ],
    load: () => import('./token-explain.ts'),
  },
  {
    path: ['token', 'scope'],
    summary: 'what the holder of a token could do',
    operands: 'OPTIONS [OBJ]',
    count: [1, 2],
    options: { caps: CAPS },
    details:
      'Maps and programs that may be made with a token of these mount options, what of the ' +
      'options is for nothing, and with OBJ what that object does not need.',
    examples: [[`beeyard token scope ${MOUNTS} --caps bpf,net_admin`, 'of these options']],
    load: () => import('./token-scope.ts'),
  },
  {
    path: ['machine', 'userns'],
    summary: 'make a user namespace',
    operands: 'NAME',
    count: [1, 1],
    options: {
      owner: { type: 'string', value: 'UID', help: 'who makes it (default 1000)' },
      parent: { type: 'string', value: 'NAME', help: 'it lies in (default: the first one)' },
      inside: { type: 'string', value: 'UID', help: 'the number the owner has in it (default 0)' },
      count: { type: 'string', value: 'N', help: 'users it knows, from the owner on (default 1)' },
      machine: MACHINE,
    },
    examples: [['beeyard machine userns web1 --owner 1000 --machine m', 'for user 1000']],
    load: async () => ({ run: (await users()).userns }),
  },
  {
    path: ['machine', 'mount'],
    summary: 'mount a bpffs',
    operands: 'PATH',
    count: [1, 1],
    options: {
      userns: { type: 'string', value: 'NAME', help: 'the user namespace it is for' },
      options: { type: 'string', short: 'o', value: 'TEXT', help: 'mount options: delegate_…' },
      machine: MACHINE,
    },
    examples: [[`beeyard machine mount /web1 --userns web1 -o ${MOUNTS} --machine m`, 'delegate']],
    load: async () => ({ run: (await users()).mount }),
  },
  {
    path: ['machine', 'mounts'],
    summary: 'list mounts of bpffs, as /proc/mounts has them',
    operands: '',
    count: [0, 0],
    options: { machine: MACHINE },
    examples: [['beeyard machine mounts --machine m', 'in the machine of file m']],
    load: async () => ({ run: (await users()).mounts }),
  },
  {
    path: ['machine', 'sysctl'],
    summary: 'show or set kernel.unprivileged_bpf_disabled',
    operands: 'NAME[=VALUE]',
    count: [1, 1],
    options: { machine: MACHINE },
    examples: [
      ['beeyard machine sysctl kernel.unprivileged_bpf_disabled=0 --machine m', 'let all load'],
    ],
    load: async () => ({ run: (await users()).sysctl }),
  },
];
