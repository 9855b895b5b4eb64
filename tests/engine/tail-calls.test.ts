import { describe, expect, it } from 'vitest';
import { imageOf, Lab, type Variant, variants } from './harness.ts';

const TAIL_CALL = 12;

// Every variant calls into every other: programs of both engines share prog_arrays.
const pairs = variants.flatMap((from) =>
  variants.map((to) => ({ name: `${from.name} → ${to.name}`, from, to })),
);

describe.each(pairs)('tail calls: $name', ({ from, to }) => {
  const caller = (lab: Lab, map: string, before: string, after: string) =>
    lab.load(
      from,
      imageOf(`${before}\nr2 = ${map} ll\ncall ${TAIL_CALL}\n${after}\nexit`, { name: 'caller' }),
    );

  it('run the target with the same context and return its r0', () => {
    const lab = new Lab();
    lab.bytes(lab.packet, 1)[0] = 42;
    const target = lab.load(to, 'r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 0)\nexit');
    const map = lab.programArray([0, target.entry]);
    const code = caller(lab, lab.handle(map), 'r3 = 1', 'r0 = -1');
    expect(code.run(lab.context)).toBe(42);
  });

  it('go on after the call when the slot is empty or the index too large', () => {
    const lab = new Lab();
    const target = lab.load(to, 'r0 = 1\nexit');
    const map = lab.handle(lab.programArray([0, target.entry]));
    expect(caller(lab, map, 'r0 = 7\nr3 = 0', 'r0 += 1').run(lab.context)).toBe(8);
    expect(caller(lab, map, 'r0 = 7\nr3 = 3', 'r0 += 1').run(lab.context)).toBe(8);
    expect(caller(lab, map, 'r0 = 7\nr3 = -1', 'r0 += 1').run(lab.context)).toBe(8);
    // The index is 32 bits wide.
    expect(caller(lab, map, 'r3 = 0x700000001 ll', 'r0 = 5').run(lab.context)).toBe(1);
  });

  it('happen at most 33 times in a run', () => {
    const lab = new Lab();
    const counter = lab.map({ maxEntries: 1 });
    const map = lab.programArray([0, 0]);
    const text = `
      r6 = r1
      r4 = ${lab.value(counter)} ll
      r5 = *(u64 *)(r4 + 0)
      r5 += 1
      *(u64 *)(r4 + 0) = r5
      r2 = ${lab.handle(map)} ll
      r3 = INDEX
      call ${TAIL_CALL}
      r0 = 77
      exit`;
    const first = lab.load(from, text.replace('INDEX', '1'));
    const second = lab.load(to, text.replace('INDEX', '0'));
    lab.setSlots(map, [first.entry, second.entry]);
    expect(first.run(lab.context)).toBe(77);
    expect(counter.valueBytes(0)[0]).toBe(34);
    expect(second.run(lab.context)).toBe(77);
    expect(counter.valueBytes(0)[0]).toBe(68);
  });

  it('count only when they go somewhere', () => {
    const lab = new Lab();
    const target = lab.load(to, 'r0 = 55\nexit');
    const map = lab.handle(lab.programArray([0, target.entry]));
    const call = `r1 = r6\nr2 = ${map} ll\nr3 = r8\ncall ${TAIL_CALL}`;
    const text = `r6 = r1\nr7 = 40\nr8 = 0\nagain:\n${call}\nr7 += -1\nif r7 != 0 goto again
      r8 = 1\n${call}\nr0 = 1\nexit`;
    expect(lab.load(from, text).run(lab.context)).toBe(55);
  });

  it('return what the target returned, whatever r0 was, also in batches', () => {
    const lab = new Lab();
    const target = lab.load(to, 'r0 = *(u32 *)(r1 + 12)\nexit');
    const map = lab.programArray([target.entry]);
    const contexts = lab.runtime.allocate(64 * 3);
    const results = lab.runtime.allocate(4 * 3);
    for (const n of [0, 1, 2]) lab.runtime.view().setUint32(contexts + 64 * n + 12, n + 7, true);
    const jump = `r2 = ${lab.handle(map)} ll\nr3 = 0\nr0 = 1\ncall ${TAIL_CALL}\nexit`;
    for (const text of [jump, `call fn_a\nexit\nfn_a:\n${jump}`]) {
      const code = lab.load(from, text);
      expect(code.batch(contexts, 64, 3, results, 0)).toBe(3);
      const verdicts = lab.runtime.i32().subarray(results >> 2, (results >> 2) + 3);
      expect([...verdicts]).toEqual([7, 8, 9]);
    }
  });

  it('from a subprogram return to its caller, with the stack as it was', () => {
    const lab = new Lab();
    const target = lab.load(
      to,
      '*(u64 *)(r10 - 512) = 5\n*(u64 *)(r10 - 8) = 5\nr0 = r10\ncall fn_x\nexit\n' +
        'fn_x:\n*(u64 *)(r10 - 8) = 6\nexit'.replace('exit', 'r0 = 3\nexit'),
    );
    const map = lab.programArray([target.entry]);
    const text = `
      *(u64 *)(r10 - 8) = 30
      r6 = 100
      call fn_sub
      r1 = *(u64 *)(r10 - 8)
      r0 += r1
      r0 += r6
      call fn_next
      exit
    fn_sub:
      r2 = ${lab.handle(map)} ll
      r3 = 0
      call ${TAIL_CALL}
      r0 = -1
      exit
    fn_next:
      r0 += r10
      r0 -= r10
      r0 = 1
      exit`;
    const plain = text.replace('call fn_next', 'r9 = 0');
    expect(lab.load(from, plain).run(lab.context)).toBe(133);
    expect(lab.load(from, text).run(lab.context)).toBe(1);
    expect(lab.load(from, plain).run(lab.context)).toBe(133);
  });

  it('give the target the frame of the caller', () => {
    const lab = new Lab();
    const map = lab.programArray([lab.load(to, 'r0 = r10\nexit').entry]);
    const own = lab.r0(lab.load(from, 'r0 = r10\nexit'));
    expect(lab.r0(caller(lab, lab.handle(map), 'r3 = 0', 'r0 = 0'))).toBe(own);
    const jump = `r2 = ${lab.handle(map)} ll\nr3 = 0\ncall ${TAIL_CALL}`;
    const text = `call fn_a\nexit\nfn_a:\n${jump}\nexit`;
    expect(lab.r0(lab.load(from, text))).toBe(own - 512n);
  });
});

describe('tail calls in callbacks', () => {
  const both = (variant: Variant): string => variant.name;
  it.each(variants.map((variant) => [both(variant), variant] as const))('%s', (_, variant) => {
    const lab = new Lab();
    const map = lab.programArray([lab.load(variant, 'r0 = 1\nexit').entry]);
    const text = `
      r3 = r1
      r1 = 9
      r2 = fn_each ll
      *(u64 *)(r10 - 8) = r3
      r3 = r10
      r3 += -8
      r4 = 0
      call 181
      exit
    fn_each:
      r1 = *(u64 *)(r2 + 0)
      r2 = ${lab.handle(map)} ll
      r3 = 0
      call ${TAIL_CALL}
      r0 = 0
      exit`;
    expect(lab.load(variant, text).run(lab.context)).toBe(1);
  });
});
