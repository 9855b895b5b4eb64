/** Timers and work of map values: what Linux answers, and when callbacks run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { loadObject } from '../../src/client/index.ts';
import {
  bootMachine,
  LocalLane,
  type Machine,
  type MachineProgram,
  PacketRing,
  PacketRunner,
  TimerFault,
} from '../../src/machine/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { CaptureReader, createBatch, writeCapture } from '../../src/tools/pcap/index.ts';

const object = new Uint8Array(readFileSync(join(import.meta.dirname, 'programs', 'timers.bpf.o')));
const linux: Readonly<Record<string, readonly number[]>> = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/oracle/timers-6.12.117.json'), 'utf8'),
);
const data = new Uint8Array(64);
const HOUR = 3600e9;

/** Both engines, verified and run with checks. */
const KINDS = (['wasm', 'interpreter'] as const).flatMap((engine) =>
  [true, false].map((verify) => ({
    engine,
    verify,
    name: `${engine}${verify ? '' : ', checked'}`,
  })),
);

describe.each(KINDS)('timers on $name', ({ engine, verify }) => {
  const boot = async (...programs: string[]) => {
    const host = await createMachine({ engine, verify });
    return { host, ...(await host.load(object, { programs })) };
  };

  // Without a kernel's rules there are no kernel functions.
  const questions = Object.keys(linux).filter((name) => verify || name !== 'work');
  it.each(questions)('answers as Linux 6.12.117 does: %s', async (name) => {
    const { host, programs, maps } = await boot(name);
    for (let round = 0; round < 3; round++) {
      const options = name === 'callback' ? {} : { data };
      expect(programs[name]!.run(options).returnValue).toBe(0);
      host.advance(2000);
      const answers = [...maps['results']!.values()].map(Number);
      expect(answers.slice(0, linux[name]!.length)).toEqual(linux[name]);
    }
  });

  it('calls back at its time, again and again while the callback starts it anew', async () => {
    const { host, programs, globals } = await boot('repeat');
    host.advance(5);
    programs['repeat']!.run();
    expect(host.advance(999_999)).toBe(0);
    expect(host.advance(1)).toBe(1);
    expect(globals.get('last_time')).toBe(1_000_005n);
    expect(host.advance(HOUR)).toBe(4);
    expect(globals.get('fired')).toBe(5n);
    expect(globals.get('last_time')).toBe(5_000_005n);
    expect(globals.get('last_key')).toBe(3n);
  });

  it('shows from outside whether a timer is armed, and when it is due', async () => {
    const { host, programs, maps } = await boot('repeat');
    const shown = () => maps['slots']!.owned(3);
    expect(shown()).toEqual({ number: 0n });
    programs['repeat']!.run();
    expect(shown()).toEqual({ number: 5n, timer: { armed: true, expires: 1_000_000n } });
    host.advance(HOUR);
    expect(shown()).toEqual({ number: 0n, timer: { armed: false } });
  });

  it('is cancelled by updates and deletions from outside', async () => {
    const { host, programs, maps, globals } = await boot('repeat', 'callback');
    programs['repeat']!.run();
    maps['slots']!.set(3, { number: 1n, timer: {}, work: {} });
    programs['callback']!.run();
    maps['table']!.delete(3);
    expect(host.advance(1e9)).toBe(0);
    expect(globals.get('fired')).toBe(0n);
  });

  it('dies with its map, and outlives its program', async () => {
    const { machine } = await bootMachine({ engine, verify });
    const { programs, maps } = loadObject(machine, parseObject(object), { programs: ['repeat'] });
    const program = programs.get('repeat')!;
    program.run();
    program.close();
    expect(machine.advance(1_000_000)).toBe(1);
    expect(machine.armedTimers).toBe(1);
    maps.get('slots')!.close();
    expect(machine.armedTimers).toBe(0);
    expect(machine.advance(HOUR)).toBe(0);
  });

  it.each(verify ? ['repeat', 'queue'] : ['repeat'])('holds its program: %s', async (name) => {
    const { host, programs, maps, globals } = await boot(name);
    const machine = host.kernel as Machine;
    const { functions } = machine.runtime;
    const { id } = programs[name]!.kernelProgram;
    const there = () => [...machine.programs].some((one) => one.id === id);
    programs[name]!.run();
    programs[name]!.kernelProgram.close();
    expect(there()).toBe(true);
    // These would get its slots of the function table.
    const others = await host.load(object, { programs: ['callback', 'repeat'] });
    host.codeMemory()?.recompact({ waste: 0 });
    host.advance(HOUR);
    expect(globals.get('fired')).toBe(name === 'repeat' ? 5n : 300n);
    expect(others.globals.get('fired')).toBe(0n);
    // It is not armed any more, but others could do that.
    expect(there()).toBe(true);
    for (const one of Object.values(others.programs)) one.kernelProgram.close();
    const { used } = functions;
    maps['slots']!.kernelMap.close();
    expect(there()).toBe(false);
    expect(functions.used).toBe(used - 2);
    expect(host.codeMemory()?.packs() ?? []).toEqual([]);
  });

  it('holds the program that is closed while its callback runs', async () => {
    const host = await createMachine({ engine, verify });
    const machine = host.kernel as Machine;
    let close = () => {};
    // bpf_ktime_get_ns, which the callback asks.
    machine.runtime.setHostHelper(5, 0, (call) => {
      close();
      call.returnInt(7);
    });
    const { programs, maps, globals } = await host.load(object, { programs: ['repeat'] });
    const { kernelProgram } = programs['repeat']!;
    close = () => kernelProgram.close();
    const there = () => [...machine.programs].some((one) => one.id === kernelProgram.id);
    programs['repeat']!.run();
    expect(host.advance(1_000_000)).toBe(1);
    expect([globals.get('last_time'), there()]).toEqual([7n, true]);
    expect(host.advance(HOUR)).toBe(4);
    expect(there()).toBe(true);
    maps['slots']!.kernelMap.close();
    expect(there()).toBe(false);
  });

  it('runs when the clock is set, and not when it is set back', async () => {
    const { machine } = await bootMachine({ engine, verify });
    const { programs } = loadObject(machine, parseObject(object), { programs: ['repeat'] });
    programs.get('repeat')!.run();
    machine.clock = 2_500_000n;
    expect(machine.armedTimers).toBe(1);
    expect(machine.clock).toBe(2_500_000n);
    machine.clock = 0n;
    machine.clock = 2_999_999n;
    expect(machine.armedTimers).toBe(1);
    machine.clock = 10_000_000n;
    expect(machine.armedTimers).toBe(0);
  });

  it('fires between the packets of a batch, as if they came one by one', async () => {
    const random = randomFrom(1);
    const packets = Array.from({ length: 600 }, () => {
      const bytes = new Uint8Array(64);
      const delay = random(5) === 0 ? 0 : random(20_000);
      new DataView(bytes.buffer).setUint32(0, random(8), true);
      new DataView(bytes.buffer).setUint32(4, delay, true);
      bytes.set([0x74, 0x69, 0x6d, 0x65], 8);
      return bytes;
    });
    let now = 0;
    const times = packets.map((_, i) => (i === 0 ? 0 : (now += random(3) * random(4000))));
    const alone = await oneByOne(packets, times);
    expect(new Set(alone).size).toBeGreaterThan(50);
    expect(alone).toEqual(modelOf(packets, times));
    expect(await inBatches(packets, times)).toEqual(alone);
  });

  async function bootArm() {
    const { machine, network } = await bootMachine({ engine, verify });
    const object_ = parseObject(object);
    const { programs } = loadObject(machine, object_, { programs: ['arm'] });
    return { machine, network, program: programs.get('arm') as MachineProgram };
  }

  async function oneByOne(packets: readonly Uint8Array[], times: readonly number[]) {
    const { machine, program } = await bootArm();
    return packets.map((one, i) => {
      machine.clock = BigInt(times[i]!);
      return program.run({ data: one }).returnValue;
    });
  }

  async function inBatches(packets: readonly Uint8Array[], times: readonly number[]) {
    const { machine, network, program } = await bootArm();
    const shape = { capacity: 100, bytes: 1 << 20, roomy: false };
    const ring = new PacketRing(machine.runtime, network.hookOf(program), shape);
    const runner = new PacketRunner([new LocalLane(ring, program.code)], 0);
    const reader = new CaptureReader();
    const batch = createBatch(1024);
    const capture = packets.map((one, i) => ({ data: one, time: BigInt(times[i]!) }));
    reader.push(writeCapture(capture, { nanoseconds: true }));
    reader.next(batch);
    const codes: number[] = [];
    for (let from = 0; from < batch.count; ) {
      const count = await runner.run(batch, from, [{ ifindex: 2, headerSize: 0 }]);
      for (let i = 0; i < count; i++) codes.push(runner.code(i));
      from += count;
    }
    return codes;
  }
});

