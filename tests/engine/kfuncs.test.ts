import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CallContract,
  kfunc,
  kfuncById,
  kfuncByName,
  kfuncModule,
  loadKernelProfile,
  withModules,
} from '../../src/abi/index.ts';
import type { ProgramImage } from '../../src/engine/types.ts';
import { checkedVariants, faultOf, Lab, variants } from './harness.ts';
import { imageWithKfuncs } from './kfunc-image.ts';

const kernel = await loadKernelProfile();
const own = withModules(kernel, [
  kfuncModule(kernel.btf(), [
    kfunc('five', {
      args: Array.from({ length: 5 }, () => ({ int: 'u64' as const })),
      ret: { int: 'u64' },
    }),
    kfunc('fill', { args: [{ buf: true, sizeArg: 1 }, { int: 'u32' }] }),
  ]),
]);

/** The contract of a function of the kernel or of `own`. */
function contractOf(name: string): CallContract {
  const known = kfuncByName(name);
  if (known) return kfuncById(kernel, known.id)!;
  const module = own.modules.at(-1)!;
  return kfuncById(own, module.btf().find('func', name)!, module.name)!;
}

const withKfuncs = (text: string): ProgramImage => imageWithKfuncs(text, contractOf);

/** Sum of the numbers of an iterator, times 2^32 plus how many there were. */
const loop = (start: number, end: number): string => `
  r1 = r10
  r1 += -8
  r2 = ${start}
  r3 = ${end}
  kfunc bpf_iter_num_new
  r6 = 0
  r7 = 0
again:
  r1 = r10
  r1 += -8
  kfunc bpf_iter_num_next
  if r0 == 0 goto done
  r1 = *(s32 *)(r0 + 0)
  r6 += r1
  r7 += 1
  goto again
done:
  r1 = r10
  r1 += -8
  kfunc bpf_iter_num_destroy
  r0 = r6
  r0 <<= 20
  r0 += r7
  exit`;

describe.each(variants)('kernel functions on $name', (variant) => {
  const number = fc.oneof(
    fc.integer({ min: -40, max: 40 }),
    fc.constantFrom(-2147483648, -2147483640, 2147483640, 2147483647),
  );
  it('loop as a model does', () => {
    const check = fc.property(number, number, (start, end) => {
      const lab = new Lab();
      const count = end >= start && end - start <= 1 << 23 ? end - start : 0;
      const sum = count * start + (count * (count - 1)) / 2;
      const expected = BigInt.asUintN(64, (BigInt(sum) << 20n) + BigInt(count));
      expect(lab.r0(lab.load(variant, withKfuncs(loop(start, end))))).toBe(expected);
    });
    fc.assert(check, { numRuns: 60 });
  });

  it('hand five values over and one back', () => {
    const lab = new Lab();
    lab.runtime.setHostKfunc('five', 5, (call) => {
      const values = [0, 1, 2, 3, 4].map((i) => call.u64(i));
      call.returnU64(values.reduce((all, value) => all * 10n + value, 0n));
    });
    const text = 'r1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = -5\nkfunc five\nexit';
    expect(lab.r0(lab.load(variant, withKfuncs(text)))).toBe(12340n - 5n);
  });

  it('write what the program reads afterwards', () => {
    const lab = new Lab();
    lab.runtime.setHostKfunc('fill', 2, (call) => {
      const [at, size] = [call.u32(0), call.u32(1)];
      call.runtime.u8().fill(7, at, at + size);
    });
    const text = `*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -16\nr2 = 9
      kfunc fill\nr0 = *(u8 *)(r10 - 8)\nr1 = *(u8 *)(r10 - 7)\nr1 <<= 8\nr0 |= r1\nexit`;
    expect(lab.r0(lab.load(variant, withKfuncs(text)))).toBe(7n);
  });

  it('end the run where they have no body', () => {
    const lab = new Lab();
    const code = lab.load(variant, withKfuncs('r1 = r1\nkfunc bpf_task_release\nr0 = 0\nexit'));
    const fault = faultOf(() => code.run(lab.context));
    expect(fault.kind).toBe('no such helper');
    expect(fault.message).toContain('kernel function bpf_task_release is not available at insn 1');
  });
});

describe.each(checkedVariants)('arguments of kernel functions on $name', (variant) => {
  const fault = (text: string) => {
    const lab = new Lab();
    lab.runtime.setHostKfunc('fill', 2, () => expect.unreachable());
    const code = lab.load(variant, withKfuncs(text));
    return faultOf(() => code.run(lab.context)).message;
  };

  it('are proven by the contract', () => {
    const start = (pointer: string) => `${pointer}\nr2 = 0\nr3 = 4\nkfunc bpf_iter_num_new\nexit`;
    const refused = 'kernel function bpf_iter_num_new refuses argument 1';
    expect(fault(start('r1 = 99'))).toContain(refused);
    expect(fault(start('r1 = r10\nr1 += -4'))).toContain(refused);
    const fill = 'r1 = r10\nr1 += -16\nr2 = 17\nkfunc fill\nexit';
    expect(fault(fill)).toContain('kernel function fill refuses argument 1');
  });
});
