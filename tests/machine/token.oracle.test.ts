import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bootMachine } from '../../src/machine/index.ts';
import { TokenReplay } from './token-replay.ts';

const FIXTURE = join(import.meta.dirname, '..', 'fixtures', 'oracle', 'token-6.12.117.json');
const { cases } = JSON.parse(readFileSync(FIXTURE, 'utf8')) as {
  cases: readonly { name: string; steps: readonly (readonly [string, number | string])[] }[];
};

describe('users, namespaces and tokens are treated as by Linux 6.12.117', () => {
  it('in more than 60 cases', () => {
    expect(cases.flatMap(({ steps }) => steps).length).toBeGreaterThan(800);
  });

  it.each(cases)('$name', async ({ steps }) => {
    const { machine } = await bootMachine({ engine: 'interpreter' });
    const replay = new TokenReplay(machine);
    const answers = steps.map(([step]) => [step, replay.step(step)]);
    expect(answers).toEqual(steps);
  });
});
