import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Machine, type Network, resumeMachine, saveMachine } from '../../src/machine/index.ts';
import { contentsOf, happen, makeWorld, networkOf, type World } from './saved-world.ts';

const seeds = fc.record({
  before: fc.nat(),
  after: fc.nat(),
  count: fc.integer({ min: 0, max: 120 }),
});

async function world(): Promise<World> {
  const { kernel, net } = await makeWorld();
  return { machine: kernel as Machine, network: net as Network };
}

describe('a saved machine with all that a network has', () => {
  it('answers what happens next as if it had never been in a file', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async ({ before, after, count }) => {
        const first = await world();
        happen(first, before, count);
        const again = await resumeMachine(await saveMachine(first.machine));
        expect(networkOf(again)).toEqual(networkOf(first));
        expect(again.machine.clock).toBe(first.machine.clock);
        expect(happen(again, after, 80)).toEqual(happen(first, after, 80));
        expect(networkOf(again)).toEqual(networkOf(first));
        expect(contentsOf(again.machine)).toEqual(contentsOf(first.machine));
        expect(again.machine.armedTimers).toBe(first.machine.armedTimers);
        expect(again.machine.liveObjects()).toEqual(first.machine.liveObjects());
      }),
      { numRuns: 3, endOnFailure: true },
    );
  }, 120_000);
});
