/**
 * Programs that make every access to their context that the rules allow, by program type and attach
 * type: what these become in the kernel shows the rewriting of each field.
 */

/** Program types whose contexts are rewritten, with the attach types that matter. */
const KINDS = {
  SOCKET_FILTER: [''],
  SCHED_CLS: [''],
  SCHED_ACT: [''],
  XDP: [''],
  PERF_EVENT: [''],
  CGROUP_SKB: ['CGROUP_INET_INGRESS', 'CGROUP_INET_EGRESS'],
  CGROUP_SOCK: ['CGROUP_INET_SOCK_CREATE', 'CGROUP_INET4_POST_BIND', 'CGROUP_INET6_POST_BIND'],
  LWT_IN: [''],
  LWT_OUT: [''],
  LWT_XMIT: [''],
  SOCK_OPS: ['CGROUP_SOCK_OPS'],
  SK_SKB: [''],
  SK_MSG: ['SK_MSG_VERDICT'],
  CGROUP_SOCK_ADDR: [
    'CGROUP_INET4_BIND',
    'CGROUP_INET6_BIND',
    'CGROUP_UDP4_SENDMSG',
    'CGROUP_UDP6_SENDMSG',
  ],
  LWT_SEG6LOCAL: [''],
  SK_REUSEPORT: ['SK_REUSEPORT_SELECT_OR_MIGRATE'],
  FLOW_DISSECTOR: ['FLOW_DISSECTOR'],
  CGROUP_SYSCTL: ['CGROUP_SYSCTL'],
  CGROUP_SOCKOPT: ['CGROUP_SETSOCKOPT', 'CGROUP_GETSOCKOPT'],
  SK_LOOKUP: ['SK_LOOKUP'],
};
const READ = 0;
const READ_SIGNED = 1;
const WRITE = 2;
const REFUSED = -1;

/** `{ name, input }` of each; `beeyard` has assemble, encodeCode, enums, contextRules, verify. */
export function contextPrograms(beeyard) {
  return [...contexts(beeyard), ...sockets(beeyard)];
}

function contexts(beeyard) {
  const { enums } = beeyard;
  return Object.entries(KINDS).flatMap(([kind, attaches]) => {
    const type = enums.bpf_prog_type[`BPF_PROG_TYPE_${kind}`];
    return attaches.flatMap((attach) => {
      const attachType = attach ? enums.bpf_attach_type[`BPF_${attach}`] : 0;
      const pieces = accesses(beeyard, type, attachType);
      const kept = accepted(pieces, (some) => isAccepted(beeyard, type, attachType, some));
      const name = `context:${kind}${attach && `/${attach}`}`;
      return variants(kind, kept).map(([word, some]) => ({
        name: name + word,
        input: programOf(beeyard, type, attachType, some),
      }));
    });
  });
}

/** The pieces that may stand in a program; `isFine` says whether some may. */
function accepted(pieces, isFine) {
  if (isFine(pieces)) return pieces;
  const half = pieces.length >> 1;
  if (half === 0) return [];
  return [...accepted(pieces.slice(0, half), isFine), ...accepted(pieces.slice(half), isFine)];
}

/** Who looks at the kind of a packet's time is given times as they are. */
function variants(kind, pieces) {
  if (!kind.startsWith('SCHED')) return [['', pieces]];
  const others = pieces.filter((piece) => !TSTAMP_TYPE.test(piece));
  return [
    ['', pieces],
    [' without tstamp_type', others],
  ];
}

/** __sk_buff.tstamp_type */
const TSTAMP_TYPE = /\+ 180\)/;

/** Pieces of code, each with one access through r6, the context. */
function accesses({ contextRules }, type, attachType) {
  const rules = contextRules(type, attachType);
  const found = [];
  const allowed = (off, size, mode) => rules.access(off, size, mode, true) !== REFUSED;
  for (let off = 0; off < rules.size; off++) {
    for (const size of [1, 2, 4, 8]) {
      const place = (register) => `*(u${8 * size} *)(${register} + ${off})`;
      const signed = `r2 = *(s${8 * size} *)(r6 + ${off})`;
      if (allowed(off, size, READ)) found.push(`r2 = ${place('r6')}`, ...inPlace(place));
      if (size < 8 && allowed(off, size, READ_SIGNED)) found.push(signed);
      if (allowed(off, size, WRITE)) found.push(...stores(place));
    }
  }
  return found;
}

/** The same register for the context and the value, high and low. */
const inPlace = (place) => [`r7 = r6\nr7 = ${place('r7')}`, `r9 = r6\nr9 = ${place('r9')}`];

const stores = (place) => [
  `r3 = 1\n${place('r6')} = r3`,
  `${place('r6')} = 1`,
  `${place('r6')} = 65535`,
  `r9 = r6\nr8 = 1\n${place('r9')} = r8`,
];

function programOf(beeyard, type, attachType, pieces) {
  return inputOf(beeyard, type, attachType, ['r6 = r1', ...pieces, 'r0 = 0', 'exit'].join('\n'));
}

function isAccepted(beeyard, type, attachType, pieces) {
  const input = programOf(beeyard, type, attachType, pieces);
  return beeyard.verify(input, beeyard.profile, {}).ok;
}

function inputOf({ assemble, encodeCode }, type, attachType, text) {
  return {
    name: 'context',
    type,
    expectedAttachType: attachType,
    attachBtfId: 0,
    license: 'GPL',
    flags: 0,
    insns: encodeCode(assemble(text).code),
    maps: [],
    btf: undefined,
    functionInfo: [],
    lineInfo: [],
  };
}

const SK_FULLSOCK = 95;
const TCP_SOCK = 96;
/** What tc programs have in r0 for each kind of pointer to a socket, from r1, __sk_buff.sk. */
const SOCKETS = {
  sock_common: { get: 'r0 = r1', size: 80 },
  socket: { get: `call ${SK_FULLSOCK}`, size: 80 },
  tcp_sock: { get: `call ${TCP_SOCK}`, size: 120 },
};

/** Loads through pointers to sockets. */
function sockets(beeyard) {
  const type = beeyard.enums.bpf_prog_type.BPF_PROG_TYPE_SCHED_CLS;
  return Object.entries(SOCKETS).map(([name, { get, size }]) => {
    const text = (pieces) =>
      [
        'r1 = *(u64 *)(r1 + 168)',
        'if r1 != 0 goto found',
        'out:',
        'r0 = 0',
        'exit',
        'found:',
        get,
        'if r0 == 0 goto out',
        'r6 = r0',
        ...pieces,
        'goto out',
      ].join('\n');
    const input = (pieces) => inputOf(beeyard, type, 0, text(pieces));
    const all = [];
    for (let off = 0; off < size; off++) {
      for (const bytes of [1, 2, 4, 8]) {
        const place = (register) => `*(u${8 * bytes} *)(${register} + ${off})`;
        all.push(`r2 = ${place('r6')}`, ...inPlace(place));
        if (bytes < 8) all.push(`r2 = *(s${8 * bytes} *)(r6 + ${off})`);
      }
    }
    const kept = accepted(all, (some) => beeyard.verify(input(some), beeyard.profile, {}).ok);
    return { name: `socket:${name}`, input: input(kept) };
  });
}
