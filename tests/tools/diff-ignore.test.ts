import { expect, test } from 'vitest';
import { compare, type Observation } from '../../src/tools/diff/index.ts';

const said = (clock: string, count: string): Observation[] => [
  {
    object: 'a.o',
    program: 'p',
    errno: 0,
    log: '',
    maps: { clock: [clock], count: [count] },
  },
];
const places = (ignored: readonly string[]) =>
  compare(said('00 01', '00 05'), said('00 02', '00 06'), ignored).flatMap(({ differences }) =>
    differences.map(({ place }) => place),
  );

test('maps that are left out make no difference, others still do', () => {
  expect(places([])).toEqual(['clock', 'count']);
  expect(places(['clock'])).toEqual(['count']);
  expect(places(['clock', 'count'])).toEqual([]);
});
