/**
 * Who may do what with bpf(2): cases that token.c asks of Linux and tests/machine/token.oracle.test.ts
 * of the machine. A step is 'ACTOR SLOT VERB ARGUMENTS' (token.c). P is root, C root of a user
 * namespace that user 1000 made, U user 1000 without capabilities; '-' keeps no descriptor.
 */
const HASH = '1 4 4 1 0';
const ARRAY = '2 4 4 1 0';
const QUEUE = '22 0 4 1 0';
const SOCKMAP = '15 4 4 1 0';
const LPM = '11 8 4 1 1';
const FILTER = '1 0';
const KPROBE = '2 0';
const TC = '3 0';
const XDP = '6 37';
const CGROUP_SKB = '8 1';

/** A bpffs of C's namespace: root delegates, C mounts it. */
const bpffs = (...options) => [
  'C f fsopen',
  ...options.map((option) => `P - set $f ${option.replace('=', ' ')}`),
  'P - create $f',
  'C p fsmount $f',
  'C m reopen $p',
];
const ALL = [
  'delegate_cmds=any',
  'delegate_maps=any',
  'delegate_progs=any',
  'delegate_attachs=any',
];
const withToken = (...options) => [...bpffs(...options), 'C t token $m'];
const ANY = withToken(...ALL);

const keep = (...bits) =>
  `0x${bits.reduce((all, bit) => all | (1n << BigInt(bit)), 0n).toString(16)}`;
const [NET_ADMIN, SYS_ADMIN, PERFMON, BPF, DAC_OVERRIDE] = [12, 21, 38, 39, 1];

const LOADS = [
  ...[HASH, ARRAY, QUEUE, SOCKMAP, LPM].map((map) => `map ${map} $t`),
  'btf $t',
  ...[FILTER, KPROBE, TC, XDP, CGROUP_SKB].map((type) => `prog ${type} ok $t`),
];
const each = (actor, verbs) => verbs.map((verb) => `${actor} - ${verb}`);
const without = (verbs) => verbs.map((verb) => verb.replace('$t', '-'));

/** What commands ask of somebody who has nothing but a descriptor. */
const QUESTIONS = [
  ...[11, 12, 23, 31].map((command) => `nextid ${command}`),
  ...[13, 14, 19, 30].map((command) => `byid ${command} 9999`),
  'stats',
  'query 46 1',
  'query 1 999',
  'taskfd',
];

const OBJECTS = [
  `P h map ${HASH} -`,
  `P x prog ${XDP} pass -`,
  `P s prog ${CGROUP_SKB} ok -`,
  'P b btf -',
];

