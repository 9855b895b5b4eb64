/**
 * Writes C files of random programs that call helpers, with arguments that often fit:
 * `node scripts/helper-programs.mjs SEED FILES PROGRAMS FOLDER`. tests/fixtures/oracle/helper-programs
 * holds the first two files of `7 4 150`, compiled by clang-19 with -O2 -g -target bpf -mcpu=v4.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from './corpus/source.mjs';

const [seed, files, programs, folder] = process.argv.slice(2);
if (!folder) {
  process.stderr.write('usage: helper-programs.mjs SEED FILES PROGRAMS FOLDER\n');
  process.exit(2);
}
const abi = await load('src/abi/index.ts');

/** xorshift32 */
let state = (Number(seed) * 2654435761) >>> 0 || 1;
function below(limit) {
  state = (state ^ (state << 13)) >>> 0;
  state ^= state >>> 17;
  state = (state ^ (state << 5)) >>> 0;
  return state % limit;
}
const pick = (list) => list[below(list.length)];
const chance = (share) => below(1000) < share * 1000;

/** Maps of every file, and their types. */
const MAP_TYPES = {
  m_hash: 1,
  m_array: 2,
  m_percpu: 6,
  m_ring: 27,
  m_perf: 4,
  m_prog: 3,
  m_lock: 2,
  m_timer: 2,
  m_kptr: 2,
  m_queue: 22,
  m_bloom: 30,
  m_sockmap: 15,
  m_outer: 12,
  m_stack: 7,
  m_cgs: 19,
  m_lru: 9,
  m_cgarr: 8,
  m_dev: 14,
  m_xsk: 17,
  m_task: 29,
  m_sk: 24,
  m_uring: 31,
  m_lpm: 11,
};
const MAPS = Object.keys(MAP_TYPES);
const VALUE_MAPS =
  'm_hash m_array m_percpu m_lock m_timer m_kptr m_lru m_outer m_sockmap m_xsk'.split(' ');

/** Changing a line of it changes the line numbers in the recorded logs. */
const HEAD = `
typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32; typedef unsigned long long __u64; typedef int __s32;
#define SEC(n) __attribute__((section(n), used))
#define __naked __attribute__((naked))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
struct bpf_spin_lock { __u32 val; };
struct bpf_timer { __u64 a[2]; } __attribute__((aligned(8)));
struct task_struct {int x;} __attribute__((preserve_access_index));
struct vlock { __u64 a; struct bpf_spin_lock lock; __u32 b; __u64 c[4]; };
struct vtimer { __u64 a; struct bpf_timer t; __u64 c[4]; };
struct vkptr { __u64 a; struct task_struct __kptr *k; struct task_struct __kptr_untrusted *u; __u64 c[4]; };
#define M(n, t, K, V, N) struct { __uint(type, t); __uint(max_entries, N); __type(key, K); __type(value, V); } n SEC(".maps");
#define MS(n, t, K, V, N) struct { __uint(type, t); __uint(max_entries, N); __uint(key_size, K); __uint(value_size, V); } n SEC(".maps");
struct big { __u64 a[8]; };
M(m_hash, 1, __u32, struct big, 8) M(m_array, 2, __u32, struct big, 8) M(m_percpu, 6, __u32, struct big, 8) M(m_lru, 9, __u64, struct big, 8)
struct { __uint(type, 27); __uint(max_entries, 4096); } m_ring SEC(".maps");
struct { __uint(type, 31); __uint(max_entries, 4096); } m_uring SEC(".maps");
MS(m_perf, 4, 4, 4, 2) MS(m_prog, 3, 4, 4, 2) M(m_lock, 2, __u32, struct vlock, 4) M(m_timer, 2, __u32, struct vtimer, 4) M(m_kptr, 2, __u32, struct vkptr, 4)
MS(m_queue, 22, 0, 8, 4) MS(m_bloom, 30, 0, 8, 4) MS(m_sockmap, 15, 4, 8, 4) MS(m_stack, 7, 4, 16, 4) MS(m_cgarr, 8, 4, 4, 4) MS(m_dev, 14, 4, 4, 4) MS(m_xsk, 17, 4, 4, 4)
struct { __uint(type, 19); struct { __u64 id; __u32 t; } *key; __u64 *value; } m_cgs SEC(".maps");
struct { __uint(type, 29); __uint(map_flags, 1); __type(key, int); __type(value, struct big); } m_task SEC(".maps");
struct { __uint(type, 24); __uint(map_flags, 1); __type(key, int); __type(value, struct big); } m_sk SEC(".maps");
struct { __uint(type, 11); __uint(map_flags, 1); __uint(max_entries, 4); __type(key, struct {__u32 l; __u32 d;}); __type(value, struct big); } m_lpm SEC(".maps");
struct inner { __uint(type, 2); __uint(max_entries, 4); __type(key, __u32); __type(value, struct vlock); } m_inner SEC(".maps");
struct { __uint(type, 12); __uint(max_entries, 2); __uint(key_size, 4); __uint(value_size, 4); __attribute__((aligned(8))) struct inner *values[]; } m_outer SEC(".maps") = { .values = { &m_inner } };
const char fmt_ok[] = "a %d %s %pI4 %lld\\n"; const char fmt_bad[] = "a %q\\n"; const volatile char fmt0[] = "plain";
char data_buf[64];
char _license[] SEC("license") = "GPL";
__attribute__((noinline)) static int cb(void *a, void *b, void *c, void *d) { return 0; }
__attribute__((noinline)) static int cb1(int i, void *c) { return i & 1; }
`;

