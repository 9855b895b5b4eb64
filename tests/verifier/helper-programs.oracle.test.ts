/** Random programs full of helper calls: verdict, statistics and log, as the kernel gave them. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { parseObject } from '../../src/object/index.ts';
import { verifierInput } from '../../src/verifier/index.ts';
import { verify } from '../../src/verifier/verify.ts';
import { readRecord } from '../abi/oracle.ts';
import { PRIVILEGED, profile, UNPRIVILEGED } from './programs.ts';

type Recorded = readonly [program: string, errno: string, statistics: string, log: string];

const { rows } = readRecord<{
  readonly rows: readonly {
    readonly object: string;
    /** libbpf's name of the object: part of map names. */
    readonly name: string;
    readonly unprivileged?: true;
    readonly programs: readonly Recorded[];
  }[];
}>('helper-programs');

const FOLDER = join(import.meta.dirname, '../fixtures/oracle/helper-programs');
const LEVEL2 = 2;
const STATS = 4;

/** The log without what differs from run to run. */
const normalized = (log: string): string =>
  log
    .replace(/^((?:mark_precise: .* before )?\d+: \(18\) r\d+ = )0x[0-9a-f]+/gm, '$1ADDRESS')
    .replace(/^verification time \d+ usec$/gm, 'verification time');

const hash = (log: string): string =>
  createHash('sha256').update(normalized(log)).digest('hex').slice(0, 16);

describe('random calls of helpers', () => {
  test.each(rows.map((row) => [row.object, row] as const))('%s', (_, row) => {
    const { object, name, programs, unprivileged = false } = row;
    const capabilities = unprivileged ? UNPRIVILEGED : PRIVILEGED;
    const file = parseObject(gunzipSync(readFileSync(join(FOLDER, `${object}.gz`))));
    const ours = programs.map(([program]): Recorded => {
      const spec = file.programs.find((each) => each.name === program)!;
      const input = verifierInput(file, spec, profile, {
        objectName: name,
        withoutBtf: unprivileged,
      });
      const options = { logLevel: LEVEL2 | STATS, capabilities };
      const { log, errnoName, stats } = verify(input, profile, options);
      const { processed, maxStatesPerInsn, totalStates, peakStates, markRead } = stats;
      const figures = [processed, maxStatesPerInsn, totalStates, peakStates, markRead].join(' ');
      return [program, errnoName, figures, hash(log)];
    });
    expect(ours).toEqual(programs);
  });
});
