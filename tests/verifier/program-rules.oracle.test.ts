/**
 * The verifier over tiny programs the real kernel was asked (tests/fixtures/oracle): what they may
 * return and attach to, which kfuncs they may call and what is wrong with such a call.
 */
import { describe, expect, test } from 'vitest';
import { kfuncProgram, legacyLoadProgram, returnProgram } from '../../scripts/probe/programs.mjs';
import { kfuncByName, modifyReturnFlags } from '../../src/abi/index.ts';
import { rawKfuncSets } from '../../src/abi/generated/6.12/kfuncs.ts';
import { verify } from '../../src/verifier/index.ts';
import type { VerifierInput, VerifyResult } from '../../src/verifier/index.ts';
import {
  attachOf,
  expand,
  nameOf,
  readRecord,
  typeOf,
  type Ranges,
  type RecordedProgram,
} from '../abi/oracle.ts';
import { profile } from './programs.ts';

const F_SLEEPABLE = 1 << 4;
const btf = profile.btf();

function targetId({ type, attach, target }: RecordedProgram): number {
  if (!target) return 0;
  if (type === 'struct_ops') return btf.find('struct', target)!;
  if (attach === 'BPF_TRACE_RAW_TP') return btf.find('typedef', `btf_trace_${target}`)!;
  return btf.find('func', target)!;
}

function ask(program: RecordedProgram, insns: Uint8Array): VerifyResult {
  const input: VerifierInput = {
    name: '',
    type: typeOf(program),
    expectedAttachType: attachOf(program),
    attachBtfId: targetId(program),
    license: 'GPL',
    flags: program.sleepable ? F_SLEEPABLE : 0,
    insns: new Uint8Array(insns),
    maps: [],
    btf: undefined,
    functionInfo: [],
    lineInfo: [],
  };
  return verify(input, profile, { logLevel: 1 });
}

/** What comes after the call is not asked. */
const AFTER = /At program exit|^Note, /;

/** "EINVAL: last line of the log", '' when the call was fine. */
function answerOf({ ok, errnoName, log }: VerifyResult): string {
  if (ok) return '';
  const lines = log.slice(0, log.lastIndexOf('processed ')).trimEnd().split('\n');
  const last = lines.at(-1)!;
  return AFTER.test(last) ? '' : `${errnoName}: ${last}`;
}

interface Answers extends RecordedProgram {
  readonly answers: readonly number[];
}

describe('calls of kfuncs', () => {
  interface Kfuncs {
    readonly kfuncs: readonly string[];
    readonly messages: readonly string[];
    readonly rows: readonly Answers[];
  }
  const record = readRecord<Kfuncs>('kfuncs');
  const ids = new Map(
    Object.values(rawKfuncSets).flatMap(({ kfuncs }) =>
      Object.entries(kfuncs).map(([name, [id]]) => [name, id] as const),
    ),
  );
  test.each(record.rows.map((row) => [nameOf(row), row] as const))(
    '%s: the words of the kernel',
    (_, row) => {
      const wrong = record.kfuncs.flatMap((name, index) => {
        const ours = answerOf(ask(row, kfuncProgram(ids.get(name)!)));
        const kernel = record.messages[row.answers[index]!]!.replaceAll('%k', name);
        return ours === kernel ? [] : [{ name, ours, kernel }];
      });
      expect(wrong).toEqual([]);
    },
  );

  test('cover those that only fmod_ret programs attach to', () => {
    const others = record.kfuncs.filter((name) => !kfuncByName(name));
    expect(others.map((name) => modifyReturnFlags(ids.get(name)!))).not.toContain(undefined);
  });
});

describe('return values', () => {
  type Values = Readonly<Record<string, string>>;
  interface Rules {
    readonly returns: readonly (RecordedProgram & { readonly values: Values })[];
    readonly lsm: readonly (Omit<RecordedProgram, 'type'> & {
      readonly hook: string;
      readonly values: Values;
    })[];
    readonly attach: readonly {
      readonly type: string;
      readonly probed: Ranges;
      readonly accepted: Ranges;
    }[];
    readonly legacyPacketLoads: readonly (RecordedProgram & { readonly allowed: boolean })[];
  }
  const record = readRecord<Rules>('program-rules');

  const WORDS: readonly [RegExp, string][] = [
    [/!read_ok/, 'unset'],
    [/should have been|Note, BPF_LSM_CGROUP/, 'range'],
    [/^Only fentry/, 'cannot be sleepable'],
    [/is not sleepable/, 'hook is not sleepable'],
    [/disabled hook/, 'disabled'],
  ];
  function verdict(result: VerifyResult): string {
    if (result.ok) return 'ok';
    const lines = result.log.slice(0, result.log.lastIndexOf('processed ')).trimEnd().split('\n');
    return WORDS.find(([words]) => words.test(lines.at(-1)!))?.[1] ?? result.log;
  }
  const verdicts = (program: RecordedProgram, values: Values): Values =>
    Object.fromEntries(
      Object.keys(values).map((value) => [value, verdict(ask(program, returnProgram(value)))]),
    );

  test.each(record.returns.map((row) => [nameOf(row), row] as const))('%s', (_, row) => {
    expect(verdicts(row, row.values)).toEqual(row.values);
  });

  test('of all LSM hooks', () => {
    for (const { hook, attach, sleepable = false, values } of record.lsm) {
      const program = { type: 'lsm', attach, target: hook, sleepable };
      expect(verdicts(program, values), `${hook} ${attach}`).toEqual(values);
    }
  });

  test('programs are refused for their expected attach type as by the kernel', () => {
    for (const { type, probed, accepted } of record.attach) {
      const value = type === 'lwt_seg6local' ? '0' : '1';
      const taken = expand(probed).filter(
        (attach) => ask({ type, attach }, returnProgram(value)).ok,
      );
      expect(taken, type).toEqual(expand(accepted));
    }
  });

  test('BPF_LD_ABS is refused where the kernel refuses it', () => {
    for (const row of record.legacyPacketLoads) {
      const { log } = ask(row, legacyLoadProgram());
      expect(!log.includes('BPF_LD_[ABS|IND]'), nameOf(row)).toBe(row.allowed);
    }
  });
});
