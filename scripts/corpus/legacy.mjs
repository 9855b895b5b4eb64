/**
 * The kernel's table of verifier tests (test_verifier): dumped from its source at test time, judged
 * by the rules of its driver. What the loaded programs do when run, and how the verifier rewrites
 * them, is not looked at.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fail, has } from '../lib.mjs';
import { cacheFolder, keyOf } from './paths.mjs';
import { kernelTree } from './tree.mjs';

/** The tests as JSON lines, the first the types of the maps; made if they are not in the cache. */
export function legacyTests(kernel) {
  const tree = kernelTree(kernel);
  const source = join(import.meta.dirname, 'legacy-dump.c');
  const driver = join(tree, 'tools/testing/selftests/bpf/test_verifier.c');
  const folder = cacheFolder(`legacy-${keyOf(readFileSync(source), readFileSync(driver))}`);
  const file = join(folder, 'tests.jsonl');
  if (!existsSync(file)) {
    const program = buildDump(tree, source, folder);
    const { status, stdout } = spawnSync(program, { maxBuffer: 1 << 28 });
    if (status !== 0) fail('the table of verifier tests cannot be dumped', 4);
    writeFileSync(`${file}.${process.pid}`, stdout);
    renameSync(`${file}.${process.pid}`, file);
  }
  return file;
}

