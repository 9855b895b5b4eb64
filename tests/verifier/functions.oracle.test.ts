import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseObject } from '../../src/object/index.ts';
import { verifierInput } from '../../src/verifier/input.ts';
import { verify } from '../../src/verifier/verify.ts';
import { fixture, fixturePath } from '../fixtures/read.ts';
import { profile } from './programs.ts';

interface Answer {
  readonly verdict: 'accepted' | 'rejected';
  readonly errno: string;
  /** Level 2 with statistics; addresses and times taken out. */
  readonly log: string;
  /** Hex of the instructions libbpf handed in, where it is about them. */
  readonly insns?: string;
}

const kernel = JSON.parse(
  readFileSync(fixturePath('oracle/functions-6.12.117.json'), 'utf8'),
) as Record<string, Record<string, Answer>>;

const normalized = (log: string): string =>
  log
    .replace(/^verification time \d+ usec$/gm, 'verification time')
    .replace(
      /^((?:mark_precise: .* before )?\d+: \(18\) r\d+ = )0x[0-9a-f]+(?: +(?=;))?/gm,
      '$1ADDRESS',
    );

const MAP_LOADS = [1, 2];

/** Map descriptors are other numbers here than there. */
function withoutMaps(insns: Uint8Array): string {
  const bytes = insns.slice();
  for (let at = 0; at < bytes.length; at += 8) {
    if (bytes[at] === 0x18 && MAP_LOADS.includes(bytes[at + 1]! >> 4))
      bytes.fill(0, at + 4, at + 8);
  }
  return Buffer.from(bytes).toString('hex');
}

for (const [file, answers] of Object.entries(kernel)) {
  const object = parseObject(fixture(file));
  const inputOf = (name: string) =>
    verifierInput(object, object.programs.find((each) => each.name === name)!, profile, {
      objectName: file.split('.')[0]!,
      // BPF_F_TEST_RND_HI32 and BPF_F_TEST_REG_INVARIANTS, as the recorder asked.
      flags: 0x84,
    });

  describe(`${file}, as Linux 6.12.117 sees it`, () => {
    it('has an answer for every program', () => {
      expect(Object.keys(answers).sort()).toEqual(object.programs.map(({ name }) => name).sort());
    });

    for (const [name, { verdict, errno, log, insns }] of Object.entries(answers)) {
      it(`${name}: ${verdict}, word for word`, () => {
        const result = verify(inputOf(name), profile, { logLevel: 2 | 4 });
        expect(normalized(result.log)).toBe(log);
        expect(result.ok ? '' : result.errnoName).toBe(errno);
      });
      if (insns === undefined) continue;
      it(`${name}: instructions as libbpf hands them in`, () => {
        expect(withoutMaps(inputOf(name).insns)).toBe(withoutMaps(Buffer.from(insns, 'hex')));
      });
    }
  });
}
