import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createMachine,
  FormatError,
  type Host,
  resumeMachine,
  saveMachine,
} from '../../src/index.ts';
import type { Machine } from '../../src/machine/index.ts';
import { pinObject } from '../../src/machine/bpffs/pins.ts';
import { fixture } from '../fixtures/read.ts';
import { netObject, packet } from './helpers.ts';
import { contentsOf, makeWorld } from './saved-world.ts';

const program = (name: string) =>
  new Uint8Array(readFileSync(new URL(`programs/${name}.bpf.o`, import.meta.url)));
const again = async (host: Host): Promise<Host> => resumeMachine(await saveMachine(host));
const machineOf = (host: Host): Machine => host.kernel as Machine;
const named = (host: Host, name: string) =>
  [...machineOf(host).programs].find(({ spec }) => spec.name === name)!;
const map = (host: Host, name: string) =>
  [...machineOf(host).objects.maps].find(({ spec }) => spec.name === name)!;
const value = (host: Host, name: string, key = 0): bigint => {
  const one = map(host, name);
  const out = new Uint8Array(one.userValueSize);
  one.lookup(Uint8Array.of(key, 0, 0, 0), out);
  return new DataView(out.buffer).getBigUint64(0, true);
};

describe.each(['wasm', 'interpreter'] as const)('objects of a saved machine on %s', (engine) => {
  it('static keys: programs run the code of their state, and switch', async () => {
    using host = await createMachine({ engine });
    const loaded = await host.load(fixture('static-keys.bpf.o'));
    loaded.key('key1').enable();
    using back = await again(host);
    const run = () => named(back, 'one_key').run({ data: new Uint8Array(64) }).returnValue;
    expect(run()).toBe(3);
    map(back, 'key1').update(new Uint8Array(4), new Uint8Array(4));
    expect(run()).toBe(4);
    using twice = await again(back);
    expect(named(twice, 'one_key').run({ data: new Uint8Array(64) }).returnValue).toBe(4);
  });

  it('timers fire at their time, once', async () => {
    using host = await createMachine({ engine });
    const { programs } = await host.load(program('timers'), { programs: ['callback'] });
    programs['callback']!.run({});
    const armed = machineOf(host).armedTimers;
    expect(armed).toBeGreaterThan(0);
    using back = await again(host);
    expect(machineOf(back).armedTimers).toBe(armed);
    for (const one of [host, back]) one.advance(2000);
    expect(contentsOf(machineOf(back))).toEqual(contentsOf(machineOf(host)));
    expect(machineOf(back).armedTimers).toBe(machineOf(host).armedTimers);
  });

  it('programs at system calls see them, tasks are who they were', async () => {
    using host = await createMachine({ engine });
    const loaded = await host.load(program('traced'));
    loaded.programs['on_enter']!.attach();
    const task = host.task({ pid: 43, tgid: 42, comm: 'sshd' });
    using back = await again(host);
    const same = [...machineOf(back).runtime.owners.values()].find(
      ({ number }) => number === (task as unknown as { number: number }).number,
    );
    for (const [one, who] of [
      [host, task],
      [back, same],
    ] as const) {
      one.syscall('openat', { task: who as typeof task, args: [1] });
    }
    expect(contentsOf(machineOf(back))).toEqual(contentsOf(machineOf(host)));
    expect(value(back, '.bss')).not.toBe(0n);
  });
});

