/** Programs in front of and behind functions of other programs (fentry, fexit). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName } from '../../src/index.ts';
import type { Machine } from '../../src/machine/index.ts';

const read = (name: string) => readFileSync(new URL(`programs/${name}.bpf.o`, import.meta.url));
const [hooks, replacements, tracers] = ['hooks', 'replacements', 'tracers'].map(read);
const errno = (code: string) => expect.objectContaining({ code });
const engines: readonly EngineName[] = ['interpreter', 'wasm'];
const AT_TARGET = [
  'before_main',
  'behind_main',
  'before_twice',
  'behind_twice',
  'behind_twice_too',
];

describe.each(engines)('programs that trace programs (%s)', (engine) => {
  async function tracing() {
    const host = await createMachine({ engine });
    const { programs } = await host.load(hooks!, { programs: ['extended', 'ask_hash'] });
    const target = programs['extended']!;
    const targets = Object.fromEntries(AT_TARGET.map((name) => [name, target]));
    const loaded = await host.load(tracers!, { programs: AT_TARGET, targets });
    const run = (length = 64) => target.run({ data: new Uint8Array(length) } as never).returnValue;
    const get = (name: string) => loaded.globals.get(name);
    const load = async (name: string, at = target) =>
      (await host.load(tracers!, { programs: [name], targets: { [name]: at } })).programs[name]!;
    return { host, target, loaded, run, get, load, tracer: loaded.programs };
  }

  it('see arguments, results and the packet of a program', async () => {
    const { tracer, run, get } = await tracing();
    using _front = tracer['before_main']!.attach();
    const behind = tracer['behind_main']!.attach();
    expect([run(80), get('order'), get('length')]).toEqual([110, 12n, 80]);
    expect([get('result'), get('device')]).toEqual([110n, 1]);
    behind.detach();
    expect([run(), get('order'), get('length')]).toEqual([110, 121n, 64]);
  });

  it('see functions of programs, those that came last first', async () => {
    const { tracer, run, get } = await tracing();
    for (const name of AT_TARGET) tracer[name]!.attach();
    expect([run(), get('order')]).toEqual([110, 13542n]);
    expect([get('argument'), get('result')]).toEqual([5n, 110n]);
  });

  it('see packets on their way', async () => {
    const { tracer, host, target, get } = await tracing();
    using _tc = target.attach({ device: 'lo' });
    using _ = tracer['behind_twice']!.attach();
    host.devices['lo']!.receive(new Uint8Array(60));
    expect([get('order'), get('argument'), get('result')]).toEqual([4n, 5n, 10n]);
  });

  it('are attached once, and hold their target until they leave', async () => {
    const { tracer, host, target } = await tracing();
    const { objects } = host.kernel as Machine;
    const alive = () => objects.programs.get(target.id) !== undefined;
    const link = tracer['before_main']!.attach();
    expect(() => tracer['before_main']!.attach()).toThrow(errno('EINVAL'));
    const elsewhere = { target: target.kernelProgram, targetFunction: 'twice' };
    expect(() => tracer['behind_twice']!.attach(elsewhere)).toThrow(errno('EINVAL'));
    for (const name of AT_TARGET.slice(1)) tracer[name]![Symbol.dispose]();
    target[Symbol.dispose]();
    expect(alive()).toBe(true);
    link.detach();
    expect(alive()).toBe(false);
    expect(() => tracer['before_main']!.attach()).toThrow(errno('EINVAL'));
  });

  it('and what replaces a function rule each other out', async () => {
    const { tracer, host, target, run } = await tracing();
    const targets = { new_twice: target };
    const { programs } = await host.load(replacements!, { programs: ['new_twice'], targets });
    const traced = tracer['before_twice']!.attach();
    expect(() => programs['new_twice']!.attach()).toThrow(errno('EBUSY'));
    traced.detach();
    using _replaced = programs['new_twice']!.attach();
    expect(() => tracer['behind_twice']!.attach()).toThrow(errno('EBUSY'));
    expect(run()).toBe(112);
  });

  it('see what replaces a function, wherever that runs', async () => {
    const { host, target, run } = await tracing();
    const targets = { new_twice: target };
    const { programs } = await host.load(replacements!, { programs: ['new_twice'], targets });
    const names = { behind_new_twice: programs['new_twice']! };
    const tracer = await host.load(tracers!, { programs: ['behind_new_twice'], targets: names });
    const result = () => tracer.globals.get('result');
    const replaced = programs['new_twice']!.attach();
    expect([run(), result()]).toEqual([112, 0n]);
    const link = tracer.programs['behind_new_twice']!.attach();
    expect([run(), result()]).toEqual([112, 12n]);
    tracer.globals.set('result', 0n);
    link.detach();
    expect([run(), result()]).toEqual([112, 0n]);
    replaced.detach();
    expect(run()).toBe(110);
  });

  it('see one that traces, but no further', async () => {
    const { tracer, host, run, get } = await tracing();
    const traced = tracer['before_twice']!;
    const names = { before_tracer: traced };
    const deeper = await host.load(tracers!, { programs: ['before_tracer'], targets: names });
    using _one = traced.attach();
    using _other = deeper.programs['before_tracer']!.attach();
    expect([run(), get('order'), deeper.globals.get('order')]).toEqual([110, 3n, 7n]);
    const targets = { too_deep: deeper.programs['before_tracer']! };
    const load = host.load(tracers!, { programs: ['too_deep'], targets });
    await expect(load).rejects.toThrow(/Cannot nest tracing program/);
  });

  it.each([
    ['changes_result', /can't modify return codes of BPF programs/],
    ['too_many', /context access off=16/],
    ['too_early', /context access off=8/],
  ])('are refused: %s', async (name, why) => {
    const { load } = await tracing();
    await expect(load(name)).rejects.toThrow(why);
  });

  it('may leave while their target runs', async () => {
    const { tracer, run, get } = await tracing();
    const link = tracer['behind_twice']!.attach();
    const front = tracer['before_main']!.kernelProgram as never as {
      code: { run(at: number): number };
    };
    const { code } = front;
    front.code = { ...code, run: () => (link.detach(), 0) };
    using _front = tracer['before_main']!.attach();
    expect([run(), get('order')]).toEqual([110, 0n]);
    front.code = code;
    expect([run(), get('order')]).toEqual([110, 1n]);
  });

  it('are at most 38 at a function', async () => {
    const { load, get, run } = await tracing();
    for (let i = 0; i < 38; i++) (await load('behind_twice_too')).attach();
    const one = await load('before_twice');
    expect(() => one.attach()).toThrow(errno('E2BIG'));
    expect([run(), get('order')]).toEqual([110, 0n]);
  });

  it('run unverified as well', async () => {
    const host = await createMachine({ engine, verify: false });
    const target = (await host.load(hooks!, { programs: ['extended'] })).programs['extended']!;
    const names = ['before_twice', 'behind_twice'];
    const targets = Object.fromEntries(names.map((name) => [name, target]));
    const { programs, globals } = await host.load(tracers!, { programs: names, targets });
    for (const name of names) programs[name]!.attach();
    expect(target.run({ data: new Uint8Array(64) } as never).returnValue).toBe(110);
    const seen = ['order', 'argument', 'result'].map((name) => globals.get(name));
    expect(seen).toEqual([34n, 5n, 10n]);
  });

  it('tell their link of the target', async () => {
    const { tracer, host, target } = await tracing();
    using link = tracer['behind_twice']!.attach();
    const info = (host.kernel as Machine).objects.links.get(link.id)!.info();
    expect(info).toMatchObject({
      'tracing.attach_type': 25,
      'tracing.target_obj_id': target.id,
    });
    expect(info['tracing.target_btf_id']).toBeGreaterThan(0);
  });
});
