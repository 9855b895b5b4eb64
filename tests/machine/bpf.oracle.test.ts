import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bootMachine } from '../../src/machine/index.ts';
import { Replay, type Step, visible } from './bpf-replay.ts';

const ORACLE = join(import.meta.dirname, '..', 'fixtures', 'oracle');
const { steps } = JSON.parse(
  gunzipSync(readFileSync(join(ORACLE, 'bpf-6.12.117.json.gz'))).toString(),
) as { steps: readonly Step[] };
/** Steps that are known to be answered otherwise, each with the reason. */
const known = JSON.parse(readFileSync(join(ORACLE, 'bpf-known.json'), 'utf8')) as Record<
  string,
  string
>;
const groups = [...new Set(steps.map(({ group }) => group))];

describe('bpf(2) answers as Linux 6.12.117 does', () => {
  it('in more than 300 cases', () => {
    expect(steps.length).toBeGreaterThan(1000);
    const names = new Set(steps.map(({ name }) => name));
    expect(Object.keys(known).filter((name) => !names.has(name))).toEqual([]);
  });

  it.each(groups)('%s', async (group) => {
    const { machine } = await bootMachine();
    const replay = new Replay(machine);
    const different: unknown[] = [];
    const passing: string[] = [];
    for (const step of steps.filter((one) => one.group === group)) {
      const ours = visible(step, replay.step(step));
      const linux = visible(step, step.answer);
      const same = JSON.stringify(ours) === JSON.stringify(linux);
      if (same && known[step.name]) passing.push(step.name);
      if (!same && !known[step.name]) different.push({ step: step.name, linux, ours });
    }
    if (process.env['BPF_DIFFERENCES']) {
      for (const one of different) process.stderr.write(`DIFF ${JSON.stringify(one)}\n`);
    }
    expect(different).toEqual([]);
    expect(passing, 'listed as different, but the same').toEqual([]);
    replay.exit();
    expect([...machine.objects.links]).toEqual([]);
  });
});
