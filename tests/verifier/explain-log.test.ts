/** Logs of verifiers, with all that people paste around them, explained without an object. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KernelProfile, loadKernelProfile } from '../../src/abi/index.ts';
import { buildPatterns, messageTables } from '../../src/verifier/explain/log/patterns.ts';
import { recognise } from '../../src/verifier/explain/log/recognise.ts';
import { todaysWords } from '../../src/verifier/explain/log/values.ts';
import type { Message } from '../../src/verifier/index.ts';
import {
  type ExplainedLog,
  explainLog,
  explanationText,
  verify,
} from '../../src/verifier/index.ts';
import { allLabels } from './causes/labels.mjs';
import { type Case, casesOf, isOneOf, nameOf, percent } from './causes/score.ts';
import { as61, LOGS } from './logs/older.ts';

let profile: KernelProfile;
let cases: Case[];

beforeAll(async () => {
  profile = await loadKernelProfile();
  const labels = allLabels().filter(({ file }) => file !== 'too-complex');
  cases = casesOf(labels, profile);
});

const logOf = ({ input, capabilities }: Case, logLevel = 1) =>
  verify(input, profile, { capabilities, logLevel }).log;

function read(text: string): ExplainedLog {
  return explainLog(text, profile);
}

/** The log of a program of the set, and its label. */
function labelled(name: string) {
  const one = cases.find(({ label }) => nameOf(label) === name)!;
  return { log: logOf(one), label: one.label };
}

describe('a log of our own verifier', () => {
  it('has its message recognised, all of the set', () => {
    const unknown = cases.filter((one) => {
      const { reason } = verify(one.input, profile, { capabilities: one.capabilities });
      const { explanation } = read(logOf(one));
      // Some texts stand in two tables: the code may be that of the other.
      return (
        explanation?.code === 'log.unknown' || explanation?.kernel !== reason?.text.split('\n')[0]
      );
    });
    expect(unknown.map(({ label }) => nameOf(label))).toEqual([]);
  });

  it('is read at level 2 as well, where every branch is told', () => {
    const differs = cases.filter((one) => {
      return read(logOf(one, 2)).explanation?.cause !== read(logOf(one)).explanation?.cause;
    });
    expect(
      percent(differs.length, cases.length),
      differs.map(({ label }) => nameOf(label)).join(),
    ).toBeLessThanOrEqual(3);
  });

  it('gives the right cause in the words of Linux 6.1, too', () => {
    const wrong = cases.filter((one) => !isOneOf(one.label, read(as61(logOf(one))).explanation));
    expect(
      percent(wrong.length, cases.length),
      wrong.map(({ label }) => nameOf(label)).join(),
    ).toBeLessThanOrEqual(8);
  });

  it('tells the source line, the value and its history', () => {
    const { explanation, notes, processed } = read(
      labelled('index-out-of-range/mask_too_wide').log,
    );
    expect(explanation).toMatchObject({
      cause: 'index-out-of-range',
      at: { line: { file: 'index-out-of-range.bpf.c', text: expect.stringContaining('ports') } },
      subject: { name: 'R0', value: expect.stringMatching(/^map_value\(.*umax=.*124/) },
    });
    expect(explanation!.steps.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['made', 'changed', 'moved']),
    );
    expect(explanation!.at.text).toMatch(/^r\d = \*\(u32 \*\)\(r0 \+\d+\)$/);
    expect({ notes, processed }).toEqual({ notes: [], processed: expect.any(Number) });
  });
});

