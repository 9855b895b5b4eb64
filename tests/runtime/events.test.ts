import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRuntime } from '../../src/runtime/index.ts';
import { EventQueue } from '../../src/runtime/events.ts';

const queue = () => new EventQueue({ clock: 0n });

describe('events of the virtual clock', () => {
  test('happen in the order of their times, then of their making, with the clock at their time', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (times) => {
        const clock = { clock: 0n };
        const events = new EventQueue(clock);
        const seen: [number, number][] = [];
        times.forEach((time, i) => {
          events.at(time, () => seen.push([Number(clock.clock), i]));
        });
        expect(events.advance(20)).toBe(times.length);
        const expected = times.map((time, i) => [time, i]);
        expect(seen).toEqual(expected.sort(([a, i], [b, j]) => a! - b! || i! - j!));
        expect([events.pending, events.next]).toEqual([0, Number.POSITIVE_INFINITY]);
      }),
    );
  });

  test('may be cancelled once, before they happen', () => {
    const events = queue();
    const [first, second] = [events.at(5, () => {}), events.at(6, () => {})];
    expect([first.cancel(), first.cancel(), events.pending, events.next]).toEqual([
      true,
      false,
      1,
      6,
    ]);
    expect([events.advance(10), second.cancel()]).toEqual([1, false]);
  });

  test('may make further ones, which happen in the same advance if they are due', () => {
    const events = queue();
    let ticks = 0;
    const tick = () => {
      if (++ticks < 100) events.at(ticks, tick);
    };
    events.at(0, tick);
    expect([events.advance(49), ticks, events.advance(1000), ticks]).toEqual([50, 50, 50, 100]);
  });

  test('the clock of a machine does not go back', () => {
    const runtime = createRuntime({ cpus: 1 });
    runtime.events.advance(100);
    runtime.events.at(3, () => {});
    runtime.events.advance(50);
    expect([runtime.clock, runtime.events.pending]).toEqual([100n, 0]);
  });
});
