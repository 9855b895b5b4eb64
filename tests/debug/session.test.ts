import { describe, expect, test } from 'vitest';
import { Host } from '../../src/client/index.ts';
import { DebugSession, type WatchedMap } from '../../src/debug/index.ts';
import { Stepper } from '../../src/engine/interpreter/recording.ts';
import { bootMachine } from '../../src/machine/index.ts';
import type { MachineMap } from '../../src/machine/index.ts';
import { ethernet, ipv4, packet, tcp } from '../../src/packet/index.ts';
import { M_VALUE_TAG } from '../../src/runtime/layout.ts';

const here = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const SYN = packet(ethernet(), ipv4({ source: '10.0.0.1' }), tcp({ flags: 'SYN' }));

/** A session over one packet through examples/typed-import: what it left in `seen` is known. */
async function session(packets = 1) {
  const stepper = new Stepper();
  const { machine, network } = await bootMachine({ engine: stepper.engine });
  const host = new Host(machine, network.devices, network);
  const { programs, maps } = await host.load(here('examples/typed-import/ratelimit.bpf.o'));
  const recording = stepper.record(() => {
    for (let i = 0; i < packets; i++) programs['ratelimit']!.run({ data: SYN });
  });
  const seen = maps['seen']!;
  const handle = (seen.kernelMap as MachineMap).runtimeMap.address;
  const valueTag = machine.runtime.view().getInt32(handle + M_VALUE_TAG, true);
  const watched: WatchedMap = { name: 'seen', handle, valueTag };
  return { debug: new DebugSession(recording), seen, watched, recording };
}

const LINE = { kind: 'line', file: 'ratelimit.bpf.c', line: 100 } as const;

describe('breakpoints', () => {
  test('at a line: there, and at no other', async () => {
    const { debug } = await session();
    debug.add(LINE);
    expect(debug.resume()).toEqual({ kind: 'breakpoint', breakpoint: LINE });
    expect(debug.place().line).toMatchObject({ line: 100 });
    expect(debug.resume()).toEqual({ kind: 'end' });
    expect(debug.resume('back')).toEqual({ kind: 'breakpoint', breakpoint: LINE });
    debug.remove(LINE);
    expect(debug.resume('back')).toEqual({ kind: 'start' });
    expect(debug.at).toBe(0);
  });

  test('at a line without code: at the next one that has some', async () => {
    const { debug } = await session();
    debug.add({ kind: 'line', file: '', line: 1 });
    debug.resume();
    expect(debug.place().line!.line).toBeGreaterThan(1);
  });

  test('at calls of a helper', async () => {
    const { debug } = await session();
    debug.add({ kind: 'helper', helper: 'bpf_map_update_elem' });
    debug.resume();
    expect(debug.place().line!.text).toContain('bpf_map_update_elem(&seen');
  });

  test('at changes of a map, both ways the same', async () => {
    const { debug, watched } = await session(2);
    debug.add({ kind: 'write', map: watched });
    const forward: number[] = [];
    while (debug.resume().kind === 'breakpoint') forward.push(debug.at);
    const texts = new Set(forward.map((at) => debug.place(at).line!.text.trim()));
    expect(texts).toContain('source->packets++;');
    expect(texts).toContain('bpf_map_update_elem(&seen, &address, &fresh, BPF_ANY);');
    expect(forward.length).toBe(5);
    const back: number[] = [];
    while (debug.resume('back').kind === 'breakpoint') back.push(debug.at);
    expect(back.toReversed()).toEqual(forward);
  });

  test('that nothing can come to are refused', async () => {
    const { debug } = await session();
    expect(() => debug.add({ kind: 'helper', helper: 'bpf_redirect' })).toThrow(
      /calls bpf_redirect/,
    );
    expect(() => debug.add({ kind: 'line', file: 'x.c', line: 1 })).toThrow(/x\.c:1/);
    expect(debug.breakpoints).toEqual([]);
  });
});

describe('steps', () => {
  test('by lines: forward and back through the same places', async () => {
    const { debug } = await session();
    const places: string[] = [];
    const text = () => debug.place().line!.text.trim();
    while (debug.step('into').kind === 'step') places.push(text());
    expect(places[0]).toContain('void *data = (void *)(long)ctx->data');
    expect(places.at(-1)).toMatch(/^(return reason|\})/);
    for (let i = 1; i < places.length; i++) expect(places[i]).not.toBe(undefined);
    const before = debug.at;
    debug.step('into', 'back');
    debug.step('into');
    expect(debug.at).toBeLessThanOrEqual(before);
  });

  test('by instructions, to the ends and no further', async () => {
    const { debug, recording } = await session();
    expect(debug.step('insn', 'back')).toEqual({ kind: 'start' });
    expect(debug.step('insn')).toEqual({ kind: 'step' });
    expect(debug.at).toBe(1);
    debug.goTo(recording.length - 1);
    expect(debug.step('insn')).toEqual({ kind: 'end' });
    expect(debug.at).toBe(recording.length - 1);
    expect(() => debug.goTo(recording.length)).toThrow(RangeError);
  });

  test('maps are what they were at the step', async () => {
    const { debug, seen, watched } = await session(3);
    debug.add({ kind: 'write', map: watched });
    const counts: (bigint | undefined)[] = [];
    do {
      debug.frames();
      counts.push((seen.get('10.0.0.1' as never) as { packets: bigint } | undefined)?.packets);
    } while (debug.resume().kind === 'breakpoint');
    expect(counts[0]).toBeUndefined();
    expect(counts.filter((one) => one !== undefined)).toEqual([0n, 1n, 1n, 2n, 2n, 3n]);
    debug.recording.finish();
    expect(seen.get('10.0.0.1' as never)).toMatchObject({ packets: 3n });
  });
});