describe('a saved machine', () => {
  it('keeps links whose device has gone, bpffs with its options, and who counts runs', async () => {
    using host = await createMachine({ devices: { eth0: {}, eth1: {} } });
    const { programs } = await host.load(netObject(), { programs: ['by_length'] });
    const link = programs['by_length']!.attach({ device: 'eth1' });
    const machine = machineOf(host);
    machine.files.mount('/run/bpf', 'mode=0700,delegate_cmds=prog_load');
    pinObject(machine.files, '/run/bpf/link', 'link', machine.objects.links.get(link.id)!);
    machine.countRuns(1);
    host.net.removeDevice('eth1');
    using back = await again(host);
    const there = machineOf(back).objects.links.get(link.id)!;
    expect(there.info()).toEqual(machine.objects.links.get(link.id)!.info());
    expect(() => there.update!(named(back, 'by_length'), undefined)).toThrow(/ENOLINK/);
    const mount = machineOf(back).files.find('/run/bpf');
    const { mode } = machine.files.find('/run/bpf');
    expect(mount).toMatchObject({ mode, mount: { delegate: { cmds: 1n << 5n } } });
    named(back, 'by_length').run({ data: packet(60) });
    expect(named(back, 'by_length').stats.count).toBe(1);
  });

  it('does not grow from being saved and resumed', async () => {
    let host = await createMachine({ devices: { eth0: {} } });
    const { programs } = await host.load(netObject(), { programs: ['by_length'] });
    programs['by_length']!.attach({ device: 'eth0' });
    const sizes: number[] = [];
    for (let i = 0; i < 12; i++) {
      host.devices['eth0']!.receive(packet(90));
      host = await again(host);
      sizes.push((await saveMachine(host)).length);
    }
    expect(Math.max(...sizes)).toBeLessThan(sizes[1]! * 1.1);
    expect(machineOf(host).runtime.u8().length).toBeLessThan(8 << 20);
  });

  it('holds sockets of many connections, not much of each', async () => {
    using host = await createMachine();
    const root = host.net.addNamespace('pod');
    root.socket({ type: 'tcp', address: '127.0.0.1', port: 80 }).listen(3000);
    for (let i = 0; i < 2000; i++)
      root.connect({ type: 'tcp', to: { address: '127.0.0.1', port: 80 } });
    const bytes = await saveMachine(host);
    expect(bytes.length / 4000).toBeLessThan(100);
    using back = await resumeMachine(bytes);
    expect(back.net.namespace('pod').openSockets()).toHaveLength(2001);
  });
});

const HEADER = 24;

/** The description in a file, changed by `edit`, with a checksum that is right. */
function forged(file: Uint8Array, edit: (state: object) => void): Uint8Array {
  const body = gunzipSync(file.subarray(HEADER));
  const length = body.readUInt32LE(0);
  const state = JSON.parse(body.toString('utf8', 4, 4 + length));
  edit(state);
  const json = Buffer.from(JSON.stringify(state));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(json.length);
  const packed = gzipSync(Buffer.concat([size, json, body.subarray(4 + length)]), { level: 1 });
  const head = Buffer.from(file.subarray(0, HEADER));
  head.writeUInt32LE(packed.length, 16);
  let sum = 0x811c9dc5;
  for (const byte of packed) sum = Math.imul(sum ^ byte, 0x01000193);
  head.writeUInt32LE(sum >>> 0, 20);
  return new Uint8Array(Buffer.concat([head, packed]));
}

/** Puts something else somewhere into a tree. */
function spoil(tree: unknown, path: readonly number[], by: unknown): void {
  let at = tree as Record<string, unknown>;
  for (const step of path) {
    const keys = Object.keys(at);
    if (keys.length === 0) return;
    const key = keys[step % keys.length]!;
    const next = at[key];
    if (typeof next !== 'object' || next === null || step % 7 === 0) {
      at[key] = by;
      return;
    }
    at = next as Record<string, unknown>;
  }
}

describe('a file that was forged', () => {
  it('is a machine or a FormatError', async () => {
    using host = await makeWorld();
    const file = await saveMachine(host);
    await resumeMachine(forged(file, () => {}));
    const junk = fc.oneof(
      fc.constantFrom(null, -1, 1e15, Number.MAX_VALUE, '', 'x', [], {}, true),
      fc.constantFrom({ $ref: 0 }, { $ref: 1e9 }, { $root: 'dev nobody' }, { $what: 1 }),
      fc.constantFrom(
        { $event: [1] },
        { $map: [[1]] },
        { $bytes: '!' },
        { $array: ['Function', ''] },
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(), { minLength: 3, maxLength: 14 }),
        junk,
        async (path, by) => {
          const bytes = forged(file, (state) => spoil(state, path, by));
          await resumeMachine(bytes).catch((error) => expect(error).toBeInstanceOf(FormatError));
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);
});
