/**
 * What is asked of every map type: a table of creations, and runs of commands on one map. Plain data,
 * which the fixture keeps beside the answers.
 */

const NO_PREALLOC = 1;
const ZERO_SEED = 64;
const MMAPABLE = 1024;
const LINK = 8192;
const FLAG_BITS = 20;
/** No file is that. */
const BAD_FD = 60000;

const array = { keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 };
const fds = { ...array, valueSize: 4 };
const storage = {
  ...array,
  maxEntries: 0,
  flags: NO_PREALLOC,
  keyType: 'int',
  valueType: 'long',
};
const cgroupStorage = { ...array, keySize: 16, maxEntries: 0 };

/** A definition of each type that Linux takes; `holds`, `owner`: what values and keys stand for. */
export const TYPES = {
  hash: { ...array, flags: ZERO_SEED },
  array,
  prog_array: { ...fds, holds: 'program' },
  perf_event_array: { ...fds, holds: 'none' },
  percpu_hash: { ...array, flags: ZERO_SEED },
  percpu_array: array,
  stack_trace: array,
  cgroup_array: { ...fds, holds: 'cgroup' },
  lru_hash: { ...array, flags: ZERO_SEED },
  lru_percpu_hash: { ...array, flags: ZERO_SEED },
  lpm_trie: { ...array, keySize: 8, flags: NO_PREALLOC },
  array_of_maps: { ...fds, inner: true, holds: 'map' },
  hash_of_maps: { ...fds, flags: ZERO_SEED, inner: true, holds: 'map' },
  devmap: { ...array, holds: 'device' },
  sockmap: { ...array, holds: 'socket' },
  cpumap: { ...array, holds: 'queue' },
  xskmap: { ...fds, holds: 'none' },
  sockhash: { ...array, holds: 'socket' },
  cgroup_storage: cgroupStorage,
  reuseport_sockarray: { ...array, holds: 'socket' },
  percpu_cgroup_storage: cgroupStorage,
  queue: { ...array, keySize: 0 },
  stack: { ...array, keySize: 0 },
  sk_storage: { ...storage, owner: 'socket' },
  devmap_hash: { ...array, holds: 'device' },
  struct_ops: {
    keySize: 4,
    valueSize: 0,
    maxEntries: 1,
    flags: LINK,
    kernelType: 'bpf_struct_ops_tcp_congestion_ops',
  },
  ringbuf: { keySize: 0, valueSize: 0, maxEntries: 4096, flags: 0 },
  inode_storage: { ...storage, owner: 'inode' },
  task_storage: { ...storage, owner: 'task' },
  bloom_filter: { ...array, keySize: 0 },
  user_ringbuf: { keySize: 0, valueSize: 0, maxEntries: 4096, flags: 0 },
  cgrp_storage: { ...storage, owner: 'cgroup' },
  arena: { keySize: 0, valueSize: 0, maxEntries: 4, flags: MMAPABLE },
};

/** Types whose values may hold a lock: one of 8 bytes, the lock, one of 4 bytes. */
const LOCKABLE = new Set(
  'hash array sk_storage inode_storage task_storage cgrp_storage'.split(' '),
);
const LOCKED = { valueSize: 16, keyType: 'int', valueType: 'locked' };

const KEY_SIZES = [0, 1, 2, 3, 4, 5, 8, 12, 16, 20, 24, 64, 260, 261, 512, 513, 4 << 20];
const VALUE_SIZES = [
  0,
  1,
  2,
  4,
  6,
  7,
  8,
  12,
  16,
  24,
  32,
  40,
  1016,
  1024,
  4064,
  4096,
  32768,
  32769,
  65407,
  65408,
  (4 << 20) - 512,
  4 << 20,
  0x7fffffff,
  0x80000000,
  0xfffffff8,
];
const ENTRIES = [
  0,
  1,
  2,
  3,
  5,
  1000,
  4096,
  6000,
  8192,
  8193,
  1 << 16,
  (1 << 20) + 1,
  0x80000000,
  0x80000001,
  0xffffffff,
];
const EXTRAS = [1, 5, 15, 16, 4096, 4097, 0xfffff000, 0x100000000];
/** Pairs of flags that exclude each other, or depend on each other. */
const FLAG_SETS = [24, 384, 8 | 128, 16 | 256, 1 | 2, 1 | 64, 2 | 4, 1024 | 4096, 1 | 512];

