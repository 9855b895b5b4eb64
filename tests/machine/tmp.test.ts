import { expect, it } from 'vitest';
import { type Machine, type Network, resumeMachine, saveMachine } from '../../src/machine/index.ts';
import { contentsOf, happen, makeWorld, networkOf, type World } from './saved-world.ts';
async function world(): Promise<World> {
  const { kernel, net } = await makeWorld();
  return { machine: kernel as Machine, network: net as Network };
}
it('x', async () => {
  for (let s = 1; s < 9; s++) {
    let t = Date.now();
    const lap = (w: string) => {
      console.log(s, w, Date.now() - t);
      t = Date.now();
    };
    const first = await world();
    lap('make');
    happen(first, s, 60);
    lap('happen');
    const bytes = await saveMachine(first.machine);
    lap('save ' + bytes.length);
    const again = await resumeMachine(bytes);
    lap('resume');
    {
      const [p, q] = [JSON.stringify(networkOf(again)), JSON.stringify(networkOf(first))];
      let i = 0;
      while (i < p.length && p[i] === q[i]) i++;
      if (p !== q)
        console.log(
          'DIFF',
          i,
          p.length,
          q.length,
          p.slice(i - 200, i + 100),
          '\n-----\n',
          q.slice(i - 200, i + 100),
        );
    }
    expect(networkOf(again)).toEqual(networkOf(first));
    lap('net');
    const [a, b] = [happen(again, s + 100, 80), happen(first, s + 100, 80)];
    lap('2x');
    expect(a).toEqual(b);
    expect(networkOf(again)).toEqual(networkOf(first));
    expect(contentsOf(again.machine)).toEqual(contentsOf(first.machine));
    lap('cmp');
  }
}, 100000);
