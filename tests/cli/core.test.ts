import { describe, expect, it } from 'vitest';
import { fixturePath } from '../fixtures/read.ts';
import { BtfBuilder } from '../btf/build.ts';
import { beeyard, workFolder } from './helpers.ts';

const OBJECT = fixturePath('core.bpf.o');
const files = workFolder();

function oddKernel(): string {
  const types = new BtfBuilder();
  const int = types.int('int', 4, 1);
  types.struct('task_struct', 8, [['pid', int, 0]]);
  types.struct('task_struct', 8, [['pid', int, 32]]);
  return files.write('odd.btf', types.bytes());
}

describe('core', () => {
  it('puts kernels side by side', async () => {
    const { out, code } = await beeyard(['core', OBJECT, '--prog', 'fields'], { columns: 100 });
    expect(code).toBe(0);
    expect(out).toMatch(/insn +kind +access +built +6\.12 +6\.1/);
    expect(out).toMatch(/byte_off +task_struct\.pid +\+0 +\+2432 +\+2416 +differs/);
    expect(out).toMatch(/task_struct\.comm\[3\] +\+11 +\+2979 +\+2979 *$/m);
    expect(out).toMatch(/12 accesses, 11 the same, 1 different/);
    expect(out).not.toContain('poisoned  raw_tp');
  });

  it('says what is missing, in words', async () => {
    const { out } = await beeyard(['core', OBJECT, '-k', '6.1', '--prog', 'poisoned'], {
      columns: 130,
    });
    expect(out).toMatch(/NO_SUCH_VALUE +5 +missing: poisoned *$/m);
    expect(out).toMatch(/^ +insn \d+: no type of that name$/m);
  });

  it('ends with 1 when libbpf would refuse the object, and says why as JSON', async () => {
    const { json, code } = await beeyard(['core', OBJECT, '--btf', oddKernel(), '-j']);
    expect(code).toBe(1);
    const { kernels, programs } = json<{ kernels: unknown[]; programs: Program[] }>();
    expect(kernels).toHaveLength(1);
    expect(programs[0]!.accesses[0]).toMatchObject({
      insn: 0,
      kind: 'byte_off',
      access: 'task_struct.pid',
      kernels: [{ outcome: 'refused', reason: 'field offset ambiguity: 32 != 0' }],
    });
  });

  it.each([
    [['-k', '5.4'], 2, /not of '5\.4': give a BTF file/],
    [['--btf', 'no/such/file'], 3, /there is no such file/],
    [['--btf', 'package.json'], 3, /BTF/],
    [['--prog', 'field'], 2, /did you mean 'fields'/],
  ])('%j ends with %d', async (args, code, message) => {
    const result = await beeyard(['core', OBJECT, ...args]);
    expect(result).toMatchObject({ code, out: '' });
    expect(result.err).toMatch(message);
  });
});

interface Program {
  readonly accesses: readonly unknown[];
}
