/**
 * Programs of one instruction or call each that the kernel rewrites in a way of its own: what the
 * objects and contexts that are asked about do not have.
 */

/** Instructions, r1 being the context; `type`, `attach`: names without their prefix. */
const PROGRAMS = [
  {
    name: 'compare and exchange whose upper half counts',
    text: 'r0 = 1\nr1 = 2\n*(u64 *)(r10 - 8) = r0\nr0 = atomic_cmpxchg((u32 *)(r10 - 8), r0, r1)\nr0 += r0\nexit',
  },
  {
    name: 'signed load from an object that may be gone',
    type: 'TRACING',
    attach: 'TRACE_RAW_TP',
    target: ['typedef', 'btf_trace_sched_switch'],
    text: (offsets) =>
      'r2 = *(u64 *)(r1 + 8)\n' +
      `r2 = *(u64 *)(r2 + ${offsets('task_struct.real_parent')})\n` +
      `r2 = *(u64 *)(r2 + ${offsets('task_struct.real_parent')})\n` +
      `r3 = *(s32 *)(r2 + ${offsets('task_struct.pid')})\n` +
      `r3 = *(u32 *)(r2 + ${offsets('task_struct.pid')})\nr0 = 0\nexit`,
  },
  {
    name: 'branch snapshot',
    type: 'KPROBE',
    text: 'r1 = r10\nr1 += -48\nr2 = 48\nr3 = 0\ncall 176\nr0 = 0\nexit',
  },
  {
    name: 'no-ops that follow each other and jumps over them',
    text: 'r0 = 0\nif r0 == 0 goto +1\ngoto +0\ngoto +0\nr6 = 1\nif r6 == 1 goto +1\ngoto +1\ngoto +0\nexit',
  },
  {
    name: 'a far jump',
    text: 'r0 = *(u32 *)(r1 + 0)\nif r0 == 3 goto +1\ngotol +2\nr0 = 7\nr0 = r0\nexit',
  },
  { name: 'number of the CPU and time', text: 'call 8\ncall 118\ncall 5\ncall 7\nr0 = 0\nexit' },
  { name: 'the first instruction is counted', text: 'may_goto +1\ngoto -2\nr0 = 0\nexit' },
  {
    name: 'counted in two functions',
    text: 'may_goto +2\ncall pc+3\ngoto -3\nr0 = 0\nexit\nr0 = 0\nmay_goto +1\ngoto -2\nexit',
  },
  ...[0, 1, 2].map((i) => ({
    name: `old load ${i}`,
    type: 'SOCKET_FILTER',
    text: `r6 = r1\nr0 = *(u${8 << i} *)skb[${i * 9}]\nr2 = 4\nr0 = *(u${8 << i} *)skb[r2 + ${i}]\nexit`,
  })),
];

/** Unsigned and signed, by register and number, of both widths. */
const DIVISIONS = ['/=', '%=', 's/=', 's%='].flatMap((operation) =>
  ['r', 'w'].flatMap((half) =>
    [`${half}2`, '-1', '3'].map((divisor) => ({
      name: `division ${half}0 ${operation} ${divisor}`,
      text: `r0 = *(u32 *)(r1 + 0)\nr2 = *(u32 *)(r1 + 4)\n${half}0 ${operation} ${divisor}\nexit`,
    })),
  ),
);

/** Numbers of map types whose lookups may be in place, with the flags of their creation. */
const MAPS = [
  ['HASH', 12, 24, 0],
  ['ARRAY', 4, 24, 0],
  ['ARRAY', 4, 8, 0x1000],
  ['ARRAY', 4, 64, 0],
  ['PERCPU_HASH', 4, 8, 0],
  ['PERCPU_ARRAY', 4, 8, 0],
  ['LRU_HASH', 4, 8, 0],
  ['LRU_PERCPU_HASH', 4, 8, 0],
  ['LPM_TRIE', 8, 8, 1],
  ['DEVMAP', 4, 4, 0],
  ['DEVMAP_HASH', 4, 4, 0],
  ['XSKMAP', 4, 4, 0],
];
const LOOKUP = 1;

function mapPrograms({ enums }) {
  return MAPS.map(([type, keySize, valueSize, flags]) => ({
    name: `lookup in ${type.toLowerCase()} of ${valueSize} bytes, flags ${flags}`,
    text:
      '*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -16\n' +
      `r1 = 0 ll\ncall ${LOOKUP}\nr0 = 0\nexit`,
    load: 4,
    map: {
      name: 'map',
      type: enums.bpf_map_type[`BPF_MAP_TYPE_${type}`],
      keySize,
      valueSize,
      maxEntries: 5,
      flags,
      extra: 0n,
      btf: undefined,
      keyTypeId: 0,
      valueTypeId: 0,
    },
  }));
}

/** `{ name, input }` of each; `beeyard` has assemble, encodeCode, enums, profile. */
export function instructionPrograms(beeyard) {
  return [...PROGRAMS, ...DIVISIONS, ...mapPrograms(beeyard)].map((one) => ({
    name: `insn:${one.name}`,
    input: inputOf(beeyard, one),
  }));
}

function inputOf(beeyard, { text, type = 'SCHED_CLS', attach, target, map, load }) {
  const { assemble, encodeCode, enums, profile } = beeyard;
  const btf = profile.btf();
  const words = typeof text === 'function' ? text((path) => offsetOf(btf, path)) : text;
  const insns = encodeCode(assemble(words).code);
  if (map) insns[load * 8 + 1] |= 1 << 4;
  return {
    name: 'insn',
    type: enums.bpf_prog_type[`BPF_PROG_TYPE_${type}`],
    expectedAttachType: attach ? enums.bpf_attach_type[`BPF_${attach}`] : 0,
    attachBtfId: target ? btf.find(...target) : 0,
    license: 'GPL',
    flags: 0,
    insns,
    maps: map ? [map] : [],
    btf: undefined,
    functionInfo: [],
    lineInfo: [],
  };
}

function offsetOf(btf, path) {
  const [struct, member] = path.split('.');
  const { members } = btf.type(btf.find('struct', struct));
  return members.find(({ name }) => name === member).bitOffset / 8;
}
