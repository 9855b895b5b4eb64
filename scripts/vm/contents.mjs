/** What is in a map, in the same words from the kernel's answers and from a machine of ours. */

/** Types whose contents are read, by how. */
const DUMPED = new Set(
  'hash array percpu_hash percpu_array lru_hash lru_percpu_hash lpm_trie'.split(' '),
);
const TAKEN = new Set(['queue', 'stack']);
const DENSE = new Set(['array', 'percpu_array']);

/** Values of queues and stacks that are asked for. */
const MOST_TAKEN = 64;
const LOOKUP_AND_DELETE = 21;
const BUSY_OR_DISCARDED = 0xc0000000;
const RECORD_HEADER = 8;

const roundUp = (size) => (size + 7) & ~7;
const hex = (bytes) => Buffer.from(bytes).toString('hex');

/** Bytes user space gets of a value; a CPU is all there is. */
const userSize = ({ type, valueSize }) =>
  type.includes('percpu') ? roundUp(valueSize) : valueSize;

/** True if the contents of a map can be compared. */
export const isCompared = ({ type, dataSection }) =>
  dataSection !== 'rodata' &&
  dataSection !== 'kconfig' &&
  (DUMPED.has(type) || TAKEN.has(type) || type === 'ringbuf');

/** Adds commands that read a map; returns the answers' commands. */
export function askContents(plan, spec, map) {
  if (spec.type === 'ringbuf') return [plan.records(map, spec.maxEntries)];
  if (DUMPED.has(spec.type)) {
    return [plan.dump(map, spec.keySize, userSize(spec), { skipZeros: DENSE.has(spec.type) })];
  }
  return Array.from({ length: Math.min(spec.maxEntries, MOST_TAKEN) }, () =>
    plan.syscall(
      LOOKUP_AND_DELETE,
      Buffer.alloc(32),
      [{ at: 16, size: spec.valueSize }],
      [{ at: 0, command: map }],
    ),
  );
}

/** The kernel's answers as lines: 'key value', sorted where order means nothing. */
export function kernelContents(spec, answers) {
  if (TAKEN.has(spec.type)) {
    return answers.filter(({ result }) => result === 0).map(({ buffers }) => hex(buffers[0]));
  }
  const [{ result, data }] = answers;
  if (result !== 0) return [`errno ${-result}`];
  if (spec.type === 'ringbuf') return ringRecords(data);
  const [keySize, valueSize] = [spec.keySize, userSize(spec)];
  const lines = [];
  for (let at = 0; at < data.length; at += keySize + valueSize) {
    const key = data.subarray(at, at + keySize);
    lines.push(`${hex(key)} ${hex(data.subarray(at + keySize, at + keySize + valueSize))}`);
  }
  return lines.sort();
}

/** Records of a ring buffer as they are in memory: a header with length and flags before each. */
function ringRecords(pages) {
  const lines = [];
  for (let at = 0; at < pages.length; ) {
    const head = pages.readUInt32LE(at);
    const length = (head & ~BUSY_OR_DISCARDED) >>> 0;
    const start = at + RECORD_HEADER;
    if ((head & BUSY_OR_DISCARDED) === 0) lines.push(hex(pages.subarray(start, start + length)));
    at += roundUp(RECORD_HEADER + length);
  }
  return lines;
}

/** The same of a map of ours (KernelMap). */
export function ourContents(spec, map) {
  if (spec.type === 'ringbuf') return map.drain().map(({ data }) => hex(data));
  const value = new Uint8Array(map.userValueSize);
  if (TAKEN.has(spec.type)) {
    const lines = [];
    const most = Math.min(spec.maxEntries, MOST_TAKEN);
    while (lines.length < most && map.lookupAndDelete(new Uint8Array(0), value) === 0) {
      lines.push(hex(value));
    }
    return lines;
  }
  const lines = [];
  const key = new Uint8Array(spec.keySize);
  const next = new Uint8Array(spec.keySize);
  for (let from; map.nextKey(from, next) === 0; from = key) {
    key.set(next);
    map.lookup(key, value);
    if (DENSE.has(spec.type) && value.every((byte) => byte === 0)) continue;
    lines.push(`${hex(key)} ${hex(value)}`);
  }
  return lines.sort();
}
