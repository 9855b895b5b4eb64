import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bootMachine } from '../../src/machine/index.ts';
import { Replay, type Step, visible } from './bpf-replay.ts';

const ORACLE = join(import.meta.dirname, '..', 'fixtures', 'oracle');
const { steps } = JSON.parse(
  gunzipSync(readFileSync(join(ORACLE, 'hooks-6.12.117.json.gz'))).toString(),
) as { steps: readonly Step[] };
const groups = [...new Set(steps.map(({ group }) => group))];

describe('hooks at no device answer as Linux 6.12.117 does', () => {
  it('in more than 400 cases', () => expect(steps.length).toBeGreaterThan(400));

  it.each(groups)('%s', async (group) => {
    const { machine, network } = await bootMachine();
    const replay = new Replay(machine, network);
    const different: unknown[] = [];
    for (const step of steps.filter((one) => one.group === group)) {
      const ours = visible(step, replay.step(step));
      const linux = visible(step, step.answer);
      if (JSON.stringify(ours) !== JSON.stringify(linux)) {
        different.push({ step: step.name, linux, ours });
      }
    }
    if (process.env['BPF_DIFFERENCES']) {
      for (const one of different) process.stderr.write(`DIFF ${JSON.stringify(one)}\n`);
    }
    expect(different).toEqual([]);
    replay.exit();
    expect([...machine.objects.links]).toEqual([]);
    expect([...machine.programs]).toEqual([]);
  });
});
