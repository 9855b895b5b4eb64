/**
 * Sockets of a cgroup whose programs say no, rewrite addresses and options, drop packets and listen to TCP:
 * programs as text, and calls on sockets in order.
 */

const SET_RETVAL = 'call bpf_set_retval';
/** What a program says: its text, by words. */
const VERDICTS = {
  allow: 'r0 = 1\nexit',
  deny: 'r0 = 0\nexit',
  'deny as EACCES': `r1 = -13\n${SET_RETVAL}\nr0 = 0\nexit`,
  'set EOPNOTSUPP and allow': `r1 = -95\n${SET_RETVAL}\nr0 = 1\nexit`,
  'deny, then say all is well': `r1 = 0\n${SET_RETVAL}\nr0 = 0\nexit`,
};
/** Where a program under another sees what that has said: it denies nothing, and takes it back. */
const FORGIVE = `call bpf_get_retval\nif r0 == 0 goto +2\nr1 = 0\n${SET_RETVAL}\nr0 = 1\nexit`;
const ANSWER_AGAIN = `call bpf_get_retval\nr1 = -5\nif r0 == 0 goto +1\nr1 = r0\n${SET_RETVAL}\nr0 = 1\nexit`;

const UDP4 = { do: 'socket', as: 's', family: 4, type: 'udp' };
const UDP6 = { do: 'socket', as: 's', family: 6, type: 'udp' };
const TCP4 = { do: 'socket', as: 's', family: 4, type: 'tcp' };
const TCP6 = { do: 'socket', as: 's', family: 6, type: 'tcp' };
const at4 = (port, ip = '127.0.0.1') => ({ ip, port });
const at6 = (port, ip = '::1') => ({ ip, port });
const INT = (value) => Buffer.from(Int32Array.of(value).buffer).toString('hex');

/** Hooks that may say no: the program's type and attach type, calls that come by it. */
const HOOKS = {
  'socket(2), UDP': ['cgroup_sock', 'cgroup_inet_sock_create', [UDP4], []],
  'socket(2), TCP of IPv6': ['cgroup_sock', 'cgroup_inet_sock_create', [TCP6], []],
  bind4: ['cgroup_sock_addr', 'cgroup_inet4_bind', [{ do: 'bind', to: at4(4040) }], [UDP4]],
  bind6: ['cgroup_sock_addr', 'cgroup_inet6_bind', [{ do: 'bind', to: at6(4040) }], [TCP6]],
  post_bind4: ['cgroup_sock', 'cgroup_inet4_post_bind', [{ do: 'bind', to: at4(4041) }], [TCP4]],
  post_bind6: ['cgroup_sock', 'cgroup_inet6_post_bind', [{ do: 'bind', to: at6(4041) }], [UDP6]],
  'connect4, UDP': [
    'cgroup_sock_addr',
    'cgroup_inet4_connect',
    [{ do: 'connect', to: at4(4042) }],
    [UDP4],
  ],
  'connect4, TCP': [
    'cgroup_sock_addr',
    'cgroup_inet4_connect',
    [{ do: 'connect', to: at4(4043) }],
    [{ ...TCP4, as: 'l' }, { do: 'bind', on: 'l', to: at4(4043) }, { do: 'listen', on: 'l' }, TCP4],
  ],
  'connect6, UDP': [
    'cgroup_sock_addr',
    'cgroup_inet6_connect',
    [{ do: 'connect', to: at6(4042) }],
    [UDP6],
  ],
  sendmsg4: [
    'cgroup_sock_addr',
    'cgroup_udp4_sendmsg',
    [{ do: 'send', to: at4(4044) }],
    [{ ...UDP4, as: 'r' }, { do: 'bind', on: 'r', to: at4(4044) }, UDP4],
  ],
  sendmsg6: [
    'cgroup_sock_addr',
    'cgroup_udp6_sendmsg',
    [{ do: 'send', to: at6(4044) }],
    [{ ...UDP6, as: 'r' }, { do: 'bind', on: 'r', to: at6(4044) }, UDP6],
  ],
  setsockopt: [
    'cgroup_sockopt',
    'cgroup_setsockopt',
    [{ do: 'set', level: 1, name: 9, value: INT(1) }],
    [UDP4],
  ],
  getsockopt: ['cgroup_sockopt', 'cgroup_getsockopt', [{ do: 'get', level: 1, name: 9 }], [UDP4]],
};
const AFTER = [{ do: 'local' }, { do: 'peer' }];