/** Section and program type. */
const KINDS = [
  ['tc', 'sched_cls'],
  ['xdp', 'xdp'],
  ['socket', 'socket_filter'],
  ['kprobe/do_nanosleep', 'kprobe'],
  ['tracepoint/syscalls/sys_enter_open', 'tracepoint'],
  ['raw_tp/sys_enter', 'raw_tracepoint'],
  ['cgroup_skb/ingress', 'cgroup_skb'],
  ['sockops', 'sock_ops'],
  ['fentry.s/bpf_fentry_test1', 'tracing'],
  ['fentry/bpf_fentry_test1', 'tracing'],
  ['cgroup/connect4', 'cgroup_sock_addr'],
  ['syscall', 'syscall'],
  ['sk_lookup', 'sk_lookup'],
  ['sk_msg', 'sk_msg'],
];

/** r6: context, r7: map value, r8: a number nobody knows, r9: what else there may be. */
function scalar(r) {
  return pick([
    () => `${r} = ${pick([0, 1, 4, 8, 16, 24, 64, -1, 65536, 3])};`,
    () => `${r} = r8;`,
    () => `${r} = r8; ${r} &= ${pick([1, 7, 15, 31, 63, 255])};`,
    () => `${r} = r8; ${r} &= 15; ${r} += ${pick([1, 8, -4])};`,
    () => `w${r.slice(1)} = w8;`,
  ])();
}

function memory(r) {
  const kind = below(9);
  if (kind < 4) return `${r} = r10; ${r} += ${pick([-8, -16, -24, -32, -40, -64, -128])};`;
  if (kind < 6) {
    const moved = chance(0.3) ? ` ${r} += ${pick([0, 8, 16, 56, 60, 64, -1])};` : '';
    return `${r} = r7;${moved}`;
  }
  if (kind === 6) return `${r} = r9;`;
  if (kind === 7) return `${r} = r10; r0 = r8; r0 &= 15; r0 += -64; ${r} += r0;`;
  return `${r} = r7; r0 = r8; r0 &= ${pick([7, 31, 63])}; ${r} += r0;`;
}

const anything = (r) =>
  pick([
    scalar,
    memory,
    (x) => `${x} = r6;`,
    (x) => `${x} = 0;`,
    (x) => `${x} = %[${pick(MAPS)}] ll;`,
    (x) => `${x} = r9;`,
    (x) => `${x} = r7;`,
  ])(r);

