import { describe, expect, it } from 'vitest';
import { Lab, variants } from './harness.ts';

describe.each(variants)('$name', (variant) => {
  it('returns all 64 bits of r0 at C_R0 and the low half from run', () => {
    const lab = new Lab();
    const code = lab.load(variant, 'r0 = 0x1234567890abcdef ll\nexit');
    expect(code.run(lab.context)).toBe(0x90abcdef | 0);
    expect(lab.r0(code)).toBe(0x1234567890abcdefn);
  });
});
