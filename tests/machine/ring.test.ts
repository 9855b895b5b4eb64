import { describe, expect, it } from 'vitest';
import { loadObject } from '../../src/client/index.ts';
import {
  bootMachine,
  CpuShare,
  type EngineName,
  LinearStorage,
  LocalLane,
  type MachineProgram,
  PacketRing,
  PacketRunner,
  type RingOptions,
  SharedBatch,
  type SharedPart,
  StepClock,
} from '../../src/machine/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { G_CLOCK, GLOBALS } from '../../src/runtime/layout.ts';
import { CaptureReader, createBatch, writeCapture } from '../../src/tools/pcap/index.ts';
import { netObject, packet, udp } from './helpers.ts';

const ETHERNET = [{ ifindex: 2, headerSize: 0 }];

/** A machine with one program and a ring of the given shape. */
async function boot(name: string, shape: Partial<RingOptions> = {}, engine: EngineName = 'wasm') {
  const { machine, network } = await bootMachine({ engine, verify: name !== 'careless' });
  const { programs, maps } = loadObject(machine, parseObject(netObject()), { programs: [name] });
  const program = programs.get(name) as MachineProgram;
  const options = { capacity: 16, bytes: 1 << 16, roomy: false, ...shape };
  const ring = new PacketRing(machine.runtime, network.hookOf(program), options);
  const runner = new PacketRunner([new LocalLane(ring, program.code)], 1000);
  return { machine, ring, runner, maps, program };
}

/** One batch with all the packets. */
function batchOf(packets: readonly Uint8Array[], storage?: LinearStorage, times?: bigint[]) {
  const reader = new CaptureReader(storage);
  const batch = createBatch(1024);
  reader.push(
    writeCapture(
      packets.map((data, i) => ({ data, time: times?.[i] ?? BigInt(i) * 1000n })),
      { nanoseconds: true },
    ),
  );
  reader.next(batch);
  return { batch, reader };
}

/** Runs a whole batch; returns what each packet became. */
async function runAll(runner: PacketRunner, batch: ReturnType<typeof createBatch>) {
  const results: { code: number; fate: string; data: Uint8Array }[] = [];
  for (let from = 0; from < batch.count; ) {
    const count = await runner.run(batch, from, ETHERNET);
    for (let i = 0; i < count; i++) {
      const start = runner.dataStart(i);
      const data = runner.bytes.slice(start, start + runner.dataLength(i));
      results.push({ code: runner.code(i), fate: runner.fate(i), data });
    }
    from += count;
  }
  return results;
}

const sizes = Array.from({ length: 50 }, (_, i) => 14 + ((i * 37) % 600));