function buildDump(tree, source, folder) {
  const tests = join(tree, 'tools/testing/selftests/bpf');
  const includes = join(folder, 'include', 'verifier');
  mkdirSync(includes, { recursive: true });
  const names = readdirSync(join(tests, 'verifier')).filter((name) => name.endsWith('.c'));
  const lines = names.sort().map((name) => `#include "${join(tests, 'verifier', name)}"\n`);
  writeFileSync(join(includes, 'tests.h'), lines.join(''));
  const program = join(folder, 'dump');
  const search = ['tools/include', 'tools/include/uapi', 'tools/lib', 'tools/arch/x86/include'];
  const { status, stderr } = spawnSync(
    has('gcc') ? 'gcc' : 'clang-19',
    [
      '-w',
      '-O1',
      '-ffunction-sections',
      `-I${join(folder, 'include')}`,
      `-I${tests}`,
      ...search.map((path) => `-I${join(tree, path)}`),
      '-iquote',
      tests,
      '-o',
      program,
      source,
      '-Wl,--gc-sections',
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) fail(`legacy-dump.c does not compile:\n${stderr.slice(0, 2000)}`, 4);
  return program;
}

// ---------------------------------------------------------------- what a test is verified as

const VALUE_SIZE = 48;
const PAGE_SIZE = 4096;
const BPF_F_NO_PREALLOC = 1;
const BPF_F_RDONLY_PROG = 1 << 7;
const BPF_F_WRONLY_PROG = 1 << 8;

/** The maps tests ask for: type, sizes of key and value, entries; more where there is more. */
const MAPS = {
  map_hash_8b: ['HASH', 8, 8, 1, { flags: BPF_F_NO_PREALLOC }],
  map_hash_48b: ['HASH', 8, VALUE_SIZE, 1, { flags: BPF_F_NO_PREALLOC }],
  map_hash_16b: ['HASH', 8, 16, 1, { flags: BPF_F_NO_PREALLOC }],
  map_array_48b: ['ARRAY', 4, VALUE_SIZE, 1],
  prog1: ['PROG_ARRAY', 4, 4, 4],
  prog2: ['PROG_ARRAY', 4, 4, 8],
  map_in_map: ['ARRAY_OF_MAPS', 4, 4, 1, { inner: ['ARRAY', 4, 4, 1] }],
  cgroup_storage: ['CGROUP_STORAGE', 16, 64, 0],
  percpu_cgroup_storage: ['PERCPU_CGROUP_STORAGE', 16, 64, 0],
  map_sockmap: ['SOCKMAP', 4, 4, 1],
  map_sockhash: ['SOCKHASH', 4, 4, 1],
  map_xskmap: ['XSKMAP', 4, 4, 1],
  map_stacktrace: ['STACK_TRACE', 4, 8, 1],
  map_spin_lock: ['ARRAY', 4, 8, 1, { valueType: 3 }],
  map_array_ro: ['ARRAY', 4, VALUE_SIZE, 1, { flags: BPF_F_RDONLY_PROG }],
  map_array_wo: ['ARRAY', 4, VALUE_SIZE, 1, { flags: BPF_F_WRONLY_PROG }],
  map_array_small: ['ARRAY', 4, 1, 1],
  sk_storage_map: ['SK_STORAGE', 4, 8, 0, { flags: BPF_F_NO_PREALLOC, valueType: 3 }],
  map_event_output: ['PERF_EVENT_ARRAY', 4, 4, 1],
  map_reuseport_array: ['REUSEPORT_SOCKARRAY', 4, 8, 1],
  map_ringbuf: ['RINGBUF', 0, 0, PAGE_SIZE],
  map_timer: ['ARRAY', 4, 16, 1, { valueType: 5 }],
  map_kptr: ['ARRAY', 4, 24, 1, { valueType: 14 }],
};

function mapOf(beeyard, [type, keySize, valueSize, maxEntries, more = {}], btf) {
  const typed = more.valueType !== undefined;
  return {
    name: typed ? 'test_map' : '',
    type: beeyard.enums.bpf_map_type[`BPF_MAP_TYPE_${type}`],
    keySize,
    valueSize,
    maxEntries,
    flags: more.flags ?? 0,
    extra: 0n,
    btf: typed ? btf : undefined,
    keyTypeId: typed ? 1 : 0,
    valueTypeId: more.valueType ?? 0,
    ...(more.inner ? { inner: mapOf(beeyard, more.inner) } : {}),
  };
}

const HEADER_SIZE = 24;

/** BTF of types and strings as the tests write them. */
export function btfOf(beeyard, types, strings) {
  const header = new DataView(new ArrayBuffer(HEADER_SIZE));
  header.setUint16(0, 0xeb9f, true);
  header.setUint8(2, 1);
  const sizes = [HEADER_SIZE, 0, types.length / 2, types.length / 2, strings.length / 2];
  sizes.forEach((value, i) => header.setUint32(4 + i * 4, value, true));
  const hex = Buffer.from(types + strings, 'hex');
  return beeyard.parseBtf(Uint8Array.from([...new Uint8Array(header.buffer), ...hex]));
}

/** Names of attach targets in the kernel's BTF begin like this. */
const PREFIXES = {
  BPF_TRACE_RAW_TP: ['typedef', 'btf_trace_'],
  BPF_LSM_MAC: ['func', 'bpf_lsm_'],
  BPF_LSM_CGROUP: ['func', 'bpf_lsm_'],
  BPF_TRACE_ITER: ['func', 'bpf_iter_'],
};

const SOCKET_FILTER = 1;

export function inputOf(beeyard, test, mapTypes) {
  const insns = new Uint8Array(Buffer.from(test.insns, 'hex'));
  const view = new DataView(insns.buffer);
  const maps = [];
  for (const [name, places] of Object.entries(test.maps)) {
    for (const at of places) view.setInt32(at * 8 + 4, maps.length, true);
    maps.push(mapOf(beeyard, MAPS[name], mapTypes));
  }
  for (const [at, name] of Object.entries(test.kfuncs)) {
    const { id, off } = kfuncOf(beeyard, name);
    view.setInt16(at * 8 + 2, off, true);
    view.setInt32(at * 8 + 4, id, true);
  }
  return {
    name: '',
    type: test.type ?? SOCKET_FILTER,
    expectedAttachType: test.attachType ?? 0,
    attachBtfId: attachId(beeyard, test),
    license: 'GPL',
    flags: loadFlags(beeyard, test.flags ?? 0),
    insns,
    modules: [TEST_MODULE],
    maps,
    btf: test.btfTypes && btfOf(beeyard, test.btfTypes, test.btfStrings),
    functionInfo: functionInfo(test.functionInfo ?? ''),
    lineInfo: [],
  };
}

const TEST_MODULE = 'bpf_testmod';

/** Id of a kernel function, and 1 when it is one of the test module's. */
function kfuncOf({ profile }, name) {
  const own = profile.btf().find('func', name);
  if (own !== undefined) return { id: own, off: 0 };
  const module = profile.modules?.find((one) => one.name === TEST_MODULE);
  const id = module?.btf().find('func', name);
  return id === undefined ? { id: 0, off: 0 } : { id, off: 1 };
}

function functionInfo(hex) {
  const words = Buffer.from(hex, 'hex');
  return Array.from({ length: words.length / 8 }, (_, i) => ({
    insn: words.readUInt32LE(i * 8),
    typeId: words.readUInt32LE(i * 8 + 4),
  }));
}

function attachId(beeyard, { attachTo, attachType = 0, type }) {
  const { bpf_attach_type: attach, bpf_prog_type: programs } = beeyard.enums;
  // The test driver gives the id to programs of these two types only.
  const named = type === programs.BPF_PROG_TYPE_TRACING || type === programs.BPF_PROG_TYPE_LSM;
  if (!attachTo || !named) return 0;
  const known = Object.entries(PREFIXES).find(([name]) => attach[name] === attachType);
  const [kind, prefix] = known?.[1] ?? ['func', ''];
  return beeyard.profile.btf().find(kind, prefix + attachTo) ?? 0;
}

const STRICT_ALIGNMENT = 1 << 0;
const ANY_ALIGNMENT = 1 << 1;
const RANDOM_HIGH_HALVES = 1 << 2;
const CHECK_INVARIANTS = 1 << 7;
const NEEDS_UNALIGNED = 1 << 0;
const WITH_STRICT = 1 << 1;

/** Flags of a test are not those of a load. */
function loadFlags({ profile }, flags) {
  const invariants = profile.gates.registerInvariants ? CHECK_INVARIANTS : 0;
  const strict = flags & WITH_STRICT ? STRICT_ALIGNMENT : 0;
  const any = flags & NEEDS_UNALIGNED ? ANY_ALIGNMENT : 0;
  return RANDOM_HIGH_HALVES | invariants | strict | any | (flags & ~3 ? flags : 0);
}

// ---------------------------------------------------------------- how it is judged

const ACCEPT = 1;
const VERBOSE_ACCEPT = 3;
const STATS = 4;
const LEVEL2 = 2;

const CAPABILITIES = {
  p: { bpf: true, perfmon: true, netAdmin: true, sysAdmin: false },
  u: { bpf: false, perfmon: false, netAdmin: false, sysAdmin: false },
};

/** Program types a user without capabilities may load. */
export const isForEverybody = (test) => [undefined, 0, 1, 8].includes(test.type);

/** The results of tests `from` up to `to` (line numbers, the first test is 1). */
export function* judgeLegacy(beeyard, file, from, to) {
  const lines = readFileSync(file, 'latin1').split('\n').filter(Boolean);
  const shared = JSON.parse(lines[0]);
  const mapTypes = btfOf(beeyard, shared.btfTypes, shared.btfStrings);
  for (let i = from; i < Math.min(to, lines.length); i++) {
    const test = JSON.parse(lines[i]);
    for (const mode of isForEverybody(test) ? ['u', 'p'] : ['p']) {
      const name = `test_verifier:${i - 1}/${mode} ${test.name}`;
      yield { name, judge: () => judgeOne(beeyard, test, mode, mapTypes) };
    }
  }
}

/** What each test without a module loads: `{ name, input, unprivileged, capabilities }`. */
export function legacyLoads(beeyard, file) {
  const lines = readFileSync(file, 'latin1').split('\n').filter(Boolean);
  const shared = JSON.parse(lines[0]);
  const mapTypes = btfOf(beeyard, shared.btfTypes, shared.btfStrings);
  return lines.slice(1).flatMap((line, i) => {
    const test = JSON.parse(line);
    if (Object.keys(test.kfuncs).length > 0) return [];
    return (isForEverybody(test) ? ['u', 'p'] : ['p']).map((mode) => ({
      name: `test_verifier:${i}/${mode} ${test.name}`,
      input: { ...inputOf(beeyard, test, mapTypes), modules: [] },
      unprivileged: mode === 'u',
      capabilities: CAPABILITIES[mode],
    }));
  });
}

/** How many tests a dump holds: a line each behind the first. */
export const countLegacy = (file) =>
  readFileSync(file, 'latin1').split('\n').filter(Boolean).length - 1;

function judgeOne(beeyard, test, mode, mapTypes) {
  const unprivileged = mode === 'u';
  const result = (unprivileged && test.resultUnprivileged) || test.result;
  const words = (unprivileged ? test.wordsUnprivileged : undefined) ?? test.words;
  const logLevel = result === VERBOSE_ACCEPT ? LEVEL2 : STATS;
  const accept = result === ACCEPT || result === VERBOSE_ACCEPT;
  try {
    const input = inputOf(beeyard, test, mapTypes);
    const capabilities = CAPABILITIES[mode];
    const outcome = beeyard.verify(input, beeyard.profile, { logLevel, capabilities });
    const miss = missOf(outcome, { accept, words, result }, unprivileged ? 0 : test.processed);
    if (miss && needsModule(beeyard, test)) miss[0] = 'module';
    return { pass: !miss, misses: miss ? [miss] : [], processed: outcome.stats.processed };
  } catch (error) {
    return { pass: false, misses: [['bug', `${error.name}: ${error.message}`, error.stack]] };
  }
}

/** It uses functions or types of bpf_testmod, which the profile has not. */
function needsModule({ profile }, { kfuncs, maps }) {
  if (profile.modules?.some((one) => one.name === TEST_MODULE)) return false;
  const names = Object.values(kfuncs);
  return 'map_kptr' in maps || names.some((name) => !profile.btf().find('func', name));
}

function missOf(outcome, { accept, words, result }, processed) {
  const last = outcome.reason?.text ?? outcome.errnoName;
  if (outcome.ok !== accept)
    return [outcome.ok ? 'wrong accept' : 'wrong reject', last || `${words}`];
  if (result !== ACCEPT) {
    const missing = missingWords(outcome.log, words ?? '');
    if (missing) return ['message', `want: ${missing}`];
  }
  if (processed && processed !== outcome.stats.processed) {
    return ['statistics', `processed ${outcome.stats.processed}, test ${processed}`];
  }
  return undefined;
}

/** Words separated by tabs must come in this order; the first that does not. */
function missingWords(log, words) {
  let at = 0;
  for (const part of words.split('\t')) {
    const found = log.indexOf(part, at);
    if (found < 0) return part;
    at = found + part.length;
  }
  return '';
}
