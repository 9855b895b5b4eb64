import { describe, expect, it } from 'vitest';
import { LogBuffer } from '../../src/verifier/log/buffer.ts';
import { signedText, tnumText, unsignedText } from '../../src/verifier/log/numbers.ts';
import { typeText } from '../../src/verifier/log/print-state.ts';
import {
  MEM_ALLOC,
  MEM_RDONLY,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_VALUE,
  PTR_TRUSTED,
} from '../../src/verifier/state/layout.ts';

describe('the log buffer', () => {
  it('cuts one print at 1,023 bytes', () => {
    const log = new LogBuffer();
    log.add('x'.repeat(2000));
    expect(log.end).toBe(1023);
  });

  it('can be cut back into the middle of a print, and remembers its longest state', () => {
    const log = new LogBuffer();
    log.add('0: exit\n');
    log.add('1: exit\n');
    log.reset(7);
    log.add(' ; R0=0\n');
    expect(log.text()).toBe('0: exit ; R0=0\n');
    expect(log.trueSize).toBe(17);
    log.reset(0);
    expect(log.text()).toBe('');
    expect(log.trueSize).toBe(17);
  });

  it('counts bytes, not characters', () => {
    const log = new LogBuffer();
    log.add('µs\n');
    expect(log.end).toBe(4);
    expect(log.text()).toBe('µs\n');
  });

  it('keeps the end in a small buffer, or the beginning when told', () => {
    const log = new LogBuffer();
    log.add('0123456789');
    expect(log.text(5)).toBe('6789');
    expect(log.text(5, true)).toBe('0123');
    expect(log.text(11)).toBe('0123456789');
    expect(log.text(1)).toBe('');
  });
});

describe('numbers in the log', () => {
  it('are decimal within 16 bits and hexadecimal beyond', () => {
    expect(unsignedText(0xffff, 0)).toBe('65535');
    expect(unsignedText(0x10000, 0)).toBe('0x10000');
    expect(unsignedText(-1, -1)).toBe('0xffffffffffffffff');
    expect(signedText(-32768, -1)).toBe('-32768');
    expect(signedText(-32769, -1)).toBe('0xffffffffffff7fff');
    expect(signedText(5, 1)).toBe('0x100000005');
  });

  it('show a tnum as value and mask unless it is one value', () => {
    expect(tnumText(Int32Array.of(0, 0, 255, 0), 0, 2)).toBe('(0x0; 0xff)');
    expect(tnumText(Int32Array.of(7, 0, 0, 0), 0, 2)).toBe('7');
  });
});

describe('words for register types', () => {
  it('put flags before and nullness behind', () => {
    expect(typeText(PTR_TO_MAP_VALUE | PTR_MAYBE_NULL)).toBe('map_value_or_null');
    expect(typeText(PTR_TO_BTF_ID | PTR_TRUSTED | PTR_MAYBE_NULL)).toBe('trusted_ptr_or_null_');
    expect(typeText(PTR_TO_MAP_VALUE | MEM_RDONLY | MEM_ALLOC)).toBe('rdonly_map_value');
  });
});
