/**
 * What programs are given: packets or nothing, and what is in their maps before. `setup.json` beside
 * an object says `{ runs, maps: { NAME: [step, …] } }`, a step being `{ key, value }` (hex),
 * `{ key, object }` (a kind of `Plan.open`) or, for user ring buffers, `{ sample, discarded }`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../lib.mjs';

/** As many words as a raw tracepoint may have. */
export const CONTEXT = Buffer.alloc(96);

/** Program types that see packets. */
const PACKETS = new Set(['xdp', 'sched_cls', 'sched_act', 'cgroup_skb']);
/** Program types that run on a context of their caller: those of suites, twice on zeros. */
const ALONE = new Set(['syscall', 'raw_tracepoint']);
const TWICE = [{ name: 'first run' }, { name: 'second run' }];

export function setupOf({ file }) {
  const path = join(root, dirname(file), 'setup.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { maps: {} };
}

/** `[{ name, bytes }]` a program is run on, without bytes where it sees no packet; undefined: it is not run. */
export function inputsOf(question, packets) {
  const { type } = question.program;
  const { runs } = setupOf(question);
  if (question.unprivileged) return undefined;
  if (runs && ALONE.has(type)) return TWICE;
  return PACKETS.has(type) ? packets.slice(0, runs) : undefined;
}

/** What our `run` takes of such an input. */
export const runOptions = ({ bytes }) =>
  bytes ? { data: Uint8Array.from(bytes) } : { context: Uint8Array.from(CONTEXT) };

export const fromHex = (text) => Buffer.from(text, 'hex');

/** Puts into the maps of a machine of ours what is in them before. */
export function fillOurs(host, question, maps) {
  for (const [name, steps] of Object.entries(setupOf(question).maps)) {
    const map = maps[name]?.kernelMap;
    for (const step of map ? steps : []) fillOne(host, map, step);
  }
}

function fillOne(host, map, { key, value, object, sample, discarded }) {
  if (sample !== undefined) {
    const record = map.reserve(sample.length / 2);
    record.bytes().set(fromHex(sample));
    if (discarded) record.discard();
    else record.submit();
    return;
  }
  const result = object
    ? map.setObject(fromHex(key), objectOf(host, object))
    : map.update(fromHex(key), fromHex(value));
  if (result !== 0) throw new Error(`${map.spec.name} took no ${object ?? value}: ${result}`);
}

/** The like of objects.c. */
function objectOf(host, kind) {
  if (kind !== 'socket') return host.kernel.createOwner(kind);
  return host.namespaces[''].socket({ type: 'udp', address: '0.0.0.0', reusePort: true }).owner;
}