describe.each(['wasm', 'interpreter'] as const)('timers on %s', (engine) => {
  it('runs work at once when time may pass, the same work again when it asks for it', async () => {
    using host = await createMachine({ engine });
    const { programs, globals } = await host.load(object, { programs: ['queue'] });
    programs['queue']!.run();
    expect(globals.get('fired')).toBe(0n);
    expect(host.advance(0)).toBe(3);
    expect(globals.get('fired')).toBe(300n);
    expect(globals.get('last_key')).toBe(2n);
  });

  it('says what ended a callback, and where; time goes on after', async () => {
    using host = await createMachine({ engine, verify: false });
    const { programs, globals } = await host.load(object, { programs: ['broken', 'callback'] });
    programs['broken']!.run({ data });
    programs['callback']!.run();
    expect(() => host.advance(HOUR)).toThrow(
      /^timer in map 'slots' at 1000000 ns: broken: out of range: write of 8 bytes.*timers\.bpf\.c:\d+/,
    );
    expect(globals.get('fired')).toBe(1n);
    expect(host.advance(HOUR)).toBe(0);
    expect(programs['callback']!.run().returnValue).toBe(0);
    expect(host.advance(1000)).toBe(1);
    expect(globals.get('fired')).toBe(2n);
  });

  it('hands faults of callbacks to a listener', async () => {
    const faults: TimerFault[] = [];
    let callbacks = 0;
    using host = await createMachine({
      engine,
      verify: false,
      onTimer: () => callbacks++,
      onTimerFault: (fault) => faults.push(fault),
    });
    const { programs } = await host.load(object, { programs: ['broken'] });
    for (let i = 0; i < 2; i++) {
      programs['broken']!.run({ data });
      host.advance(2_000_000);
    }
    expect(faults.map(({ kind, map, time }) => [kind, map, time])).toEqual([
      ['timer', 'slots', 1_000_000n],
      ['timer', 'slots', 3_000_000n],
    ]);
    expect(callbacks).toBe(2);
    expect(faults[0]!.fault.source?.text).toContain('*beyond = 1');
  });

  it('runs programs of type syscall on the bytes they are given', async () => {
    using host = await createMachine({ engine });
    const { programs } = await host.load(object, { programs: ['call'] });
    host.advance(1);
    const context = Uint8Array.of(21, 0, 0, 0, 0, 0, 0, 0);
    const { returnValue, context: after } = programs['call']!.run({ context });
    expect(returnValue).toBe(7);
    expect(after).toEqual(Uint8Array.of(21, 0, 0, 0, 42, 0, 0, 0));
    expect(() => programs['call']!.run({ data })).toThrow('see no packet');
    expect(() => programs['call']!.run({ context: new Uint8Array(65536) })).toThrow(
      'at most 65535',
    );
    expect(() => programs['call']!.attach({})).toThrow('only run');
  });
});

/** What `arm` returns, said again: timers fire in the order they are due, then were started. */
function modelOf(packets: readonly Uint8Array[], times: readonly number[]): number[] {
  const elements = new Map<number, { due: number; start: number; armed: boolean }>();
  let order = 0n;
  return packets.map((one, i) => {
    const view = new DataView(one.buffer);
    const key = view.getUint32(0, true);
    const delay = view.getUint32(4, true);
    const due = [...elements].filter(([, timer]) => timer.armed && timer.due <= times[i]!);
    due.sort(([, a], [, b]) => a.due - b.due || a.start - b.start);
    for (const [number, timer] of due) {
      order = BigInt.asUintN(64, order * 10n + BigInt(number));
      timer.armed = false;
    }
    if (delay === 0) return elements.delete(key) ? 0 : -2;
    elements.set(key, { due: times[i]! + delay, start: i, armed: true });
    return Number(BigInt.asIntN(32, order));
  });
}

/** A stream of numbers below a bound (xorshift32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