/** Changes to a type's usual definition, each asked by itself. */
export function creations(usual) {
  const one = (name, values) => values.map((value) => ({ [name]: value }));
  const bits = Array.from({ length: FLAG_BITS }, (_, bit) => 2 ** bit);
  const flags = [...bits, ...FLAG_SETS].map((set) => usual.flags ^ set);
  return [
    {},
    ...one('keySize', KEY_SIZES),
    ...one('valueSize', VALUE_SIZES),
    ...one('maxEntries', ENTRIES),
    ...one('flags', [0, ...flags]),
    ...one('extra', EXTRAS),
    ...(usual.keyType
      ? [{ keyType: undefined, valueType: undefined }, { keyType: 'long' }, { keyType: undefined }]
      : []),
    ...(usual.keySize === 4 ? [LOCKED, { ...LOCKED, flags: usual.flags | 128 }] : []),
    ...(usual.inner ? [{ inner: false }] : []),
    ...(usual.kernelType ? [{ kernelType: undefined }, { kernelType: 'task_struct' }] : []),
    { kernelType: 'bpf_struct_ops_bpf_dummy_ops' },
  ];
}

const hex = (bytes) => Buffer.from(bytes).toString('hex');

/** Bytes of a number, little endian. */
function number(value, size) {
  const bytes = Buffer.alloc(size);
  let rest = BigInt(value);
  for (let i = 0; i < size; i++, rest >>= 8n) bytes[i] = Number(rest & 255n);
  return bytes;
}

/** Keys of a run: the first, another, one that is not there, one that no map has. */
function keysOf(type, { keySize, owner }) {
  if (keySize === 0) return ['', '', '', ''];
  if (type === 'lpm_trie') {
    return [[8, 10], [24, 10, 1, 2], [32, 10, 1, 2, 3], [33]].map(([length, ...address]) =>
      hex([length, 0, 0, 0, ...address, ...Array(4 - address.length).fill(0)]),
    );
  }
  if (owner) return ['$0', '$1', '$2', hex(number(BAD_FD, 4))];
  return [0, 1, 3, 0xffffffff].map((key) => hex(number(key, keySize)));
}

/** Values of a run: two that are right, one that is not. */
function valuesOf({ valueSize, holds }, type) {
  const bad = hex(number(BAD_FD, valueSize));
  switch (holds) {
    case 'none':
      return [bad, bad, bad];
    case 'device':
      return [hex(number(1, valueSize)), hex(number(1, valueSize)), bad];
    case 'queue':
      return [
        hex(number(192, valueSize)),
        hex(number(64, valueSize)),
        hex(number(20000, valueSize)),
      ];
    case undefined: {
      const size = type.includes('percpu') ? (valueSize + 7) & ~7 : valueSize;
      return [0x11, 0x22, 0x33].map((byte) => hex(Buffer.alloc(size, byte)));
    }
    default:
      return ['@0', '@1', bad];
  }
}

