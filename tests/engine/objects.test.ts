import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { kfuncById, kfuncByName, loadKernelProfile } from '../../src/abi/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { checkedVariants, faultOf, Lab, type Variant, variants } from './harness.ts';
import { imageWithKfuncs } from './kfunc-image.ts';

const kernel = await loadKernelProfile();
const contractOf = (name: string) => kfuncById(kernel, kfuncByName(name)!.id)!;
const btf = parseObject(new Uint8Array(readFileSync('tests/machine/programs/owned.bpf.o'))).btf!;
/** struct leaf { __u64 number; __u32 visits; }: 16 bytes. */
const leaf = btf.find('struct', 'leaf')!;
const item = btf.find('struct', 'item')!;

function load(lab: Lab, variant: Variant, text: string) {
  const objectTypes = lab.runtime.objects.table(btf, [leaf, item]);
  return lab.load(variant, { ...imageWithKfuncs(text, contractOf), objectTypes });
}

const create = (type: number) => `r1 = ${type}\nr2 = 0\nkfunc bpf_obj_new_impl\nr6 = r0\n`;
const drop = 'r1 = r6\nr2 = 0\nkfunc bpf_obj_drop_impl\n';

describe.each(variants)('objects on $name', (variant) => {
  it('are zeros, keep what is written, and go', () => {
    const lab = new Lab();
    const body = `r7 = *(u64 *)(r6 + 0)\nr8 = *(u64 *)(r6 + 8)\nr7 |= r8
      *(u64 *)(r6 + 0) = 41\nr8 = *(u64 *)(r6 + 0)\nr7 += r8\n`;
    const code = load(lab, variant, `${create(leaf)}${body}${drop}r0 = r7\nexit`);
    // The second run gets the memory of the first.
    for (let i = 0; i < 2; i++) expect(lab.r0(code)).toBe(41n);
    expect(lab.runtime.objects.live()).toEqual([]);
  });

  it('are only of types of the program', () => {
    const lab = new Lab();
    for (const type of [0, 1, btf.count, -1]) {
      if (type === leaf || type === item) continue;
      expect(lab.r0(load(lab, variant, `${create(type)}exit`))).toBe(0n);
    }
  });

  it('that leak are counted', () => {
    const lab = new Lab();
    const code = load(lab, variant, `${create(leaf)}${create(item)}r0 = 0\nexit`);
    for (let i = 0; i < 300; i++) code.run(lab.context);
    expect(lab.runtime.objects.live()).toEqual([
      { type: 'leaf', perCpu: false, count: 300 },
      { type: 'item', perCpu: false, count: 300 },
    ]);
  });

  it('with a reference count live as long as one owner', () => {
    const lab = new Lab();
    const acquire = 'r1 = r6\nr2 = 0\nkfunc bpf_refcount_acquire_impl\nr7 = r0\n';
    lab.r0(load(lab, variant, `${create(item)}${acquire}${drop}r0 = 0\nexit`));
    expect(lab.runtime.objects.live()).toEqual([{ type: 'item', perCpu: false, count: 1 }]);
    lab.r0(load(lab, variant, `${create(item)}${acquire}${drop}${drop}r0 = 0\nexit`));
    expect(lab.runtime.objects.live()).toEqual([{ type: 'item', perCpu: false, count: 1 }]);
  });
});

describe.each(checkedVariants)('objects of unverified programs on $name', (variant) => {
  it.each(['r1 = *(u64 *)(r6 + 16)', 'r1 = *(u32 *)(r6 - 4)', '*(u8 *)(r6 + 16) = 1'])(
    '%s leaves the object',
    (access) => {
      const lab = new Lab();
      const code = load(lab, variant, `${create(leaf)}r7 = 0\n${access}\nr0 = 0\nexit`);
      expect(faultOf(() => code.run(lab.context)).kind).toBe('out of range');
    },
  );

  it('are dropped once, and nothing else is', () => {
    const lab = new Lab();
    expect(lab.r0(load(lab, variant, `${create(leaf)}${drop}${drop}r0 = 5\nexit`))).toBe(5n);
    const other = `r6 = r10\nr6 += -8\n*(u64 *)(r10 - 8) = 3\n${drop}r0 = *(u64 *)(r10 - 8)\nexit`;
    expect(lab.r0(load(lab, variant, other))).toBe(3n);
    // Two new ones are two: the free list has no object twice.
    const two = `${create(leaf)}r8 = r6\n${create(leaf)}r0 = r8\nr0 ^= r6\nexit`;
    expect(lab.r0(load(lab, variant, two))).not.toBe(0n);
    expect(lab.runtime.objects.live()).toEqual([{ type: 'leaf', perCpu: false, count: 2 }]);
  });
});