function mapFor(helper) {
  const fit = MAPS.filter((name) => abi.helperTakesMap(helper, MAP_TYPES[name], true));
  return chance(0.85) && fit.length > 0 ? pick(fit) : pick(MAPS);
}

const KINDS_OF_ARGUMENT = {
  ctx: (r) => `${r} = r6;`,
  map: (r, _, helper) => `${r} = %[${mapFor(helper)}] ll;`,
  map_key: (r) => (chance(0.9) ? `${r} = r10; ${r} += ${pick([-8, -16, -4])};` : memory(r)),
  map_value: (r, { nullable }) => (nullable && chance(0.3) ? `${r} = 0;` : memory(r)),
  mem: (r, { nullable }) => (nullable && chance(0.2) ? `${r} = 0;` : memory(r)),
  size: (r) => pick([() => `${r} = ${pick([0, 1, 4, 8, 8, 16, 24, 40, 64])};`, () => scalar(r)])(),
  alloc_size: (r) => `${r} = ${pick([8, 16, 64])};`,
  callback: (r) => `${r} = %[${pick(['cb', 'cb1'])}] ll;`,
  const_string: (r) => `${r} = %[${pick(['fmt_ok', 'fmt_bad', 'fmt0', 'data_buf'])}] ll;`,
  dynptr: (r) => `${r} = r10; ${r} += ${pick([-80, -96, -80, -88])};`,
  field: (r) => `${r} = r7; ${r} += ${pick([8, 8, 8, 0, 16])};`,
  ringbuf_mem: (r) => `${r} = r9;`,
  other: (r) => pick([() => `${r} = r9;`, () => `${r} = r6;`, () => `${r} = r7;`])(),
};
const SAME = {
  fixed_mem: 'mem',
  stack_mem: 'mem',
  spin_lock: 'field',
  timer: 'field',
  kptr: 'field',
};

function argument(contract, r, helper) {
  if (chance(0.08)) return anything(r);
  const { kind } = contract;
  if (kind === 'any' || kind === 'scalar') return scalar(r);
  const make = KINDS_OF_ARGUMENT[SAME[kind] ?? kind] ?? KINDS_OF_ARGUMENT.other;
  return make(r, contract, helper);
}

const call = ({ contract: { args, id } }) =>
  `${args.map((arg, i) => argument(arg, `r${i + 1}`, id)).join(' ')} call ${id};`;

const id = (name) => abi.helperId(name);

/** Something in r9 that calls may want: a reservation, a packet, a dynptr, a task. */
function resource(kind, type, knows) {
  if (kind === 0) {
    const reserve = `r1 = %[m_ring] ll; r2 = 64; r3 = 0; call ${id('ringbuf_reserve')}; r9 = r0;`;
    return [reserve, ...(chance(0.85) ? ['if r9 == 0 goto EXIT;'] : [])];
  }
  if (kind === 1 && (type === 'sched_cls' || type === 'xdp')) {
    const [data, end] = type === 'xdp' ? [0, 4] : [76, 80];
    const bounds = `r9 = *(u32 *)(r6 + ${data}); r0 = *(u32 *)(r6 + ${end});`;
    return [bounds, 'r3 = r9; r3 += 32;', chance(0.8) ? 'if r3 > r0 goto EXIT;' : ''];
  }
  const dynptr = (source, at, name) =>
    `r1 = %[${source}] ll; r2 = 64; r3 = 0; r4 = r10; r4 += ${at}; call ${id(name)};`;
  if (kind === 2 && knows('ringbuf_reserve_dynptr')) {
    return [dynptr('m_ring', -80, 'ringbuf_reserve_dynptr'), 'r9 = 0;'];
  }
  if (kind === 3 && knows('dynptr_from_mem')) {
    return [dynptr('data_buf', -96, 'dynptr_from_mem'), 'r9 = 0;'];
  }
  if (kind === 4 && knows('get_current_task_btf')) {
    return [`call ${id('get_current_task_btf')}; r9 = r0;`];
  }
  return ['r9 = 0;'];
}