/** Runs of commands on one map each; see probe-maps.mjs for what a step is. */
export function runs(type, usual) {
  const [a, b, missing, out] = keysOf(type, usual);
  const [v, w, bad] = valuesOf(usual, type);
  const full = ({ flags = 0, ...step }) => ({ flags, ...step });
  const lookup = (key, flags) => full({ op: 'lookup', key, flags, value: w });
  const update = (key, value, flags) => full({ op: 'update', key, value, flags });
  const next = (key) => ({ op: 'next', key });
  const take = (key, flags) => full({ op: 'take', key, flags, value: w });
  const remove = (key) => ({ op: 'delete', key });
  const freeze = { op: 'freeze' };
  const walk = [next(null), next(a), next(b), next(missing), next(out)];
  const batches = batchSteps(a, b, missing, v, w);
  return [
    {
      name: 'empty',
      steps: [
        ...walk,
        ...[a, out].map((key) => lookup(key)),
        remove(a),
        remove(out),
        take(a),
        take(out),
      ],
    },
    {
      name: 'update flags',
      steps: [
        ...[2, 1, 1, 0, 2, 3, 4, 5, 8, 6, 2 ** 31, 2 ** 32].map((flags) => update(a, v, flags)),
        update(b, w, 1),
        update(out, v),
        update(out, v, 3),
        update(b, bad),
        update(out, bad),
        lookup(a),
        lookup(b),
        lookup(missing),
        ...[1, 2, 4, 5, 8, 2 ** 32].map((flags) => lookup(a, flags)),
        ...walk,
      ],
    },
    {
      name: 'take and delete',
      steps: [
        update(a, v),
        update(b, w),
        ...[1, 4, 8].map((flags) => take(a, flags)),
        take(a),
        take(a),
        take(missing),
        update(a, v),
        remove(a),
        remove(a),
        remove(out),
        remove(missing),
        lookup(a),
        update(a, v),
        ...walk,
      ],
    },
    {
      name: 'order',
      steps: orderSteps(type, usual, v),
    },
    {
      name: 'full',
      steps: fullSteps(type, usual, v, w),
    },
    {
      name: 'freeze',
      steps: [
        update(a, v),
        freeze,
        freeze,
        update(a, w),
        update(a, w, 4),
        remove(a),
        take(a),
        take(a, 1),
        lookup(a),
        next(null),
        ...batches.slice(0, 12),
      ],
    },
    { name: 'batches', steps: batches },
    ...accessRuns({ update, lookup, next, take, remove, freeze }, usual, { a, v, w, batches }),
    ...(usual.flags === ZERO_SEED && !usual.inner ? [4, 8, 13, 16, 40].map(orderOfMany) : []),
    ...(LOCKABLE.has(type) ? [lockRun({ update, lookup, take, freeze }, { a, b })] : []),
    ...(usual.owner || usual.holds === 'socket' || usual.holds === 'cgroup'
      ? [ownerRun({ update, lookup, next }, { a, b, v, w })]
      : []),
  ];
}

/** BPF_F_RDONLY and BPF_F_WRONLY maps. */
function accessRuns({ update, lookup, next, take, remove, freeze }, usual, { a, v, batches }) {
  return [8, 16].map((bit) => ({
    name: bit === 8 ? 'read only' : 'write only',
    changes: { flags: usual.flags | bit },
    steps: [
      update(a, v),
      lookup(a),
      lookup(a, 4),
      lookup(a, 1),
      next(null),
      take(a),
      take(a, 1),
      remove(a),
      ...batches.slice(0, 10),
      freeze,
    ],
  }));
}

/** Values with a lock in them: BPF_F_LOCK is taken, the lock itself reads as zero. */
function lockRun({ update, lookup, take, freeze }, { a, b }) {
  const [v, w] = [0x11, 0x22].map((byte) => hex(Buffer.alloc(16, byte)));
  return {
    name: 'locks',
    changes: LOCKED,
    steps: [
      update(a, v),
      update(a, w, 4),
      lookup(a),
      lookup(a, 4),
      lookup(a, 5),
      update(b, v, 4),
      update(b, w, 5),
      update(b, w, 6),
      update(b, w, 7),
      lookup(b),
      take(a, 4),
      ...batchSteps(a, b, b, v, w).filter(
        ({ elemFlags, op }) => elemFlags === 4 && op !== 'delete_batch',
      ),
      freeze,
      update(a, v),
    ],
  };
}