function verdicts() {
  return Object.entries(HOOKS).flatMap(([hook, [type, attach, calls, before]]) =>
    Object.entries(VERDICTS).map(([verdict, text]) => ({
      name: `${hook}: ${verdict}`,
      programs: { p: { type, attach, text } },
      steps: [
        ...before,
        { do: 'attach', program: 'p' },
        ...calls,
        ...(hook.startsWith('socket') ? [] : AFTER),
      ],
    })),
  );
}

/** Two programs, the first in the cgroup, the second in the one above it. */
function chain(name, first, second, hook = 'bind4') {
  const [type, attach, calls, before] = HOOKS[hook];
  return {
    name: `${hook}: ${name}`,
    programs: { p: { type, attach, text: first }, q: { type, attach, text: second } },
    steps: [
      ...before,
      { do: 'attach', program: 'p' },
      { do: 'attach', program: 'q', cgroup: 'above' },
      ...calls,
      ...AFTER,
    ],
  };
}

const chains = () => [
  chain('denied below, allowed above', VERDICTS.deny, VERDICTS.allow),
  chain('allowed below, denied above', VERDICTS.allow, VERDICTS.deny),
  chain('denied below, forgiven above', VERDICTS.deny, FORGIVE),
  chain('denied as EACCES below, denied above', VERDICTS['deny as EACCES'], VERDICTS.deny),
  chain('EOPNOTSUPP below, passed on above', VERDICTS['set EOPNOTSUPP and allow'], ANSWER_AGAIN),
  chain('allowed below, EIO above', VERDICTS.allow, ANSWER_AGAIN),
  chain('denied below, forgiven above', VERDICTS.deny, FORGIVE, 'setsockopt'),
  chain('denied below, forgiven above', VERDICTS.deny, FORGIVE, 'getsockopt'),
  chain('denied below, forgiven above', VERDICTS.deny, FORGIVE, 'sendmsg4'),
  chain('denied below, forgiven above', VERDICTS.deny, FORGIVE, 'post_bind4'),
];

/** Port in network order, as a program writes it into user_port. */
const be16 = (port) => ((port & 255) << 8) | (port >> 8);
const LOCAL4 = 0x0100007f;
const to4 = (ip, port) =>
  `w2 = ${ip}\n*(u32 *)(r1 + 4) = w2\nw2 = ${be16(port)}\n*(u32 *)(r1 + 24) = w2\n`;
const to6 = (words, port) =>
  `${words.map((word, i) => `w2 = ${word}\n*(u32 *)(r1 + ${8 + 4 * i}) = w2`).join('\n')}\nw2 = ${be16(port)}\n*(u32 *)(r1 + 24) = w2\n`;
const ONE6 = [0, 0, 0, 0x01000000];
const OK = 'r0 = 1\nexit';
const addr = (attach, text) => ({ type: 'cgroup_sock_addr', attach, text: text + OK });
const RECEIVER4 = [
  { ...UDP4, as: 'r' },
  { do: 'bind', on: 'r', to: at4(5050) },
];
const RECEIVER6 = [
  { ...UDP6, as: 'r' },
  { do: 'bind', on: 'r', to: at6(5050) },
];
const attached = { do: 'attach', program: 'p' };