let labels = 0;

/** What becomes of a result. */
function use() {
  const kind = below(9);
  labels++;
  return [
    () => `if r0 == 0 goto l${labels}_%=; r1 = *(u64 *)(r0 + 0); l${labels}_%=:`,
    () => `*(u64 *)(r10 - ${pick([80, 88, 96, 8])}) = r0;`,
    () => 'r9 = r0;',
    () => 'if r0 == 0 goto EXIT; r9 = r0;',
    () => 'r7 = r0;',
    () => 'r8 = r0;',
    () => 'if r0 s< 0 goto EXIT; r8 = r0;',
    () => `r1 = *(u${pick([8, 16, 32, 64])} *)(r7 + ${pick([0, 4, 8, 60])});`,
    () => '',
  ][kind]();
}

function stackBytes() {
  const lines = [];
  for (const at of [-4, -8, -16, -24, -32, -40, -48, -56, -64]) {
    if (!chance(0.85)) continue;
    lines.push(
      at === -4 ? `*(u32 *)(r10 - 4) = ${below(3)};` : `*(u64 *)(r10 - ${-at}) = ${below(2)};`,
    );
  }
  return lines;
}

function program(number) {
  const [section, type] = pick(KINDS);
  const helpers = [...abi.helpersOf(abi.programTypeId(type)).values()];
  const knows = (name) => helpers.some(({ contract }) => contract.id === id(name));
  const lines = ['r6 = r1;', ...stackBytes()];
  lines.push(knows('get_prandom_u32') ? `call ${id('get_prandom_u32')}; r8 = r0;` : 'r8 = 5;');
  lines.push(chance(0.5) ? '*(u64 *)(r10 - 8) = 0;' : '');
  const map = pick(VALUE_MAPS);
  const key = map === 'm_lru' ? -16 : -4;
  lines.push(`*(u32 *)(r10 - 4) = 0; *(u64 *)(r10 - 16) = 0; r2 = r10; r2 += ${key};`);
  lines.push(`r1 = %[${map}] ll; call ${id('map_lookup_elem')}; r7 = r0;`);
  if (chance(0.9)) lines.push('if r7 == 0 goto EXIT;');
  const kind = below(6);
  lines.push(...resource(kind, type, knows));
  const rounds = 1 + below(3);
  for (let i = 0; i < rounds; i++) lines.push(call(pick(helpers)), use());
  if (kind === 0 && chance(0.6)) lines.push(`r1 = r9; r2 = 0; call ${id('ringbuf_submit')};`);
  if (kind === 2 && chance(0.6)) {
    lines.push(`r1 = r10; r1 += -80; r2 = 0; call ${id('ringbuf_discard_dynptr')};`);
  }
  const text = [...lines.filter(Boolean), 'EXIT: r0 = 0;', 'exit;'].join(' ');
  return functionOf(section, `p${number}`, text.replaceAll('EXIT', 'x_%='));
}

function functionOf(section, name, text) {
  const operands = [...new Set([...text.matchAll(/%\[(\w+)\]/g)].map(([, word]) => word))];
  const address = (word) => `[${word}]"i"(${word.startsWith('cb') ? word : `&${word}`})`;
  const statements = text.split(/;\s*/).filter(Boolean);
  return [
    `SEC("${section}") __naked int ${name}(void) { asm volatile (`,
    ...statements.map((statement) => `"${statement.trim()};"`),
    `:: ${operands.map(address).join(', ')} : "r0","memory"); }\n`,
  ].join('\n');
}

mkdirSync(folder, { recursive: true });
for (let file = 0; file < Number(files); file++) {
  let text = HEAD;
  for (let i = 0; i < Number(programs); i++) text += program(i);
  writeFileSync(join(folder, `f${seed}_${file}.bpf.c`), text);
}