/** What a map holds of an object that is closed. */
function ownerRun({ update, lookup, next }, { a, b, v, w }) {
  return {
    name: 'objects die',
    steps: [
      update(a, v),
      update(b, w),
      update(b, v),
      lookup(a),
      lookup(b),
      { op: 'close', object: 0 },
      lookup(b),
      lookup(a),
      next(null),
      next(a),
      update(a, w),
      lookup(a),
    ],
  };
}

function orderSteps(type, { keySize, owner }, value) {
  if (keySize === 0 || owner || type === 'lpm_trie') return [];
  const keys = [7, 3, 1, 2, 0, 5].map((key) => hex(number(key, keySize)));
  const steps = keys.slice(0, 4).map((key) => ({ op: 'update', key, value, flags: 0 }));
  const all = [null, ...keys].map((key) => ({ op: 'next', key }));
  return [
    ...steps,
    ...all,
    { op: 'update', key: keys[1], value, flags: 0 },
    { op: 'delete', key: keys[2] },
    { op: 'update', key: keys[2], value, flags: 0 },
    ...all,
  ];
}

/** Where every key of many leads to, with the hash not seeded. */
function orderOfMany(keySize) {
  const keys = Array.from({ length: 60 }, (_, i) => {
    const key = Buffer.alloc(keySize);
    for (let at = 0; at < keySize; at++) key[at] = (i * 37 + at * (i % 7)) & 255;
    return hex(key);
  });
  const value = hex(Buffer.alloc(8, 0x11));
  return {
    name: `order of ${keySize}-byte keys`,
    changes: { keySize, maxEntries: 64 },
    steps: [
      ...keys.map((key) => ({ op: 'update', key, value, flags: 0 })),
      { op: 'delete', key: keys[7] },
      { op: 'update', key: keys[9], value, flags: 2 },
      ...[null, ...keys].map((key) => ({ op: 'next', key })),
    ],
  };
}

/** More than max_entries. */
function fullSteps(type, { keySize, owner }, v, w) {
  if (owner || type === 'lpm_trie') return [];
  const keys = [0, 1, 2, 3, 4, 5].map((key) => hex(number(key, keySize)));
  const update = (key, value, flags = 0) => ({ op: 'update', key, value, flags });
  return [
    ...keys.map((key) => update(key, v)),
    update(keys[0], w),
    update(keys[1], w, 1),
    update(keys[2], w, 2),
    update(keys[5], w, 2),
    { op: 'delete', key: keys[0] },
    update(keys[5], w),
    ...keys.slice(0, 3).map((key) => ({ op: 'lookup', key, flags: 0, value: v })),
    ...keys.slice(0, 5).map((key) => ({ op: 'take', key, flags: 0, value: v })),
  ];
}

function batchSteps(a, b, missing, v, w) {
  const batch = (op, count, changes = {}) => ({
    op,
    keys: [a, b],
    values: [v, w],
    count,
    elemFlags: 0,
    flags: 0,
    ...changes,
  });
  const lookups = (op) => [
    batch(op, 0),
    batch(op, 1),
    batch(op, 8),
    batch(op, 8, { start: true }),
    batch(op, 1, { elemFlags: 1 }),
    batch(op, 1, { elemFlags: 4 }),
    batch(op, 1, { flags: 1 }),
    batch(op, 0, { flags: 1 }),
  ];
  return [
    batch('update_batch', 0),
    batch('update_batch', 2),
    batch('update_batch', 2, { elemFlags: 1 }),
    batch('update_batch', 2, { elemFlags: 4 }),
    batch('update_batch', 2, { elemFlags: 8 }),
    batch('update_batch', 2, { flags: 1 }),
    ...lookups('lookup_batch'),
    ...lookups('lookup_and_delete_batch'),
    batch('update_batch', 2),
    batch('delete_batch', 0),
    batch('delete_batch', 1),
    batch('delete_batch', 2),
    batch('delete_batch', 2, { keys: [b, missing] }),
    batch('delete_batch', 1, { elemFlags: 1 }),
    batch('delete_batch', 1, { elemFlags: 4 }),
    batch('delete_batch', 1, { flags: 1 }),
  ];
}
