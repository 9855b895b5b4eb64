import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRuntime } from '../../src/runtime/index.ts';
import { EndlessMoment, EventQueue } from '../../src/runtime/events.ts';

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

  test('of another source come first at the same time', () => {
    const clock = { clock: 0n };
    const events = new EventQueue(clock);
    const seen: string[] = [];
    const times = [3, 5, 5];
    events.follow({
      get next() {
        return times[0] ?? Number.POSITIVE_INFINITY;
      },
      get pending() {
        return times.length;
      },
      run: () => seen.push(`timer ${times.shift()} ${clock.clock}`),
    });
    for (const time of [4, 5]) events.at(time, () => seen.push(`event ${time} ${clock.clock}`));
    expect([events.pending, events.next]).toEqual([5, 3]);
    expect(events.advance(5)).toBe(5);
    expect(seen).toEqual(['timer 3 3', 'event 4 4', 'timer 5 5', 'timer 5 5', 'event 5 5']);
  });

  test('let no time pass within an event', () => {
    const events = queue();
    const inner: number[] = [];
    events.at(1, () => inner.push(events.advance(100)));
    events.at(2, () => inner.push(2));
    expect(events.advance(10)).toBe(2);
    expect(inner).toEqual([0, 2]);
  });

  test('that make each other at one moment without end are an error, and can go on', () => {
    const events = queue();
    let more = true;
    const again = () => more && events.at(7, again);
    events.at(7, again);
    expect(() => events.advance(10)).toThrow(EndlessMoment);
    more = false;
    expect(events.advance(10)).toBe(1);
  });
});
