/**
 * What programs are given: packets or nothing, and what is in their maps before. `setup.json` beside
 * an object says `{ runs, maps: { NAME: [step, …] } }`, a step being `{ key, value }` (hex),
 * `{ key, object }` (a kind of `Plan.open`) or, for user ring buffers, `{ sample, discarded }`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../lib.mjs';
import { CONTEXT, fillMap, fillSlot } from './load-commands.mjs';

const DISCARDED = 0x40000000;
const RECORD_HEADER = 8;

/** Program types that see packets. */
const PACKETS = new Set(['xdp', 'sched_cls', 'sched_act', 'cgroup_skb']);
/** Program types that run on a context of their caller, here twice on zeros. */
const ALONE = new Set(['syscall', 'raw_tracepoint']);
const TWICE = [{ name: 'first run' }, { name: 'second run' }];

export function setupOf({ file }) {
  const path = join(root, dirname(file), 'setup.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { maps: {} };
}

/** `[{ name, bytes }]` a program is run on, without bytes where it sees no packet; undefined: it is not run. */
export function inputsOf(question, packets) {
  const { type } = question.program;
  if (question.unprivileged) return undefined;
  if (ALONE.has(type)) return TWICE;
  return PACKETS.has(type) ? packets.slice(0, setupOf(question).runs) : undefined;
}

/** What our `run` takes of such an input. */
export const runOptions = ({ bytes }) =>
  bytes ? { data: Uint8Array.from(bytes) } : { context: Uint8Array.from(CONTEXT) };

const fromHex = (text) => Buffer.from(text, 'hex');

/** Adds the commands; `maps`: commands that made them, by name. */
export function fillAsked(plan, question, maps) {
  for (const [name, steps] of Object.entries(setupOf(question).maps)) {
    const spec = question.object.maps.find((map) => map.name === name);
    if (!spec || !maps.has(name)) continue;
    const map = maps.get(name);
    if (steps[0].sample !== undefined) plan.userRecords(map, spec.maxEntries, recordsOf(steps));
    for (const { key, value, object } of steps) {
      if (object) fillSlot(plan, map, fromHex(key).readUInt32LE(), plan.open(object), spec.valueSize);
      else if (key) fillMap(plan, map, fromHex(key), fromHex(value), spec.valueSize);
    }
  }
}

/** Records as they are in a user ring buffer. */
function recordsOf(steps) {
  const parts = steps.flatMap(({ sample, discarded }) => {
    const bytes = fromHex(sample);
    const head = Buffer.alloc(RECORD_HEADER);
    head.writeUInt32LE(bytes.length | (discarded ? DISCARDED : 0));
    return [head, bytes, Buffer.alloc(-bytes.length & 7)];
  });
  return Buffer.concat(parts);
}

/** Does the same to a machine of ours. */
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