export const CASES = {
  'delegation: names, numbers and any': [
    'C f fsopen',
    'P - set $f delegate_cmds map_create:PROG_LOAD',
    'P - set $f delegate_maps hash:0x4:array',
    'P - set $f delegate_progs 010',
    'P - set $f delegate_attachs any',
    'P - create $f',
    'C p fsmount $f',
    'C - token $p',
    'C m reopen $p',
    'C - move $p /tmp/d1',
    'C - move $p /tmp/d1',
    'C - options /tmp/d1',
    'C t token $m',
    'C - fdinfo $t',
  ],
  'delegation: what is set twice adds up': [
    ...withToken('delegate_cmds=map_create', 'delegate_cmds=prog_load', 'delegate_maps=any:0x2'),
    'C - move $p /tmp/d2',
    'C - options /tmp/d2',
    'C - fdinfo $t',
  ],
  'delegation: bits nobody knows': [
    ...withToken('delegate_cmds=0xffffff0000000001', 'delegate_progs=0x8000000000000000'),
    'C - move $p /tmp/d3',
    'C - options /tmp/d3',
    'C - fdinfo $t',
  ],
  'delegation: all that are known': [
    ...withToken(
      'delegate_cmds=0x1fffffffff',
      'delegate_maps=0x3ffffffff',
      'delegate_progs=0x1ffffffff',
    ),
    'C - move $p /tmp/d4',
    'C - options /tmp/d4',
    'C - fdinfo $t',
  ],
  'delegation: aliases': [
    ...withToken(
      'delegate_cmds=prog_run',
      'delegate_maps=cgroup_storage_deprecated:percpu_cgroup_storage',
    ),
    'C - move $p /tmp/d5',
    'C - options /tmp/d5',
  ],
  'delegation: values Linux does not take': [
    'C f fsopen',
    ...[
      'delegate_cmds nothing',
      'delegate_cmds',
      'delegate_cmds map_create:',
      'delegate_cmds ANY',
      'delegate_cmds BPF_MAP_CREATE',
      'delegate_cmds 0x',
      'delegate_cmds 08',
      'delegate_cmds -1',
      'delegate_cmds +1',
      'delegate_cmds 0x1ffffffffffffffff',
      'delegate_cmds 18446744073709551616',
      'delegate_maps xdp',
      'delegate_progs prog_type_xdp',
      'delegate_attachs xdp:nothing',
      'delegate_all any',
      'mode 0800',
      'mode 0700',
      'mode 0xff',
      'uid 1000',
      'uid 1001',
      'uid 0',
      'gid x',
      'nonsense 1',
    ].map((text) => `P - set $f ${text}`),
    'P - flag $f delegate_cmds',
    'P - flag $f nonsense',
    'P - flag $f mode',
    'P - create $f',
    'C p fsmount $f',
    'C - move $p /tmp/d6',
    'C - options /tmp/d6',
  ],
  'delegation: not by root of the namespace': [
    'C f fsopen',
    'C - set $f delegate_cmds any',
    'C - set $f delegate_cmds 0',
    'C - set $f delegate_cmds nothing',
    'C - set $f mode 0700',
    'C - set $f uid 0',
    'C - set $f uid 7',
    'C - create $f',
    'C m fsmount $f',
    'P - create $f',
  ],
  'mounts: who may, and when': [
    'U f fsopen',
    'U - mount /tmp/m1 mode=0700',
    'C - mount /tmp/m2 mode=0700',
    'C - mount /tmp/m2 delegate_cmds=any',
    'P - mount /tmp/m3 mode=0711,delegate_cmds=prog_load:map_create,delegate_progs=xdp',
    'P - options /tmp/m3',
    'P - mount /tmp/m4 delegate_cmds',
    'P - mount /tmp/m4 uid=1000,gid=0x10,nonsense,=x',
    'P - options /tmp/m4',
    'P f fsopen',
    'P - fsmount $f',
    'P - create $f',
    'P - create $f',
    'P - set $f mode 0700',
    'P p fsmount $f',
    'P - fsmount $f',
    'P - set $f delegate_cmds any',
    'P - set $f delegate_cmds nothing',
    'P m reopen $p',
    'P - token $p',
    'P - token $m',
    'U - fsmount $f',
    'U - create $m',
    'P - create $m',
    'P - create $p',
    'P - fsmount 999',
    'P - fsmount $m',
  ],
  'tokens: by whom and of what': [
    ...bpffs('delegate_cmds=any'),
    'C - token 999',
    'C - token 0',
    'C - token $f',
    'C - token $m 1',
    'C d open /tmp',
    'C - token $d',
    'C d open /sys/fs/bpf',
    'C - token $d',
    'P - token $d',
    'U - token $d',
    'P - token $m',
    'U - token $m',
    'C - token $m',
    `C - drop ${keep(SYS_ADMIN)}`,
    'C - token $m',
  ],
  'tokens: nothing is delegated': [...bpffs('mode=0700'), 'C - token $m'],
  'tokens: CAP_BPF of the namespace is enough to make one': [
    ...bpffs('delegate_maps=hash'),
    `C - drop ${keep(BPF)}`,
    'C t token $m',
    'C - fdinfo $t',
  ],
  'tokens: not of a namespace above': [...bpffs(...ALL), 'C - unshare', 'C - token $m'],
  'loads: root': each('P', without(LOADS)),
  'loads: root of a namespace without a token': each('C', without(LOADS)),
  'loads: a user': each('U', without(LOADS)),
  'loads: all is delegated': [...ANY, ...each('C', LOADS)],
  'loads: the token of others is of no use to a user': [...ANY, ...each('U', LOADS)],
  'loads: root may use it': [...ANY, ...each('P', LOADS)],
  'loads: what is no token': [
    ...bpffs(...ALL),
    ...['999', '0', '$m', '$f'].flatMap((fd) =>
      each('C', [`map ${HASH} ${fd}`, `btf ${fd}`, `prog ${XDP} pass ${fd}`]),
    ),
    ...['999', '0'].flatMap((fd) =>
      each('P', [`map ${HASH} ${fd}`, `btf ${fd}`, `prog ${XDP} pass ${fd}`]),
    ),
  ],
  'loads: a map of a size nobody has': [
    ...ANY,
    ...[
      '1 0 4 1 0',
      '2 8 4 1 0',
      '22 4 4 1 0',
      '11 1 4 1 1',
      '15 4 7 1 0',
      '99 4 4 1 0',
      '1 4 4 1 64',
    ].flatMap((map) => [
      `C - map ${map} -`,
      `C - map ${map} 999`,
      `C - map ${map} $t`,
      `U - map ${map} -`,
    ]),
  ],
  'loads: commands are delegated one by one': [
    ['map_create', 'delegate_maps=any'],
    ['btf_load', 'delegate_maps=any'],
    ['prog_load', 'delegate_progs=any'],
  ].flatMap(([command, more]) => [
    ...withToken(`delegate_cmds=${command}`, more, 'delegate_attachs=any'),
    ...each('C', LOADS),
  ]),
  'loads: types are delegated one by one': [
    ...withToken(
      'delegate_cmds=any',
      'delegate_maps=hash',
      'delegate_progs=xdp',
      'delegate_attachs=xdp',
    ),
    ...each('C', LOADS),
    ...withToken(
      'delegate_cmds=any',
      'delegate_maps=queue:sockmap',
      'delegate_progs=xdp:kprobe',
      'delegate_attachs=0x1',
    ),
    ...each('C', LOADS),
  ],
  'loads: a token that does not allow is no error for root': [
    ...withToken('delegate_cmds=map_lookup_elem'),
    ...each('P', LOADS),
    ...each('C', LOADS),
  ],
  ...Object.fromEntries(
    [
      ['CAP_BPF', BPF],
      ['CAP_BPF and CAP_NET_ADMIN', BPF, NET_ADMIN],
      ['CAP_BPF and CAP_PERFMON', BPF, PERFMON],
      ['CAP_NET_ADMIN and CAP_PERFMON', NET_ADMIN, PERFMON],
      ['CAP_SYS_ADMIN', SYS_ADMIN],
      ['nothing'],
    ].flatMap(([name, ...bits]) => [
      [
        `loads: in a namespace with ${name}`,
        [...ANY, `C - drop ${keep(...bits)}`, ...each('C', LOADS)],
      ],
      [`loads: root with ${name}`, [`P - drop ${keep(...bits)}`, ...each('P', without(LOADS))]],
    ]),
  ),
  'loads: unprivileged BPF is on': [
    'P - sysctl 0',
    ...each('U', without(LOADS)),
    ...each('U', [
      `prog ${FILTER} long -`,
      `prog ${FILTER} empty -`,
      `prog ${FILTER} loop -`,
      `prog ${FILTER} leak -`,
      `prog ${FILTER} helper:5 -`,
      `prog ${FILTER} helper:6 -`,
      `prog ${FILTER} helper:118 -`,
      `prog ${FILTER} ok - 0x1000`,
      'map 5 4 4 1 0 -',
      'map 27 0 0 4096 0 -',
      'map 9 4 4 1 0 -',
      'map 13 4 4 1 0 -',
    ]),
    'P - sysctl 2',
  ],
  'verifier: what a token lets programs do': [
    ...ANY,
    ...each('C', [
      `prog ${FILTER} long $t`,
      `prog ${FILTER} empty $t`,
      `prog ${FILTER} loop $t`,
      `prog ${FILTER} leak $t`,
      `prog ${FILTER} helper:6 $t`,
      `prog ${FILTER} helper:118 $t`,
      `prog ${FILTER} helper:118 -`,
    ]),
    `C - drop ${keep(BPF, NET_ADMIN)}`,
    ...each('C', [
      `prog ${FILTER} leak $t`,
      `prog ${FILTER} helper:6 $t`,
      `prog ${XDP} helper:118 $t`,
      `prog ${KPROBE} ok $t`,
    ]),
  ],
  'commands: root': each('P', QUESTIONS),
  'commands: root of a namespace': each('C', QUESTIONS),
  'commands: a user': each('U', QUESTIONS),
  'commands: root with CAP_BPF and CAP_NET_ADMIN': [
    `P - drop ${keep(BPF, NET_ADMIN)}`,
    ...each('P', QUESTIONS),
  ],
  'objects: what a user learns of them': [
    ...OBJECTS,
    ...each('U', ['info $h', 'info $x', 'info $b']),
    ...each('C', ['info $x']),
    ...each('P', ['info $x']),
  ],
  'attaching: cgroup_skb asks for CAP_NET_ADMIN then': [
    ...OBJECTS,
    ...['P', 'U', 'C'].flatMap((actor) => each(actor, ['attach $s 1', 'link $s 1', 'link $s 6'])),
    ...ANY,
    `C c prog ${CGROUP_SKB} ok $t`,
    ...['C', 'U', 'P'].flatMap((actor) => each(actor, ['attach $c 1', 'link $c 1'])),
    `C - drop ${keep(BPF)}`,
    ...each('C', ['attach $c 1', 'link $c 1']),
  ],
  'pins: whose are they': [
    ...OBJECTS,
    'P - mount /tmp/p1 mode=0777',
    'P - mount /tmp/p2 mode=0700',
    'P - pin $h /tmp/p1/root',
    'U - get /tmp/p1/root 0',
    'U - get /tmp/p1/root 8',
    'U - pin $h /tmp/p1/user',
    'U - pin $h /tmp/p1/user',
    'U - get /tmp/p1/user 0',
    'P - get /tmp/p1/user 0',
    'U - pin $h /tmp/p2/user',
    'U - get /tmp/p2/user 0',
    'U - pin $x /tmp/other',
    'P - chmod /tmp/p1/root 0644',
    'U - get /tmp/p1/root 8',
    'U - get /tmp/p1/root 16',
    'U - get /tmp/p1/root 0',
    `P - drop ${keep(BPF)}`,
    'P - get /tmp/p1/user 0',
    'P - get /tmp/p1/root 0',
    'P - pin $h /tmp/p2/root',
  ],
  'pins: of a bpffs of a namespace': [
    ...bpffs('delegate_cmds=any', 'mode=0700'),
    'C - move $p /tmp/n1',
    `P h map ${HASH} -`,
    'C - pin $h /tmp/n1/own',
    'C - get /tmp/n1/own 0',
    `C - drop ${keep(DAC_OVERRIDE)}`,
    'C - get /tmp/n1/own 8',
  ],
  'sysctl: who may write it': [
    'U - sysctl 0',
    'C - sysctl 0',
    `P - sysctl 3`,
    'P - sysctl 0',
    `P - sysctl 2`,
    `P - drop ${keep(BPF)}`,
    'P - sysctl 0',
  ],
  // The last: there is no way back.
  'sysctl: 1 is for good': [
    'P - sysctl 1',
    'P - sysctl 0',
    'P - sysctl 2',
    'P - sysctl 1',
    `U - map ${ARRAY} -`,
    `P - map ${ARRAY} -`,
  ],
};
