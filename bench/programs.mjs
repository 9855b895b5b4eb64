// The benchmarks: bench/programs/<name>.bpf.c. `handicap` says why a comparison with native clang is
// not one of code generators alone; those programs are left out of the second average.

const locked = 'native adds with locked instructions, beeyard on memory of one thread without';
const outOfLine = 'native calls map code out of line, beeyard has array look-ups in place';

export const programs = [
  { name: 'base64', title: 'base64 of 24 KiB, both ways' },
  {
    name: 'calls',
    title: 'bpf-to-bpf calls, 4 deep',
    handicap: 'native calls functions marked noinline, beeyard expands small subprograms in place',
  },
  { name: 'copysum', title: 'copy, xor and sum 256 KiB', vectorised: true },
  { name: 'crc32', title: 'CRC-32 of 64 KiB, table' },
  { name: 'decimal', title: '64-bit numbers as decimal text' },
  { name: 'divmod', title: 'gcd and modular powers' },
  { name: 'jhash', title: "Jenkins' hash over 64 KiB" },
  { name: 'life', title: 'life on 128 x 128' },
  { name: 'lpm', title: 'LPM trie of 50,000 routes' },
  { name: 'map_array', title: 'array map counters', handicap: outOfLine },
  { name: 'map_churn', title: 'hash inserts and deletes' },
  { name: 'map_hash', title: 'hash of 1 M entries' },
  { name: 'map_small', title: 'hash of 512 hot keys' },
  { name: 'matrix', title: 'matrix product 48 x 48' },
  { name: 'murmur', title: 'murmur and popcount' },
  { name: 'sha256', title: 'SHA-256 of 16 KiB' },
  { name: 'sieve', title: 'primes below 200,000' },
  { name: 'sketch', title: 'quantile sketch', handicap: outOfLine },
  { name: 'sort', title: 'heap sort of 4,096' },
  { name: 'strparse', title: 'HTTP text parser' },
  {
    name: 'switch',
    title: '24-way switch',
    handicap: "BPF's tree of comparisons is quicker than native's jump table",
  },
  { name: 'turing', title: 'Turing machine' },
  { name: 'xdp_atomic', title: '4 atomic adds a packet', packets: true, handicap: locked },
  { name: 'xdp_count', title: '2 array counters a packet', packets: true, handicap: outOfLine },
  { name: 'xdp_fw', title: 'firewall of 64 rules', packets: true },
  { name: 'xdp_lru', title: 'LRU connection table', packets: true },
  { name: 'xdp_min', title: 'one test of the length', packets: true },
  { name: 'xdp_nat', title: 'rewrite addresses and checksums', packets: true },
  { name: 'xdp_parse', title: 'parse, two checksums', packets: true },
  { name: 'xdp_percpu', title: 'per-CPU counter a packet', packets: true, handicap: outOfLine },
];
