import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import {
  assemble,
  checkCode,
  Code,
  decodeCode,
  encodeCode,
  gasListing,
  gasText,
  kernelListing,
  kernelText,
} from '../../src/isa/index.ts';
import { fromHex } from './helpers.ts';

describe('decodeCode', () => {
  test('splits an instruction into its fields', () => {
    const code = decodeCode(fromHex('bf a2 f8 ff fe ff ff ff'));
    expect([code.op[0], code.dst[0], code.src[0], code.off[0], code.imm[0]]).toEqual([
      0xbf, 2, 10, -8, -2,
    ]);
  });

  test('reads big-endian code: fields and register nibbles are swapped', () => {
    // The example of RFC 9669 section 3.1: r1 += 0x11223344.
    const little = decodeCode(fromHex('07 01 00 00 44 33 22 11'));
    const big = decodeCode(fromHex('07 10 00 00 11 22 33 44'), false);
    expect(big).toEqual(little);
    expect(encodeCode(little, false)).toEqual(fromHex('07 10 00 00 11 22 33 44'));
  });

  test.each([1, 7, 9, 15])('refuses %i bytes', (length) => {
    expect(() => decodeCode(new Uint8Array(length))).toThrow(FormatError);
  });

  test('names the offset of the incomplete instruction', () => {
    expect(() => decodeCode(new Uint8Array(20))).toThrow(expect.objectContaining({ offset: 16 }));
  });

  test('encodeCode gives the same bytes back, in both byte orders', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (random, little) => {
        const bytes = random.slice(0, random.length & ~7);
        expect(encodeCode(decodeCode(bytes, little), little)).toEqual(bytes);
      }),
    );
  });

  test('works on a view into a larger buffer', () => {
    const bytes = new Uint8Array(24).fill(0xff);
    bytes.set(fromHex('b7 00 00 00 01 00 00 00'), 8);
    expect(decodeCode(bytes.subarray(8, 16)).imm[0]).toBe(1);
  });
});

describe('checkCode', () => {
  const offsetOf = (hex: string) => {
    try {
      checkCode(decodeCode(fromHex(hex)));
    } catch (error) {
      return (error as FormatError).offset;
    }
    return undefined;
  };
  const exit = '95 00 00 00 00 00 00 00';

  test('accepts valid code', () => {
    expect(offsetOf(`18 01 00 00 05 00 00 00 00 00 00 00 01 00 00 00 ${exit}`)).toBeUndefined();
  });

  test.each([
    ['unknown opcode', 'ff 00 00 00 00 00 00 00'],
    ['reserved off', '07 01 01 00 00 00 00 00'],
    ['reserved src', '07 11 00 00 00 00 00 00'],
    ['reserved imm', '0f 21 00 00 05 00 00 00'],
    ['sdiv with off 2', '37 01 02 00 05 00 00 00'],
    ['byte swap of 8 bits', 'dc 01 00 00 08 00 00 00'],
    ['unknown atomic', 'db 21 00 00 10 00 00 00'],
    ['exchange without fetch', 'db 21 00 00 e0 00 00 00'],
    ['movsx from 32 bits to 32 bits', 'bc 21 20 00 00 00 00 00'],
    ['register 11', '0f b1 00 00 00 00 00 00'],
    ['exit with a register', '95 01 00 00 00 00 00 00'],
    ['unknown pseudo load', '18 71 00 00 05 00 00 00 00 00 00 00 00 00 00 00'],
    ['second slot with an opcode', '18 01 00 00 05 00 00 00 07 00 00 00 00 00 00 00'],
    ['second slot missing', '18 01 00 00 05 00 00 00'],
    ['may_goto with a register', 'e5 01 01 00 00 00 00 00'],
    ["Linux's own nospec", 'c2 00 00 00 00 00 00 00'],
  ])('names the slot: %s', (_, hex) => {
    expect(offsetOf(`${exit} ${hex}`)).toBe(8);
  });
});

describe('bad input never crashes', () => {
  const anyCode = fc
    .array(fc.tuple(fc.nat(255), fc.nat(255), fc.integer(), fc.integer()), { maxLength: 24 })
    .map((insns) => {
      const code = new Code(insns.length);
      insns.forEach(([op, registers, off, imm], i) =>
        code.set(i, op, registers & 15, registers >> 4, off, imm),
      );
      return code;
    });

  test('every 8-byte string has a text in both dialects', () => {
    fc.assert(
      fc.property(anyCode, (code) => {
        for (let i = 0; i < code.length; i++) {
          expect(gasText(code, i)).not.toMatch(/undefined|NaN|\{/);
          expect(gasText(code, i, { alu32: true })).not.toMatch(/undefined|NaN|\{/);
          expect(kernelText(code, i)).not.toMatch(/undefined|NaN|\{/);
        }
        gasListing(code, { symbols: [{ name: 'p', address: 8 }] });
        kernelListing(code);
      }),
      { numRuns: 2000 },
    );
  });

  test('checkCode accepts or throws a FormatError', () => {
    fc.assert(
      fc.property(anyCode, (code) => {
        try {
          checkCode(code);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('assemble accepts or throws a FormatError', () => {
    const word = fc.constantFrom(
      ...'r0 r1 w2 = += -5 0x10 ll goto if call pc L L: ( ) * u32 skb [ ] lock ; # // {d} {o} + -'.split(
        ' ',
      ),
    );
    const line = fc.oneof(
      fc.array(word, { maxLength: 9 }).map((words) => words.join(' ')),
      fc.string({ maxLength: 30 }),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 4 }), (lines) => {
        try {
          assemble(lines.join('\n'));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