describe.each(['wasm', 'interpreter'] as const)('a packet ring (%s)', (engine) => {
  it('takes as many packets at a time as fit, in order', async () => {
    const { runner } = await boot('first_byte', { capacity: 7, bytes: 8192 }, engine);
    const packets = sizes.map((size, i) => packet(size, i % 5));
    const results = await runAll(runner, batchOf(packets).batch);
    expect(results.map(({ code }) => code)).toEqual(packets.map((_, i) => i % 5));
    expect(results.map(({ data }) => data)).toEqual(packets);
    expect(runner.totals.packets).toBe(50);
    expect(runner.totals.bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
  });

  it('gives the same wherever the packets lie', async () => {
    const packets = sizes.map((size, i) => packet(size, i % 5));
    const shapes: [boolean, Partial<RingOptions>][] = [
      [false, {}],
      [true, {}],
      [true, { inPlace: true }],
      [true, { roomy: true }],
    ];
    for (const [linear, shape] of shapes) {
      const { runner, machine } = await boot('first_byte', shape, engine);
      const { batch } = batchOf(packets, linear ? new LinearStorage(machine.runtime) : undefined);
      const results = await runAll(runner, batch);
      expect(results.map(({ data }) => data)).toEqual(packets);
      expect(runner.verdicts().map(({ name, count }) => [name, count])).toEqual([
        ['aborted', 10],
        ['drop', 10],
        ['pass', 10],
        ['tx', 10],
        ['redirect', 10],
      ]);
    }
  });

  it('goes on behind every packet that faults', async () => {
    const { runner } = await boot('careless', {}, engine);
    const packets = sizes.map((size) => packet(size));
    const results = await runAll(runner, batchOf(packets).batch);
    expect(results.map(({ fate }) => fate)).toEqual(
      sizes.map((size) => (size < 40 ? 'aborted' : 'pass')),
    );
    const [tally] = [...runner.totals.faults.values()];
    expect(tally!.count).toBe(sizes.filter((size) => size < 40).length);
    expect(tally!.firstPacket).toBe(sizes.findIndex((size) => size < 40) + 1);
  });

  it('moves the clock with the packets, never back', async () => {
    const { runner, maps } = await boot('sampled', { capacity: 2 }, engine);
    const base = 1_700_000_000_000_000_000n;
    const times = [base, base + 5n, base + 3n, base + 9n];
    await runAll(
      runner,
      batchOf(
        [1, 2, 3, 4].map(() => packet(60)),
        undefined,
        times,
      ).batch,
    );
    const records = maps.get('samples')!.drain();
    const clocks = records.map(({ data }) => new DataView(data.buffer).getBigUint64(0, true));
    expect(clocks).toEqual([1000n, 1005n, 1005n, 1009n]);
  });

  it('gives several CPUs time in steps, which never goes back', async () => {
    const { machine, network } = await bootMachine({ engine, cpus: 2, shared: true });
    const object = parseObject(netObject());
    const { programs, maps } = loadObject(machine, object, { programs: ['sampled'] });
    const program = programs.get('sampled') as MachineProgram;
    const { runtime } = machine;
    const shape = { capacity: 512, bytes: 1 << 18, roomy: false };
    const shared = new SharedBatch(runtime, shape.capacity);
    const sorted = [new Int32Array(1), new Int32Array(1)];
    const shares = [0, 1].map((cpu) => {
      const ring = new PacketRing(runtime, network.hookOf(program), shape);
      // One after the other in one thread: no CPU waits for the other.
      const clock = new StepClock(runtime, 0, [new Int32Array(1)]);
      const share = new CpuShare(program.code, ring, shared, clock, [cpu, sorted]);
      return { ring, share };
    });
    const lanes = shares.map(({ ring, share }, cpu) => ({
      ring,
      faults: [],
      run(part: SharedPart) {
        // Packets are run when both CPUs have sorted theirs.
        if (cpu === 0) for (const one of shares) one.share.sort(part);
        share.run(part, 1);
      },
    }));
    const runner = new PacketRunner(lanes, 0, shared);
    // 0.1 ms from packet to packet: a step ends when it has 256 packets and 10 ms.
    const count = 300;
    const times = Array.from({ length: count }, (_, i) => BigInt(i) * 100_000n);
    const packets = times.map((_, i) => udp(`10.0.${i % 3}.${i}`, '10.0.0.9', [77 * i, 53]));
    const storage = new LinearStorage(runtime);
    const results = await runAll(runner, batchOf(packets, storage, times).batch);
    expect(results.map(({ data }) => data)).toEqual(packets);
    const laneOf = [...shared.lane.subarray(0, count)];
    const steps = times.map((_, i) => (i < 256 ? 0n : 25_600_000n));
    const own = steps.filter((_, i) => laneOf[i] === 0);
    expect(lanes[0]!.ring.count).toBe(own.length);
    expect(lanes[1]!.ring.count).toBe(count - own.length);
    expect(own.length).toBeGreaterThan(50);
    expect(own.length).toBeLessThan(250);
    // What the program wrote down is in a ring buffer with room for the first ones only.
    const records = maps.get('samples')!.drain();
    const clocks = records.map(({ data }) => new DataView(data.buffer).getBigUint64(0, true));
    const late = Array<bigint>(count).fill(25_600_000n);
    expect(clocks.length).toBeGreaterThan(own.length);
    expect(clocks).toEqual([...own, ...late].slice(0, clocks.length));
    expect(runtime.view().getBigUint64(GLOBALS + G_CLOCK, true)).toBe(25_600_000n);
  });

  it('leaves room in front of the packet for programs that move its start', async () => {
    const { runner } = await boot('shorten', { roomy: true }, engine);
    const results = await runAll(runner, batchOf([packet(60), packet(1400)]).batch);
    expect(results.map(({ data }) => data.length)).toEqual([56, 1396]);
    expect(results.every(({ data }) => data[0] === 0xaa)).toBe(true);
  });
});

describe('linear storage', () => {
  it('leaves what is held where it is', async () => {
    const { machine } = await bootMachine({ engine: 'interpreter' });
    const storage = new LinearStorage(machine.runtime);
    storage.resize(64, 0);
    storage.bytes().set([1, 2, 3, 4]);
    const held = storage.bytes();
    storage.hold();
    storage.turn(1, 4);
    expect([...storage.bytes().subarray(0, 3)]).toEqual([2, 3, 4]);
    expect([...held.subarray(0, 4)]).toEqual([1, 2, 3, 4]);
    const second = storage.address;
    storage.turn(1, 3);
    expect(storage.address).toBe(second);
    expect([...storage.bytes().subarray(0, 2)]).toEqual([3, 4]);
    storage.hold();
    storage.turn(0, 2);
    expect(storage.address).toBe(held.byteOffset);
    expect([...storage.bytes().subarray(0, 2)]).toEqual([3, 4]);
  });

  it('keeps its bytes when it and memory grow', async () => {
    const { machine } = await bootMachine({ engine: 'interpreter' });
    const storage = new LinearStorage(machine.runtime);
    storage.resize(64, 0);
    storage.bytes().set([1, 2, 3, 4]);
    machine.runtime.allocate(8 << 20);
    expect([...storage.bytes().subarray(0, 4)]).toEqual([1, 2, 3, 4]);
    const before = storage.address;
    storage.resize(1 << 20, 3);
    expect(storage.address).not.toBe(before);
    expect([...storage.bytes().subarray(0, 3)]).toEqual([1, 2, 3]);
    expect(storage.bytes()).toHaveLength(1 << 20);
  });
});

describe('a machine', () => {
  it('does the same again with the same seed', async () => {
    const once = async () => {
      const { runner, maps } = await boot('nested');
      await runAll(runner, batchOf(sizes.map((size) => packet(size))).batch);
      const inner = maps.get('inner')!;
      const keys: string[] = [];
      const key = new Uint8Array(4);
      for (let more = inner.nextKey(undefined, key); more === 0; more = inner.nextKey(key, key)) {
        keys.push(key.join());
      }
      return [keys, runner.verdicts()];
    };
    expect(await once()).toEqual(await once());
  });
});
