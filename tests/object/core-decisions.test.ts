import { describe, expect, test } from 'vitest';
import { loadTargetKernel, targetKernelOf, type TargetKernel } from '../../src/abi/index.ts';
import { decodeCode } from '../../src/isa/index.ts';
import { type CoreDecision, coreDecisions, parseObject } from '../../src/object/index.ts';
import { relocateProgram } from '../../src/object/index.ts';
import { BtfBuilder } from '../btf/build.ts';
import { fixture } from '../fixtures/read.ts';

const core = parseObject(fixture('core.bpf.o'));
const programOf = (name: string) => core.programs.find((each) => each.name === name)!;

/** Decisions about accesses of that text, for a kernel with just these types. */
function decisionsOn(build: (types: BtfBuilder, int: number) => void, access: RegExp) {
  const types = new BtfBuilder();
  build(types, types.int('int', 4, 1));
  const kernel = targetKernelOf(types.parse(), 'made');
  const all = core.programs.flatMap((program) => coreDecisions(core, program, kernel));
  return all.filter((each) => access.test(each.access));
}

const outcomes = (decisions: readonly CoreDecision[]) => decisions.map(({ outcome }) => outcome);

describe('decisions of CO-RE', () => {
  test('tell the candidates, where it is in each, and what is put in', () => {
    const [first] = decisionsOn((types, int) => {
      types.struct('task_struct', 8, [['pid', int, 32]]);
    }, /^task_struct\.pid$/);
    expect(first).toMatchObject({
      outcome: 'changed',
      before: 0n,
      after: 4n,
      candidates: [{ id: 2, name: 'task_struct', module: undefined, access: 'task_struct.pid' }],
    });
  });

  test('say that two types of the kernel disagree', () => {
    const [first] = decisionsOn((types, int) => {
      types.struct('task_struct', 8, [['pid', int, 0]]);
      types.struct('task_struct', 8, [['pid', int, 32]]);
    }, /^task_struct\.pid$/);
    expect(first).toMatchObject({ outcome: 'refused', reason: 'field offset ambiguity: 32 != 0' });
    expect(first!.candidates.map(({ id }) => id)).toEqual([2, 3]);
  });

  test('take types that have it, of several with that name', () => {
    const [first] = decisionsOn((types, int) => {
      types.struct('task_struct', 8, [['other', int, 0]]);
      types.struct('task_struct', 8, [['pid', int, 32]]);
    }, /^task_struct\.pid$/);
    expect(first!.candidates.map(({ access }) => access)).toEqual([undefined, 'task_struct.pid']);
    expect(first!.outcome).toBe('changed');
  });

  test('take types whose names have a flavor, too', () => {
    const [first] = decisionsOn((types, int) => {
      types.struct('task_struct___old', 8, [['pid', int, 64]]);
      types.struct('task_struct___', 8, [['pid', int, 32]]);
    }, /^task_struct\.pid$/);
    expect(first!.candidates).toMatchObject([{ access: 'task_struct___old.pid' }]);
    expect(first!.after).toBe(8n);
  });

  test('tell what is absent from what is poisoned', () => {
    const found = decisionsOn((types) => types.struct('task_struct', 0, []), /not_in_the_kernel$/);
    expect(outcomes(found)).toEqual(['absent', 'absent', 'poisoned']);
    expect(found[2]!.reason).toBe('no type of that name has it');
    expect(found[2]!.after).toBeUndefined();
  });

  test('are what relocation does, on kernels that exist', async () => {
    for (const kernel of [await loadTargetKernel('6.12'), await loadTargetKernel('6.1')]) {
      for (const program of core.programs) checkAgainst(kernel, program.name);
    }
  });

  function checkAgainst(kernel: TargetKernel, name: string): void {
    const program = programOf(name);
    const code = decodeCode(relocateProgram(core, program, kernel).insns);
    const decisions = coreDecisions(core, program, kernel);
    expect(decisions).toHaveLength(program.coreRelocations.length);
    for (const { relocation, outcome, after } of decisions) {
      const { insn } = relocation;
      if (outcome === 'poisoned') expect(code.imm[insn]).toBe(195896080);
      else expect(BigInt(code.imm[insn]!)).toBe(after);
    }
  }

  test('of Linux 6.1 are those of its own types', async () => {
    const kernel = await loadTargetKernel('6.1');
    expect(kernel).toMatchObject({ release: '6.1.0-56-amd64', versionCode: 0x601c0 });
    expect(kernel.kconfig('CONFIG_HZ')).toBe(250n);
    const btf = kernel.btf();
    expect(btf.find('struct', 'task_struct')).toBeDefined();
    // What came later than 6.1, and what went before 6.12.
    expect(btf.find('func', 'bpf_dynptr_slice')).toBeUndefined();
    expect(btf.find('struct', 'sched_ext_ops')).toBeUndefined();
    expect(btf.find('func', 'tcp_sendpage')).toBeDefined();
  });
});