function rewritten() {
  const listening = [
    { ...TCP4, as: 'l' },
    { do: 'bind', on: 'l', to: at4(5051) },
    { do: 'listen', on: 'l' },
  ];
  const listening6 = [
    { ...TCP6, as: 'l' },
    { do: 'bind', on: 'l', to: at6(5051) },
    { do: 'listen', on: 'l' },
  ];
  const [connect4, connect6] = ['cgroup_inet4_connect', 'cgroup_inet6_connect'];
  const one = (name, program, steps) => ({
    name,
    programs: { p: program },
    steps: [attached, ...steps],
  });
  return [
    one('connect4 of TCP goes to another place', addr(connect4, to4(LOCAL4, 5051)), [
      ...listening,
      TCP4,
      { do: 'connect', to: at4(80, '1.2.3.4') },
      ...AFTER,
      { do: 'accept', on: 'l', as: 'c' },
      { do: 'peer', on: 'c' },
    ]),
    one('connect4 of UDP goes to another place', addr(connect4, to4(LOCAL4, 5050)), [
      ...RECEIVER4,
      UDP4,
      { do: 'connect', to: at4(80, '1.2.3.4') },
      ...AFTER,
      { do: 'send' },
      { do: 'receive', on: 'r' },
    ]),
    one('connect6 goes to another place', addr(connect6, to6(ONE6, 5051)), [
      ...listening6,
      TCP6,
      { do: 'connect', to: at6(80, 'fd00::9') },
      ...AFTER,
    ]),
    one('connect6 becomes IPv4', addr(connect6, to6([0, 0, '-65536', LOCAL4], 5051)), [
      ...listening,
      TCP6,
      { do: 'connect', to: at6(80, 'fd00::9') },
      ...AFTER,
    ]),
    one('connect4 to a port that nobody has', addr(connect4, to4(LOCAL4, 5099)), [
      TCP4,
      { do: 'connect', to: at4(80, '1.2.3.4') },
      ...AFTER,
    ]),
    one('connect4 once more, where it is connected', addr(connect4, to4(LOCAL4, 5051)), [
      ...listening,
      TCP4,
      { do: 'connect', to: at4(80, '1.2.3.4') },
      { do: 'connect', to: at4(80, '1.2.3.4') },
    ]),
    one('bind4 elsewhere', addr('cgroup_inet4_bind', to4(LOCAL4, 4055)), [
      UDP4,
      { do: 'bind', to: at4(80, '1.2.3.4') },
      { do: 'local' },
    ]),
    one('bind6 elsewhere', addr('cgroup_inet6_bind', to6(ONE6, 4055)), [
      TCP6,
      { do: 'bind', to: at6(80, 'fd00::9') },
      { do: 'local' },
    ]),
    one('bind4 to what is no address of ours', addr('cgroup_inet4_bind', to4(0x01010101, 4055)), [
      UDP4,
      { do: 'bind', to: at4(4055) },
      { do: 'local' },
    ]),
    one('bind4 twice', addr('cgroup_inet4_bind', to4(LOCAL4, 4055)), [
      UDP4,
      { do: 'bind', to: at4(1) },
      { do: 'bind', to: at4(2) },
      { ...UDP4, as: 't' },
      { do: 'bind', on: 't', to: at4(3) },
      { do: 'local' },
    ]),
    one('sendmsg4 goes elsewhere', addr('cgroup_udp4_sendmsg', to4(LOCAL4, 5050)), [
      ...RECEIVER4,
      UDP4,
      { do: 'send', to: at4(9, '1.2.3.4') },
      { do: 'receive', on: 'r' },
    ]),
    one(
      'sendmsg4 from elsewhere',
      addr(
        'cgroup_udp4_sendmsg',
        `${to4(LOCAL4, 5050)}w2 = ${0x0900007f}\n*(u32 *)(r1 + 40) = w2\n`,
      ),
      [...RECEIVER4, UDP4, { do: 'send', to: at4(9, '1.2.3.4') }, { do: 'receive', on: 'r' }],
    ),
    one(
      'sendmsg4 from what is no address of ours',
      addr(
        'cgroup_udp4_sendmsg',
        `${to4(LOCAL4, 5050)}w2 = ${0x01010101}\n*(u32 *)(r1 + 40) = w2\n`,
      ),
      [...RECEIVER4, UDP4, { do: 'send', to: at4(9, '1.2.3.4') }, { do: 'receive', on: 'r' }],
    ),
    one('sendmsg4 to port 0', addr('cgroup_udp4_sendmsg', to4(LOCAL4, 0)), [
      UDP4,
      { do: 'send', to: at4(9, '1.2.3.4') },
    ]),
    one('sendmsg4 to port 0 from the start', addr('cgroup_udp4_sendmsg', to4(LOCAL4, 5050)), [
      UDP4,
      { do: 'send', to: at4(0) },
    ]),
    one('sendmsg4 of a connected socket', addr('cgroup_udp4_sendmsg', to4(LOCAL4, 5099)), [
      ...RECEIVER4,
      UDP4,
      { do: 'connect', to: at4(5050) },
      { do: 'send' },
      { do: 'receive', on: 'r' },
      { do: 'send', to: at4(5050) },
      { do: 'receive', on: 'r' },
    ]),
    one('sendmsg6 goes elsewhere', addr('cgroup_udp6_sendmsg', to6(ONE6, 5050)), [
      ...RECEIVER6,
      UDP6,
      { do: 'send', to: at6(9, 'fd00::9') },
      { do: 'receive', on: 'r' },
    ]),
    one('sendmsg6 becomes IPv4', addr('cgroup_udp6_sendmsg', to6([0, 0, '-65536', LOCAL4], 5050)), [
      UDP6,
      { do: 'send', to: at6(9, 'fd00::9') },
    ]),
    one('sendmsg6 to IPv4 is sendmsg4', addr('cgroup_udp4_sendmsg', to4(LOCAL4, 5050)), [
      ...RECEIVER4,
      UDP6,
      { do: 'send', to: at6(9, '::ffff:1.2.3.4') },
      { do: 'receive', on: 'r' },
    ]),
    one('recvmsg4 from elsewhere', addr('cgroup_udp4_recvmsg', to4(0x04030201, 99)), [
      ...RECEIVER4,
      UDP4,
      { do: 'send', to: at4(5050) },
      { do: 'receive', on: 'r' },
    ]),
    one('recvmsg6 from elsewhere', addr('cgroup_udp6_recvmsg', to6([1, 2, 3, 4], 99)), [
      ...RECEIVER6,
      UDP6,
      { do: 'send', to: at6(5050) },
      { do: 'receive', on: 'r' },
    ]),
    one('getsockname4', addr('cgroup_inet4_getsockname', to4(0x04030201, 99)), [
      UDP4,
      { do: 'bind', to: at4(4056) },
      ...AFTER,
    ]),
    one('getpeername4', addr('cgroup_inet4_getpeername', to4(0x04030201, 99)), [
      UDP4,
      { do: 'peer' },
      { do: 'connect', to: at4(4056) },
      ...AFTER,
    ]),
    one('getpeername6', addr('cgroup_inet6_getpeername', to6([1, 2, 3, 4], 99)), [
      UDP6,
      { do: 'connect', to: at6(4056) },
      { do: 'peer' },
    ]),
    one(
      'connect4 binds by itself',
      addr(
        connect4,
        `r6 = r1
w2 = 2
*(u16 *)(r10 - 16) = w2
w2 = ${be16(0)}
*(u16 *)(r10 - 14) = w2
w2 = ${0x0500007f}
*(u32 *)(r10 - 12) = w2
r2 = 0
*(u64 *)(r10 - 8) = r2
r2 = r10
r2 += -16
r3 = 16
call bpf_bind
`,
      ),
      [
        ...RECEIVER4,
        UDP4,
        { do: 'connect', to: at4(5050) },
        { do: 'send' },
        { do: 'receive', on: 'r' },
      ],
    ),
  ];
}

