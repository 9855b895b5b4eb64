// The benchmarks of maps: programs of bench/maps/<file>.bpf.c. `operations` is how many a run makes,
// `bar` what is asked of the ratio to native, `large`: too large for caches, so pages count.

const SIZES = [4, 8, 16, 32];

function hashOf(table, title, bar, size, large) {
  const common = { setup: `setup_${table}`, check: `check_${table}`, operations: 4096, bar, large };
  const of = (what, run) => ({
    file: 'hash',
    name: `${title}, ${size}-byte keys: ${what}`,
    run: `${run}_${table}`,
    ...common,
  });
  return [of('look-up', 'lookup'), of('update', 'update'), of('delete, insert', 'churn')];
}

const lru = (name, programs) => ({ file: 'lru', name, operations: 4096, bar: 1.15, ...programs });

const lpm = (name, run, family, more) => ({
  file: 'lpm',
  name,
  run: `${run}_${family}`,
  setup: `setup_${family}`,
  check: `check_${family}`,
  operations: 4096,
  ...more,
});

const hash = (name, run, more) => ({ file: 'hash', name, run, operations: 4096, ...more });

const ring = (name, run, more) => ({ file: 'ring', name, run, operations: 1024, ...more });
const skip = { read: 'skip_events', bar: 1.3 };
const read = { read: 'read_events' };

const array = (name, run, more) => ({ file: 'array', name, run, operations: 4096, ...more });

const bloom = { setup: 'setup_bloom', check: 'check_bloom' };

export const mapBenchmarks = [
  ...SIZES.flatMap((size) => hashOf(`${size}`, 'hash, 1 M', 1.5, size, true)),
  ...SIZES.flatMap((size) => hashOf(`few_${size}`, 'hash, 1,000', 1.15, size)),
  lru('LRU hash, most hit', { setup: 'setup_hit', run: 'hit', check: 'check_hit' }),
  lru('LRU hash, most evict', { setup: 'setup_evict', run: 'evict', check: 'check_evict' }),
  lru('LRU hash, 800 hot keys', { run: 'hit_few', check: 'check_few' }),
  lpm('LPM trie, 500,000 IPv4 routes: look-up', 'lookup', 4, { bar: 1.15, large: true }),
  lpm('LPM trie, 500,000 IPv4 routes: update', 'update', 4, { large: true }),
  lpm('LPM trie, 500,000 IPv4 routes: delete, insert', 'churn', 4, { large: true }),
  lpm('LPM trie, 50,000 IPv6 routes: look-up', 'lookup', 6, {}),
  ring('ring buffer: reserve, submit', 'reserve', skip),
  ring('ring buffer: output, 24 bytes', 'output', skip),
  ring('ring buffer: output, 128 bytes', 'output_large', skip),
  ring('ring buffer: reserve, submit; read in JavaScript', 'reserve', read),
  array('sketch: insert', 'sketch', { check: 'check_sketch', bar: 1.3 }),
  array('array: count', 'count', { check: 'check_count' }),
  array('array: update', 'update', { check: 'check_count' }),
  array('per-CPU array: count', 'count_percpu', { check: 'check_count' }),
  hash('per-CPU hash: count', 'count_percpu', { check: 'check_percpu' }),
  hash('per-CPU hash: update', 'update_percpu', { check: 'check_percpu' }),
  array('task storage: get', 'store', { setup: 'setup_store', check: 'check_store' }),
  array('bloom filter: peek', 'bloom_peek', bloom),
  array('bloom filter: push', 'bloom_push', bloom),
  ring('queue: push, pop 24 bytes', 'push_pop', { operations: 2048 }),
  ring('queue: push, pop 8 bytes', 'push_pop_word', { operations: 2048 }),
  hash('for each of a hash', 'for_each_hash', { setup: 'setup_each', operations: 16384 }),
  hash('for each of an array', 'for_each_array', { setup: 'setup_each', operations: 16384 }),
];

/** The same with a reader that looks at every record, for comparing results. */
export function readingAll(benchmark) {
  return benchmark.read ? { ...benchmark, read: 'read_events' } : benchmark;
}

export const mapFiles = [...new Set(mapBenchmarks.map(({ file }) => file))];
