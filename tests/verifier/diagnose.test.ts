import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KernelProfile, loadKernelProfile } from '../../src/abi/index.ts';
import { parseObject } from '../../src/object/index.ts';
import {
  causeIds,
  causeMeaning,
  type Diagnosis,
  diagnose,
  diagnosisText,
  explain,
  type VerifierInput,
  verifierInput,
  verify,
} from '../../src/verifier/index.ts';
import { causes } from '../../src/verifier/explain/causes.ts';
import { plainCauses } from '../../src/verifier/explain/causes/plain-cause.ts';
import { causeIdOf } from '../../src/verifier/explain/causes/ids.ts';
import { allLabels } from './causes/labels.mjs';
import { caseOf } from './causes/score.ts';

const object = parseObject(readFileSync(new URL('rejected.bpf.o', import.meta.url)));
let profile: KernelProfile;

beforeAll(async () => {
  profile = await loadKernelProfile();
});

function inputOf(name: string): VerifierInput {
  return verifierInput(object, object.programs.find((one) => one.name === name)!, profile);
}

function diagnosed(name: string): Diagnosis {
  return diagnose(inputOf(name), profile)!;
}

/** A program without types: instructions as numbers (op, registers, off, imm). */
function program(...insns: readonly (readonly [number, number, number, number])[]): VerifierInput {
  const bytes = new Uint8Array(insns.length * 8);
  const view = new DataView(bytes.buffer);
  insns.forEach(([op, registers, off, imm], i) => {
    view.setUint8(i * 8, op);
    view.setUint8(i * 8 + 1, registers);
    view.setInt16(i * 8 + 2, off, true);
    view.setInt32(i * 8 + 4, imm, true);
  });
  const { btf: _, ...rest } = inputOf('context_written');
  return { ...rest, btf: undefined, insns: bytes, functionInfo: [], lineInfo: [] };
}

const EXIT = [0x95, 0, 0, 0] as const;

/** Program, cause, what is missing, what is known, whether that is all. */
const FACTS = [
  ['packet_without_check', 'packet-bounds', /^R\d \+ \d+ ≤ data_end$/, /8 ≤ data_end/, true],
  ['map_without_null_check', 'null-check-missing', /^R0 is not NULL$/, /may be NULL/, true],
  ['index_too_large', 'index-out-of-range', /^R\d ≤ 15$/, /^R\d ≤ 31$/, true],
  ['reference_leaked', 'reference-leak', /acquired is released/, /held/, true],
  ['return_out_of_range', 'return-range', /^R0 in \[0, 3\]$/, /R0/, true],
  ['number_as_pointer', 'scalar-dereference', /points to memory of \d+ bytes?/, /a number/, true],
] as const;

describe('a diagnosis', () => {
  it.each(FACTS)('of %s finds by trying what it lacks', (name, cause, needs, known, enough) => {
    const { explanation, missing } = diagnosed(name);
    expect(explanation.cause).toBe(cause);
    expect(missing?.needs).toMatch(needs);
    expect(missing?.known).toMatch(known);
    expect(missing?.enough).toBe(enough);
  });

  it('has no fact where none would help', () => {
    for (const name of ['wrong_helper', 'context_written', 'endless']) {
      expect(diagnosed(name).missing).toBeUndefined();
    }
  });

  it('does not exist for a program that passes', () => {
    const passes = program([0xb7, 0, 0, 0], EXIT);
    expect(verify(passes, profile).ok).toBe(true);
    expect(diagnose(passes, profile)).toBeUndefined();
  });

  it('names further errors on their own, not those that follow', () => {
    // Two registers nobody wrote, then the first one again.
    const { explanation, missing, others } = diagnose(
      program([0xbf, 0x30, 0, 0], [0xbf, 0x40, 0, 0], [0xbf, 0x30, 0, 0], [0xb7, 0, 0, 0], EXIT),
      profile,
    )!;
    expect(explanation).toMatchObject({ cause: 'uninitialised-register', at: { insn: 0 } });
    expect(missing).toMatchObject({ needs: 'R3 has a value', enough: false });
    expect(others.map(({ at }) => at.insn)).toEqual([1]);
  });

  it('goes on behind a rejection that nothing mends', () => {
    // On the other path the frame pointer is written too, and a division by the constant zero.
    const { others } = diagnose(
      program(
        [0x61, 0x12, 0, 0],
        [0x15, 2, 2, 0],
        [0xb7, 10, 0, 0],
        EXIT,
        [0x37, 2, 0, 0],
        [0xb7, 0, 0, 0],
        EXIT,
      ),
      profile,
    )!;
    expect(others.map(({ code }) => code)).toEqual(['alu.div_by_zero']);
  });

  it('blames the call that took the value away', () => {
    // r1 is read after a call.
    const { explanation } = diagnose(program([0x85, 0, 0, 7], [0xbf, 0x10, 0, 0], EXIT), profile)!;
    expect(explanation).toMatchObject({ at: { insn: 1 }, blame: { insn: 0 } });
    expect(explanation.steps.at(-1)!.what).toMatch(/bpf_get_prandom_u32\(\) leaves R1 without/);
  });

  it('tells that only the low half was checked', () => {
    // r6 = map value's u64; w1 = w6; if w1 > 7 leave; the stack is indexed by r6.
    const found = diagnose(
      program(
        [0x85, 0, 0, 5],
        [0xbf, 0x06, 0, 0],
        [0x7a, 10, -8, 0],
        [0xbc, 0x61, 0, 0],
        [0x25, 1, 4, 7],
        [0xbf, 0xa2, 0, 0],
        [0x0f, 0x62, 0, 0],
        [0x71, 0x21, -8, 0],
        [0xb7, 0, 0, 0],
        [0xb7, 0, 0, 0],
        EXIT,
      ),
      profile,
    )!;
    const check = found.explanation.steps.find(({ kind }) => kind === 'elsewhere');
    expect(check?.insn).toBe(4);
    expect(check?.what).toMatch(/only the low 32 bits/);
    expect(found.missing?.needs).toMatch(/R6 ≤ 7/);
  });

  it('is plain data, and the same each time', () => {
    const [once, again] = [0, 1].map(() => {
      const { fixes, ...rest } = diagnosed('index_too_large');
      // How long their verification took differs.
      return { ...rest, fixes: fixes.map(({ title, insns }) => ({ title, insns })) };
    });
    expect(JSON.parse(JSON.stringify(once))).toEqual(again);
  });

  it('explains what the kernel refuses without a word', () => {
    const none = { bpf: false, perfmon: false, netAdmin: false, sysAdmin: false };
    const explanation = explain(inputOf('context_written'), profile, { capabilities: none })!;
    expect(explanation).toMatchObject({ cause: 'privilege', code: 'errno.EPERM', kernel: '' });
  });

  it('says in text what is missing and how it was found out', () => {
    const text = diagnosisText(diagnosed('index_too_large'), 80);
    expect(text).toMatch(/Missing: R\d ≤ 15/);
    expect(text).toMatch(/with it the\s+program passes/);
  });
});