/** Offsets of __sk_buff; a program may ask for port 5050 alone. */
function packets() {
  const skb = (attach, text) => ({ type: 'cgroup_skb', attach, text });
  const [egress, ingress] = ['cgroup_inet_egress', 'cgroup_inet_ingress'];
  const talk = [...RECEIVER4, UDP4, { do: 'send', to: at4(5050) }, { do: 'receive', on: 'r' }];
  const one = (name, program, steps = talk) => ({
    name,
    programs: { p: program },
    steps: [attached, ...steps],
  });
  const socketIs = (family) =>
    `w2 = *(u32 *)(r1 + 88)\nw0 = 0\nif w2 != ${family} goto +1\nw0 = 1\nexit`;
  return [
    ...[0, 1, 2, 3].map((verdict) =>
      one(`egress says ${verdict}`, skb(egress, `r0 = ${verdict}\nexit`)),
    ),
    one('ingress says 0', skb(ingress, VERDICTS.deny)),
    one('ingress says 1', skb(ingress, VERDICTS.allow)),
    one('egress sees the family', skb(egress, socketIs(2))),
    one('egress sees another family', skb(egress, socketIs(10))),
    one(
      'ingress keeps long packets out',
      skb(ingress, 'w2 = *(u32 *)(r1 + 0)\nw0 = 0\nif w2 > 40 goto +1\nw0 = 1\nexit'),
      [...talk, { do: 'send', to: at4(5050), length: 20 }, { do: 'receive', on: 'r' }],
    ),
    one(
      'egress sees the local port',
      skb(egress, `w2 = *(u32 *)(r1 + 136)\nw0 = 0\nif w2 != 4060 goto +1\nw0 = 1\nexit`),
      [
        ...RECEIVER4,
        UDP4,
        { do: 'bind', to: at4(4060) },
        { do: 'send', to: at4(5050) },
        { do: 'receive', on: 'r' },
      ],
    ),
  ];
}

