// What must not compile: each line with a code at its end is that error, and no other line is one.
import { createMachine } from 'beeyard';
import ratelimit from './ratelimit.bpf.o';
import live from './live.bpf.o';
import traced from './traced.bpf.o';

const host = await createMachine({ devices: { eth0: {} } });
const data = new Uint8Array(60);

// Names that are not there.
await host.load(ratelimit, { globals: { limmit: 10n } }); // TS2561
await host.load(ratelimit, { globals: { settings: { color: 1 } } }); // TS2353
await host.load(ratelimit, { programs: ['ratelimits'] }); // TS2820
await host.load(ratelimit, { program: ['ratelimit'] }); // TS2561
const { programs, maps, globals } = await host.load(ratelimit);
consume(programs.rateLimit); // TS2551
consume(maps.sources); // TS2339
consume(maps.seen.get(1)?.packet); // TS2551
maps.seen.set(1, { packts: 1n }); // TS2353
globals.get('limits'); // TS2345
host.devices.eth1.receive(data); // TS2339

// Types that do not fit: 64 bits are bigint, enums their names.
await host.load(ratelimit, { globals: { limit: 10 } }); // TS2322
await host.load(ratelimit, { globals: { settings: { report: 'yes' } } }); // TS2322
maps.seen.set(1, { packets: 1 }); // TS2322
maps.seen.set(1, { last: 'FORGIVEN' }); // TS2322
maps.seen.set(1n, {}); // TS2345
maps.seen.get('not an address'); // TS2345
maps.seen.get({ address: 1 }); // TS2353
maps.blocked.get('fe80::/10'); // TS2345
maps.blocked.set('10.0.0.0/8', 'yes'); // TS2345
maps.reasons.get('REASONS'); // TS2345
maps.reasons.set(0, [1, 2]); // TS2322
const one: bigint | undefined = maps.reasons.get(0); // TS2322
if (maps.seen.get(1)?.last === 'BLOKED') globals.get('limit'); // TS2367

// Constants.
globals.set('limit', 1n); // TS2345
globals.set('settings', { report: true }); // TS2345

// What a kind of map does not have.
maps.events.get(0); // TS2339
maps.events.drain('evnt'); // TS2345
for (const { value } of maps.events.drain('event')) consume(value.adress); // TS2551
for (const { value } of maps.events.drain()) consume(value.reason); // TS2339
maps.seen.push({ packets: 1n, extra: 1 }); // TS2353

// Live views: members of the type, read-only unless asked for.
const storage = (await host.load(live)).maps;
const task = host.kernel.createOwner('task');
const v = storage.tasks.view(task)!;
consume(v.packet); // TS2551
v.packets = 1n; // TS2540
v.inner.depth = 1; // TS2540
consume(v.$number('packet')); // TS2345
const small: number = v.packets; // TS2322
storage.tasks.view(task, { write: true })!.packets = 1; // TS2322
v.history.set(0, 1); // TS2345
storage.tasks.view('task'); // TS2769
storage.pages.viewOf('second'); // TS2345
consume(small);

// Programs of a type.
programs.ratelimit.attach({ devise: 'eth0' }); // TS2561
programs.ratelimit.attach({}); // TS2741
programs.ratelimit.attach({ device: 'eth0', direction: 'egress' }); // TS2353
programs.outgoing.attach({ device: 'eth0', direction: 'sideways' }); // TS2322
programs.ratelimit.run(); // TS2554
if (programs.ratelimit.run({ data }).verdict === 'dropped') globals.get('limit'); // TS2367
if (programs.ratelimit.run({ data }).verdict === 'stolen') globals.get('limit'); // TS2367
if (programs.outgoing.run({ data }).verdict === 'tx') globals.get('limit'); // TS2367
if (host.devices.eth0.receive(data).verdict === 'blocked') globals.get('limit'); // TS2367

// Other program types have nothing to do with devices; queues and maps of objects have their own.
const other = await host.load(traced);
other.programs.on_open.attach({ device: 'eth0' }); // TS2322
other.programs.on_open.run({ device: 'eth0' }); // TS2353
other.maps.waiting.get(0); // TS2339
other.maps.waiting.push('text'); // TS2345
other.maps.jumps.set(0, 1); // TS2345
other.maps.jumps.setObject('a', other.programs.on_open); // TS2345

consume(one);
function consume(_value: unknown): void {}
