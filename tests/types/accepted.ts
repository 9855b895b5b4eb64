// What must compile, with the declaration of examples/typed-import. Nothing here is run.
import {
  createMachine,
  type Input,
  type LoadedObject,
  type MapOf,
  type ObjectFile,
  openView,
  parseObject,
  type Program,
  type TypedObject,
} from 'beeyard';
import ratelimit, { type event, type source } from './ratelimit.bpf.o';
import live from './live.bpf.o';
import owned, { type item } from './owned.bpf.o';
import sourceFile from './ratelimit.bpf.c';

using host = await createMachine({ cpus: 2, devices: { eth0: {}, eth1: { mtu: 9000 } } });

// Loading: settings by name and type, some of a struct, a choice of programs.
const loaded = await host.load(ratelimit, {
  globals: { limit: 10n, settings: { report: false }, dropped: 1n },
  programs: ['ratelimit', 'outgoing'],
});
const { programs, maps, globals } = loaded;
await host.load(ratelimit);
await host.load(sourceFile, { globals: { limit: 1n } });

// Programs: options and verdicts of their type.
using link = programs.ratelimit.attach({ device: 'eth0' });
using out = programs.outgoing.attach({ device: 'eth0', direction: 'egress' });
link.detach();
out.detach();
const run = programs.ratelimit.run({ data: new Uint8Array(60), repeat: 2 });
if (run.verdict === 'drop' || run.verdict === 'unknown 7') run.data.fill(0);
if (programs.outgoing.run({ data: run.data }).verdict === 'stolen') link.detach();
const received = host.devices.eth0.receive(run.data);
if (received.verdict === 'aborted') throw received.fault;
host.devices.eth1.transmit(run.data);
host.devices.lo.receive(run.data);

// Maps: keys as numbers, text or bytes; values whole or in part.
const known: source | undefined = maps.seen.get('10.0.0.1');
maps.seen.set(1, { packets: 1n }).set('10.0.0.2', { packets: 2n, last: 'BLOCKED' }, 'noexist');
maps.seen.set(Uint8Array.of(1, 2, 3, 4), new Uint8Array(24));
if (known) maps.seen.set(0, { ...known, packets: known.packets + 1n });
if (known?.last === 'OVER_LIMIT' || known?.last === 3) maps.seen.delete('10.0.0.1');
for (const [address, { dropped }] of maps.seen) consume<[number, bigint]>([address, dropped]);
maps.blocked.set('10.0.0.0/8', 1).set({ length: 8, address: [10, 0, 0, 0] }, 2);
maps.blocked.delete({ length: 8, address: Uint8Array.of(10, 0, 0, 0) });
const counts: bigint[] | undefined = maps.reasons.get('ALLOWED');
maps.reasons.set('BLOCKED', 0n).set(0, [1n, 2n]);
consume<number | undefined>(maps['.rodata'].get(0)?.settings.name.length);
consume<bigint[] | undefined>(counts);

// Live views: members as they are in memory, arrays and structs as views again.
const storage = (await host.load(live)).maps;
using task = host.kernel.createOwner('task');
const v = storage.tasks.view(task);
if (v) {
  consume<[bigint, number, number]>([v.packets, v.$number('packets'), v.inner.depth]);
  consume<number | undefined>(v.inner.ports.at(0));
  consume<boolean | undefined>(v.more.at(-1)?.seen);
  consume<bigint[]>([...v.history, ...v.$copy().history]);
  if (v.state === 'BUSY' && v.name !== 'eth0') consume<bigint>(openView(v.$share()).balance);
}
const w = storage.tasks.view(task, { write: true });
if (w) w.packets = 1n;
if (w) w.inner.depth = w.history.length;
w?.history.set(0, 3n);
for (const [owner, { $value }] of storage.counts.live()) {
  consume<[number, bigint]>([owner.number, $value]);
}
consume<number | undefined>(storage.slots.view(2)?.last);
consume<[bigint, number]>([
  storage.pages.viewOf('shared').packets,
  storage.pages.viewOf('first').$value,
]);
storage.pages.viewOf('shared', { write: true }).last = 1;
consume<number>(storage.pages.view().size);

// What values own, by name.
const { maps: owners } = await host.load(owned);
consume<item[] | undefined>(owners['.bss.A'].get(0)?.numbers.toArray());
for (const { number } of owners['.bss.A'].get(0)?.ages ?? []) consume<bigint>(number);
consume<bigint | undefined>(owners.shelves.get(3)?.boxes.toArray()[0]?.number);
const shelf = owners.shelves.get(3);
if (shelf) owners.shelves.set(4, { ...shelf, pushes: 0n });

// Records: raw, or as a struct of the object.
for (const { value, cpu } of maps.events.drain('event')) consume<[event, number]>([value, cpu]);
for (const { value } of maps.events.drain()) consume<Uint8Array>(value);
const signal = new AbortController().signal;
for await (const { value } of maps.events.records({ type: 'event', signal })) {
  consume<string | number[]>(value.name);
}
for await (const { value } of maps.events.records({ signal })) consume<Uint8Array>(value);

// Globals: read all, write what is no constant.
consume<bigint>(globals.get('limit'));
consume<boolean>(globals.get('settings').report);
globals.set('dropped', 0n);
consume<readonly ('limit' | 'settings' | 'dropped' | 'event_type')[]>(globals.names);

// An imported object is its bytes; without types everything is as before.
const parsed: ObjectFile = parseObject(ratelimit);
const bytes: Uint8Array = ratelimit;
for (const any of [parsed, bytes, 'x.bpf.o', new URL('file:///x.bpf.o')]) {
  const untyped = await host.load(any, { globals: { whatever: 1, more: { a: [1n] } } });
  untyped.programs['x']?.attach({ device: 'eth0', direction: 'ingress' });
  untyped.programs['x']?.run();
  untyped.maps['y']?.set('10.0.0.1', { z: 1 }).set(1n, 2).set(new Uint8Array(4), [1, 2]);
  untyped.maps['y']?.setObject(0, untyped.maps['z']!).setObject(1, maps.seen);
  untyped.maps['y']?.setObject(0, programs.ratelimit);
  untyped.globals.set('a', { b: 1 });
  consume<LoadedObject>(untyped);
}

/** Code over any typed map, and over any object with a program of that name. */
function total<K>(map: MapOf<K, source>): bigint {
  return [...map.values()].reduce((sum, { packets }) => sum + packets, 0n);
}
total(maps.seen);

/** Code over any program and any map. */
function describe<K, V, Text extends string, In>(program: Program, map: MapOf<K, V, Text, In>) {
  return `${program.name} ${map.name} ${map.size}`;
}
describe(programs.ratelimit, maps.seen);
describe(programs.outgoing, maps.reasons);
type Shape = typeof ratelimit extends TypedObject<infer S> ? S : never;
const inputs: Input<source>[] = [{ packets: 1n }, {}];
consume<keyof Shape['maps']>('blocked');
consume(inputs);

// A machine whose devices are not known by name.
const names: Record<string, object> = {};
const other = await createMachine({ devices: names });
other.devices['anything']?.receive(bytes);

function consume<T>(_value: T): void {}