function options() {
  const [set, get] = ['cgroup_setsockopt', 'cgroup_getsockopt'];
  const opt = (attach, text) => ({ type: 'cgroup_sockopt', attach, text: text + OK });
  const one = (name, program, steps) => ({
    name,
    programs: { p: program },
    steps: [TCP4, attached, ...steps],
  });
  const setting = { do: 'set', level: 1, name: 9, value: INT(1) };
  const reading = { do: 'get', level: 1, name: 9 };
  const optlen = (length) => `w2 = ${length}\n*(u32 *)(r1 + 32) = w2\n`;
  /** Writes an int to the start of the value. */
  const value = (number) =>
    `r2 = *(u64 *)(r1 + 8)\nr3 = *(u64 *)(r1 + 16)\nr4 = r2\nr4 += 4\nif r4 > r3 goto +2\nw5 = ${number}\n*(u32 *)(r2 + 0) = w5\n`;
  return [
    one('setsockopt goes past the kernel', opt(set, optlen(-1)), [setting, reading]),
    one('setsockopt with what the user gave', opt(set, value(0) + optlen(0)), [setting, reading]),
    one('setsockopt with another value', opt(set, value(0)), [setting, reading]),
    one('setsockopt with too long a value', opt(set, optlen(17)), [setting, reading]),
    one('setsockopt with the longest value', opt(set, optlen(16)), [setting, reading]),
    one('setsockopt with a negative length', opt(set, optlen(-2)), [setting, reading]),
    one('setsockopt with too short a value', opt(set, optlen(2)), [setting, reading]),
    one('setsockopt of another option', opt(set, 'w2 = 12\n*(u32 *)(r1 + 28) = w2\n'), [
      { ...setting, value: INT(3) },
      reading,
      { do: 'get', level: 1, name: 12 },
    ]),
    one('setsockopt of what nobody knows goes past the kernel', opt(set, optlen(-1)), [
      { do: 'set', level: 77, name: 77, value: '01' },
    ]),
    one('setsockopt of a long value', opt(set, optlen(0)), [
      { do: 'set', level: 1, name: 9, value: '01'.repeat(5000) },
      reading,
    ]),
    one('setsockopt of a long value, cut by the program', opt(set, ''), [
      { do: 'set', level: 1, name: 9, value: '01'.repeat(5000) },
      reading,
    ]),
    one('getsockopt with another value', opt(get, value(77)), [reading]),
    one('getsockopt with a shorter value', opt(get, value(77) + optlen(2)), [reading]),
    one('getsockopt with too long a value', opt(get, optlen(5)), [reading]),
    one('getsockopt with a negative length', opt(get, optlen(-1)), [reading]),
    one('getsockopt with no length', opt(get, value(77) + optlen(0)), [reading]),
    one('getsockopt of what nobody knows', opt(get, ''), [{ do: 'get', level: 77, name: 77 }]),
    one(
      'getsockopt of what nobody knows is answered',
      opt(get, `${value(77)}w2 = 0\n*(u32 *)(r1 + 36) = w2\n`),
      [
        { do: 'get', level: 77, name: 77 },
        { do: 'get', level: 77, name: 77, size: 64 },
      ],
    ),
    one(
      'getsockopt shows what the kernel says',
      opt(get, `w0 = *(u32 *)(r1 + 36)\n${value('w0')}`),
      [{ do: 'get', level: 77, name: 77 }, reading],
    ),
    one('getsockopt with little room', opt(get, ''), [
      { ...reading, size: 2 },
      { ...reading, size: 0 },
    ]),
  ];
}

