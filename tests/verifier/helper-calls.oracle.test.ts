/** Which helpers a program may call, and what is wrong with a call of each, as the kernel says. */
import { describe, expect, test } from 'vitest';
import { constants, helperName } from '../../src/abi/index.ts';
import { verify } from '../../src/verifier/index.ts';
import { helperPrototype } from '../../src/verifier/call/contracts.ts';
import { VerifierEnv } from '../../src/verifier/env.ts';
import { checkAttachTarget } from '../../src/verifier/load/attach-target.ts';
import type { VerifierCapabilities, VerifierInput } from '../../src/verifier/types.ts';
import {
  attachOf,
  CAP_BPF,
  CAP_NET_ADMIN,
  CAP_PERFMON,
  CAP_SYS_ADMIN,
  has,
  nameOf,
  readRecord,
  typeOf,
  type RecordedProgram,
} from '../abi/oracle.ts';
import { inputOf, profile } from './programs.ts';

interface HelperRow extends RecordedProgram {
  readonly capabilities: number;
  readonly answers: readonly number[];
}
const { messages, rows } = readRecord<{
  messages: readonly string[];
  rows: readonly HelperRow[];
}>('helpers');

const CALL = 4;
const program = (id: number): string => `r2 = 0\nr3 = 0\nr4 = 0\nr5 = 0\ncall ${id}\nr0 = 0\nexit`;

function attachBtfId({ type, attach, target }: RecordedProgram): number {
  if (target === undefined) return 0;
  const btf = profile.btf();
  if (type === 'struct_ops') return btf.find('struct', target)!;
  if (attach === 'BPF_TRACE_RAW_TP') return btf.find('typedef', `btf_trace_${target}`)!;
  return btf.find('func', target)!;
}

function inputFor(row: HelperRow, id: number): VerifierInput {
  return inputOf(program(id), {
    type: typeOf(row),
    expectedAttachType: attachOf(row),
    attachBtfId: attachBtfId(row),
    flags: row.sleepable ? constants.BPF_F_SLEEPABLE : 0,
  });
}

const capabilitiesOf = ({ capabilities }: HelperRow): VerifierCapabilities => ({
  bpf: has(capabilities, CAP_BPF),
  perfmon: has(capabilities, CAP_PERFMON),
  netAdmin: has(capabilities, CAP_NET_ADMIN),
  sysAdmin: (capabilities & CAP_SYS_ADMIN) !== 0,
});

/** What the verifier says to the call: '' if it is fine. */
function answer(row: HelperRow, id: number): string {
  const result = verify(inputFor(row, id), profile, { capabilities: capabilitiesOf(row) });
  if (result.ok || result.insn > CALL) return '';
  const name = `bpf_${helperName(id)}#${id}`;
  return `${result.errnoName}: ${result.reason?.text}`.replace(name, '%h');
}

const named = (list: readonly HelperRow[]) =>
  list.map((row) => [`${nameOf(row)} with ${row.capabilities}`, row] as const);
const everything = rows.filter(({ capabilities }) => capabilities & CAP_SYS_ADMIN);
const restricted = rows.filter(({ capabilities }) => !(capabilities & CAP_SYS_ADMIN));

describe('a call of every helper with the context as first argument', () => {
  test.each(named(everything))('in %s is answered as by the kernel', (_, row) => {
    const wrong = row.answers.flatMap((kernel, index) => {
      const ours = answer(row, index + 1);
      if (ours === messages[kernel]) return [];
      return [`${helperName(index + 1)}: ${ours}, kernel: ${messages[kernel]}`];
    });
    expect(wrong).toEqual([]);
  });
});

describe('with fewer capabilities', () => {
  test.each(named(restricted))('%s may call what the kernel lets it call', (_, row) => {
    const env = new VerifierEnv(inputFor(row, 1), profile, {
      capabilities: capabilitiesOf(row),
      observer: undefined,
      logLevel: 0,
    });
    checkAttachTarget(env);
    const wrong = row.answers.flatMap((kernel, index) => {
      const refused = /cannot use helper|invalid func/.test(messages[kernel]!);
      const ours = helperPrototype(env, index + 1);
      return refused === (ours === undefined) ? [] : [helperName(index + 1)];
    });
    expect(wrong).toEqual([]);
  });

  test('the words are the same too', () => {
    const row = restricted.find(
      ({ type, capabilities }) => type === 'socket_filter' && !capabilities,
    )!;
    const ours = row.answers.map((_, index) => answer(row, index + 1));
    expect(ours).toEqual(row.answers.map((kernel) => messages[kernel]));
  });
});