/** Codes of all messages, by the sources of their tables. */
function messageCodes(): string[] {
  const folder = new URL('../../src/verifier/messages/', import.meta.url);
  return readdirSync(folder).flatMap((file) => {
    let area = '';
    const text = readFileSync(new URL(file, folder), 'utf8');
    return [...text.matchAll(/defineMessages\('(\w+)'|^ {2}(\w+): \(/gm)].flatMap((match) => {
      area = match[1] ?? area;
      return match[2] ? [`${area}.${match[2]}`] : [];
    });
  });
}

/** Words that come before or after the last ones, or between. */
const NOT_LAST =
  /^(?:precision\.(?!bug)|prune\.(?!infinite)|flow\.(?:subprogram|validating|function_safe|time|stack_depth|processed)$|subprog\.(?:caller|callee|exit_to|returning|assumed_valid|skipped)$|context\.(?:argument|may_be_error)$|\w+\.\w+_note$)/;

describe('the causes', () => {
  it('have one line each', () => {
    expect(causeIds.length).toBeGreaterThan(40);
    for (const id of causeIds) expect(causeMeaning(id)).toMatch(/^.{20,100}$/);
  });

  it('are told for every message that ends a verification', () => {
    const known = new Set([...Object.keys(causes), ...Object.keys(plainCauses)]);
    const codes = messageCodes().filter((code) => !NOT_LAST.test(code));
    expect(codes.length).toBeGreaterThan(440);
    expect(codes.filter((code) => !known.has(code))).toEqual([]);
    expect(codes.filter((code) => causeIdOf(code) === 'other')).toEqual([]);
  });

  it('have placeholders that the message fills', () => {
    for (const words of Object.values(plainCauses)) {
      expect(words.every((one) => one.length > 0 && !/\{\D/.test(one))).toBe(true);
    }
  });
});

/** Programs of the labelled set: what they lack, what is known instead. */
const LABELLED = [
  ['map-value-bounds/struct_has_grown', /^values of map 'totals' have 24 bytes$/, /^16$/],
  ['lock-or-section/helper_under_lock', /^no lock around the call$/, /^$/],
  ['lock-or-section/rcu_not_unlocked', /^the RCU section is left before$/, /^$/],
  ['zero-length/payload_may_be_empty', /^R\d ≥ 1$/, /^R\d ≤ 255$/],
  ['negative-length/length_of_a_read', /^R\d ≥ 0$/, /^R\d is -4095 to 128$/],
  ['index-unbounded/compiler_tests_a_copy', /^R\d ≤ 255$/, /^R\d ≤ 0xffffffff$/],
  ['stack-uninitialised/padding_in_a_key', /^fp-12 to fp-9, .* written$/, /^never written$/],
  ['trust-lost/walked_pointer', /^R\d is under RCU/, /task_struct/],
  ['stack-index/limit_too_large', /^R\d ≤ 15$/, /^R\d ≤ 63$/],
  ['null-check-missing/given_to_a_helper', /^R3 is not NULL$/, /^R3 may be NULL$/],
] as const;

describe('programs of the labelled set', () => {
  const diagnosisOf = (name: string) => {
    const label = allLabels().find(({ file, program: one }) => `${file}/${one}` === name)!;
    const { input, capabilities } = caseOf(label, profile);
    return diagnose(input, profile, { capabilities, tries: 0 })!;
  };

  it.each(LABELLED)('%s: the fact it lacks is enough', (name, needs, known) => {
    const { missing } = diagnosisOf(name);
    expect(missing?.needs).toMatch(needs);
    expect(missing?.known).toMatch(known);
    expect(missing?.enough).toBe(true);
  });

  it('have the call in their history that moved the packet', () => {
    const { explanation } = diagnosisOf('scalar-dereference/old_pointer_after_pull');
    const end = explanation.steps.find(({ kind }) => kind === 'ended');
    expect(end?.text).toContain('bpf_skb_pull_data');
    expect(explanation.blame.insn).toBe(end?.insn);
    expect(explanation.problem).toMatch(/It was a pointer until the call in line \d+/);
    expect(explanation.advice.join(' ')).toMatch(/data_end/);
  });

  it('are told when the check comes too late', () => {
    const { explanation } = diagnosisOf('packet-bounds/walks_options');
    expect(explanation.steps.at(-1)).toMatchObject({ kind: 'late' });
  });
});