/** Options as sockets have them without programs. */
function plain() {
  const names = {
    1: [2, 3, 7, 8, 9, 12, 15, 18, 30, 36, 38, 39],
    6: [1, 2, 4, 5, 6, 7, 18, 25],
    0: [1, 2],
  };
  const values = [0, 1, 6, 200, 40_000];
  const all = () =>
    Object.entries(names).flatMap(([level, list]) =>
      list.flatMap((name) => [
        { do: 'get', level: Number(level), name },
        ...values.flatMap((value) => [
          { do: 'set', level: Number(level), name, value: INT(value) },
          { do: 'get', level: Number(level), name },
        ]),
      ]),
    );
  const odd = [
    { do: 'set', level: 1, name: 9, value: '01' },
    { do: 'set', level: 0, name: 1, value: '10' },
    { do: 'get', level: 0, name: 1, size: 1 },
    { do: 'set', level: 6, name: 13, value: Buffer.from('reno').toString('hex') },
    { do: 'get', level: 6, name: 13, size: 16 },
    { do: 'set', level: 6, name: 13, value: Buffer.from('none').toString('hex') },
    { do: 'get', level: 1, name: 9999 },
    { do: 'set', level: 1, name: 9999, value: INT(1) },
    { do: 'get', level: 41, name: 26 },
  ];
  return [
    { name: 'options of UDP', programs: {}, steps: [UDP4, ...all(), ...odd] },
    { name: 'options of TCP', programs: {}, steps: [TCP4, ...all(), ...odd] },
  ];
}

/** Notes op, state and the first two arguments of each call in a map; asks for callbacks. */
const LISTENER = (flags, more = '') => `r6 = r1
w2 = 0
*(u32 *)(r10 - 4) = w2
r2 = r10
r2 += -4
r1 = 0 ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r7 = *(u64 *)(r0 + 0)
r7 += 1
*(u64 *)(r0 + 0) = r7
if r7 > 60 goto out
*(u32 *)(r10 - 4) = r7
r2 = r10
r2 += -4
r1 = 0 ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = *(u32 *)(r6 + 0)
r1 <<= 32
r2 = *(u32 *)(r6 + 88)
r2 <<= 16
r1 |= r2
r2 = *(u32 *)(r6 + 4)
r2 &= 15
r2 <<= 4
r1 |= r2
r2 = *(u32 *)(r6 + 8)
r2 &= 15
r1 |= r2
*(u64 *)(r0 + 0) = r1
w2 = *(u32 *)(r6 + 0)
if w2 == 11 goto ask
if w2 != 3 goto out
ask:
r1 = r6
w2 = ${flags}
call bpf_sock_ops_cb_flags_set
out:
${more}r0 = 1
exit`;

function tcp() {
  const STATE = 4;
  /** Ports of connections stay taken for a minute. */
  let port = 5060;
  const meet = () => [
    { ...TCP4, as: 'l' },
    { do: 'bind', on: 'l', to: at4(++port) },
    { do: 'listen', on: 'l' },
    TCP4,
    { do: 'connect', to: at4(port) },
    { do: 'accept', on: 'l', as: 'c' },
  ];
  const ops = (flags, more) => ({
    type: 'sock_ops',
    attach: 'cgroup_sock_ops',
    text: LISTENER(flags, more),
    map: true,
  });
  const one = (name, program, steps) => ({
    name,
    programs: { p: program },
    steps: [attached, ...steps, { do: 'log', program: 'p' }],
  });
  const pause = { do: 'pause', ms: 100 };
  return [
    one('sock_ops of a connection', ops(0), [...meet(), pause]),
    one('sock_ops with states: the one that connects closes first', ops(STATE), [
      ...meet(),
      { do: 'send' },
      { do: 'receive', on: 'c' },
      { do: 'close', on: 's' },
      pause,
      { do: 'close', on: 'c' },
      pause,
      { do: 'close', on: 'l' },
    ]),
    one('sock_ops with states: the one that accepts closes first', ops(STATE), [
      ...meet(),
      { do: 'close', on: 'c' },
      pause,
      { do: 'close', on: 's' },
      pause,
      { do: 'close', on: 'l' },
    ]),
    one('sock_ops with states: nobody listens', ops(STATE), [
      TCP4,
      { do: 'connect', to: at4(5098) },
    ]),
    one('sock_ops with states: a listener goes with who waits', ops(STATE), [
      ...meet().slice(0, 5),
      pause,
      { do: 'close', on: 'l' },
      pause,
    ]),
  ];
}

export const cases = () => [
  ...verdicts(),
  ...chains(),
  ...rewritten(),
  ...packets(),
  ...options(),
  ...plain(),
  ...tcp(),
];