describe('logs of other kernels and loaders', () => {
  it.each(LOGS)('$name', ({ log, cause, line, verdict, says }) => {
    const answer = read(log);
    expect(answer.verdict).toBe(verdict ?? 'rejected');
    expect(answer.explanation?.cause).toBe(cause);
    if (line !== undefined) expect(answer.explanation?.at.line?.text).toContain(line);
    if (says) expect(explanationText(answer.explanation!).replace(/\s+/g, ' ')).toMatch(says);
  });

  it('are read with what the journal, dmesg, mails and Windows put around the lines', () => {
    const { log, label } = labelled('null-check-missing/lookup_unchecked');
    const lines = log.split('\n');
    const each = (prefix: string) => lines.map((line) => prefix + line).join('\n');
    const dressed = [
      each('Nov 23 10:11:12 host systemd[1]: '),
      each('2026-11-23T10:11:12+0000 host agent[4711]: '),
      each('[  123.456789] '),
      each('> '),
      each('\t'),
      lines.join('\r\n'),
      JSON.stringify({ error: log }),
      `libbpf: prog 'p': BPF program load failed: Permission denied\n` +
        `libbpf: prog 'p': -- BEGIN PROG LOAD LOG --\n${log}-- END PROG LOAD LOG --\n` +
        `libbpf: prog 'p': failed to load: -13\nlibbpf: failed to load object 'x.bpf.o'\n`,
      `\u001b[31mError:\u001b[0m load program: permission denied:\n${each('\t')}`,
    ];
    const causes = dressed.map((text) => read(text).explanation?.cause);
    expect(causes).toEqual(dressed.map(() => label.cause));
  });

  it('are explained as far as they go when an end is missing', () => {
    const { log, label } = labelled('packet-bounds/one_byte_short');
    const lines = log.trimEnd().split('\n');
    const headless = read(lines.slice(-4).join('\n'));
    expect(headless.explanation?.cause).toBe(label.cause);
    expect(headless.notes.join()).toMatch(/beginning of the log is missing/);
    const tailless = read(lines.slice(0, -1).join('\n'));
    expect(tailless.explanation?.cause).toBe(label.cause);
    expect(tailless.notes.join()).toMatch(/end of the log is missing/);
  });

  it('tell accepted programs', () => {
    const log = 'processed 12 insns (limit 1000000) max_states_per_insn 0 total_states 1\n';
    expect(read(log)).toMatchObject({ verdict: 'accepted', processed: 12 });
  });

  it('are unknown when they are none', () => {
    expect(read('hello\nworld\n')).toMatchObject({ verdict: 'unknown', explanation: undefined });
    expect(read('')).toMatchObject({ verdict: 'unknown' });
  });
});

describe('the table of messages', () => {
  it('recognises a text by the words around its values', () => {
    const found = recognise("R3 invalid mem access 'map_value_or_null'");
    expect(found).toEqual({
      code: 'mem.invalid_access',
      text: "R3 invalid mem access 'map_value_or_null'",
      args: expect.arrayContaining([3, 'map_value_or_null']),
    });
    expect(
      recognise('invalid access to packet, off=14 size=4, R2(id=0,off=14,r=14)'),
    ).toMatchObject({
      code: 'mem.packet_bounds',
      args: expect.arrayContaining([14, 4, 2, 0]),
    });
  });

  it('recognises every text of the tables by its own code, or words that are the same', () => {
    const known = new Set(buildPatterns().map(({ code }) => code));
    const sample = [3, 5, 7, 11, 13, 17, 19, 23] as never[];
    const lost = messageTables.flatMap((table) =>
      Object.values(table).flatMap((make) => {
        let message: Message;
        try {
          message = make(...sample);
        } catch {
          return [];
        }
        const { code, text } = message;
        return known.has(code) && !recognise(text.split('\n')[0]!) ? [`${code}: ${text}`] : [];
      }),
    );
    expect(known.size).toBeGreaterThan(400);
    expect(lost).toEqual([]);
  });

  it('knows what a text adds to a value', () => {
    const found = recognise('arg#2 arg#3 memory, len pair leads to invalid memory access');
    expect(found).toMatchObject({ code: 'kfunc.bad_memory', args: expect.arrayContaining([2]) });
    expect(recognise('2 bpf_preempt_enable(s) are missing')).toMatchObject({
      code: 'flow.exit_without_preemption',
      args: expect.arrayContaining([2]),
    });
  });

  it('turns old words for values into those of today', () => {
    expect(todaysWords('inv(id=0,umax_value=255,var_off=(0x0; 0xff))')).toBe(
      'scalar(umax=255,var_off=(0x0; 0xff))',
    );
    expect(todaysWords('invP7')).toBe('P7');
    expect(todaysWords('pkt(id=0,off=14,r=34,imm=0)')).toBe('pkt(off=14,r=34)');
    expect(todaysWords('ctx(id=0,off=0,imm=0)')).toBe('ctx()');
    expect(todaysWords('mmmm????')).toBe('mmmm????');
  });
});

describe('any text', () => {
  it('is read without a fault', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => void read(text)),
      {
        numRuns: 100,
      },
    );
  });

  it('and so is any mixture of lines of real logs, cut and changed', () => {
    const pool = cases.slice(0, 40).flatMap((one) => logOf(one).split('\n'));
    const line = fc.tuple(fc.constantFrom(...pool), fc.nat(200), fc.string({ maxLength: 4 }));
    const changed = line.map(([text, at, what]) => text.slice(0, at) + what + text.slice(at));
    const lines = fc.array(fc.oneof(fc.constantFrom(...pool), changed), { maxLength: 40 });
    fc.assert(
      fc.property(lines, (some) => {
        const { explanation } = read(some.join('\n'));
        if (explanation) expect(explanationText(explanation)).not.toMatch(/undefined|NaN/);
      }),
      { numRuns: 200 },
    );
  });
});
