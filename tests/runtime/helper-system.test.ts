import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errnoNumber } from '../../src/abi/index.ts';
import {
  G_BOOT_OFFSET,
  G_CURRENT_COMM,
  G_CURRENT_PID_TGID,
  G_TAI_OFFSET,
  GLOBALS,
} from '../../src/runtime/layout.ts';
import { Bench } from './helper-harness.ts';

const errno = (name: string): number => -errnoNumber(name)!;
const bench = new Bench('xdp');

describe('time and place', () => {
  it('clocks differ by their offsets', () => {
    const view = bench.runtime.view();
    bench.runtime.clock = 1_000_000_007n;
    view.setBigUint64(GLOBALS + G_BOOT_OFFSET, 5n, true);
    view.setBigUint64(GLOBALS + G_TAI_OFFSET, 37_000_000_000n, true);
    expect(bench.call64('ktime_get_ns')).toBe(1_000_000_007n);
    expect(bench.call64('ktime_get_boot_ns')).toBe(1_000_000_012n);
    expect(bench.call64('ktime_get_tai_ns')).toBe(38_000_000_007n);
    expect(bench.call64('ktime_get_coarse_ns')).toBe(1_000_000_000n);
    expect(bench.call64('jiffies64')).toBe(0x100000000n - 75_000n + 250n);
  });

  it('random numbers repeat with the seed and fill 32 bits', () => {
    const numbers = Array.from({ length: 64 }, () => bench.call('get_prandom_u32'));
    const again = new Bench('xdp');
    expect(Array.from({ length: 64 }, () => again.call('get_prandom_u32'))).toEqual(numbers);
    expect(numbers.every((n) => n >= 0 && n <= 0xffffffff)).toBe(true);
    const ones = numbers.reduce((all, n) => all | n, 0);
    const zeroes = numbers.reduce((all, n) => all & n, -1);
    expect([ones, zeroes]).toEqual([-1, 0]);
  });

  it('the current task is what the machine says', () => {
    bench.runtime.view().setBigUint64(GLOBALS + G_CURRENT_PID_TGID, (7n << 32n) | 9n, true);
    bench.runtime.u8().set(new TextEncoder().encode('swapper/0'), GLOBALS + G_CURRENT_COMM);
    expect(bench.call64('get_current_pid_tgid')).toBe((7n << 32n) | 9n);
    expect(bench.call('get_smp_processor_id')).toBe(0);
    expect(bench.call('get_current_cgroup_id')).toBe(1);
  });
});

describe('strings', () => {
  const parse = (name: string, text: string, flags = 0): [number, bigint] => {
    const bytes = new TextEncoder().encode(text);
    const out = bench.runtime.allocate(8);
    const result = bench.call(name, bench.bytes(bytes), bytes.length, flags, out);
    return [result, bench.runtime.view().getBigInt64(out, true)];
  };

  it.each([
    ['42', 0, 2, 42n],
    ['  -42xyz', 0, 5, -42n],
    ['0x1fz', 0, 4, 31n],
    ['0X1F', 16, 4, 31n],
    ['017', 0, 3, 15n],
    ['017', 10, 3, 17n],
    ['08', 0, 1, 0n],
    ['0xg', 0, 1, 0n],
    ['\u000b\t7', 0, 3, 7n],
    ['9223372036854775807', 0, 19, 0x7fffffffffffffffn],
    ['-9223372036854775808', 0, 20, -0x8000000000000000n],
    ['9223372036854775808', 0, 'ERANGE', 0n],
    ['-9223372036854775809', 0, 'ERANGE', 0n],
    ['99999999999999999999', 0, 'ERANGE', 0n],
    ['-', 0, 'EINVAL', 0n],
    ['+1', 0, 'EINVAL', 0n],
    ['', 0, 'EINVAL', 0n],
    ['abc', 0, 'EINVAL', 0n],
    ['1', 2, 'EINVAL', 0n],
    ['1', 32, 'EINVAL', 0n],
  ])('strtol %j with flags %i', (text, flags, result, value) => {
    const expected = typeof result === 'string' ? errno(result) : result;
    expect(parse('strtol', text, flags)).toEqual([expected, value]);
  });

  it('strtoul takes the upper half and no sign', () => {
    expect(parse('strtoul', '18446744073709551615')).toEqual([20, -1n]);
    expect(parse('strtoul', '18446744073709551616')).toEqual([errno('ERANGE'), 0n]);
    expect(parse('strtoul', '-1')).toEqual([errno('EINVAL'), 0n]);
  });

  it('strtol reads what was written in any base', () => {
    const value = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
    const base = fc.constantFrom(8, 10, 16);
    fc.assert(
      fc.property(value, base, (number, radix) => {
        const text = number.toString(radix);
        expect(parse('strtol', text, radix)).toEqual([text.length, number]);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['abc', 4, 'abc', 0],
    ['abc', 3, 'abd', -1],
    ['abd', 3, 'abc', 1],
    ['abc', 2, 'abd', 0],
    ['ab\0x', 4, 'ab', 0],
    ['\xff', 1, 'a', 1],
  ])('strncmp(%j, %i, %j)', (first, size, second, result) => {
    const bytes = Array.from(first, (c) => c.charCodeAt(0));
    expect(bench.call('strncmp', bench.bytes(bytes), size, bench.text(second))).toBe(result);
  });
});

describe('probe reads', () => {
  const to = bench.runtime.allocate(16);

  it('copy memory that a region names', () => {
    const from = bench.regionOf([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(bench.call('probe_read_kernel', to, 8, from)).toBe(0);
    expect([...bench.read(to, 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it.each([
    ['a small number', 16n],
    ['a pointer with an unknown tag', 0x1234n << 32n],
  ])('clear the buffer for %s', (_, from) => {
    bench.runtime.u8().fill(9, to, to + 8);
    expect(bench.call('probe_read_kernel', to, 8, from)).toBe(errno('EFAULT'));
    expect([...bench.read(to, 8)]).toEqual(Array(8).fill(0));
  });

  it('read strings up to their end or the buffer’s', () => {
    const from = bench.regionOf([...new TextEncoder().encode('hello'), 0, 9, 9]);
    expect(bench.call('probe_read_kernel_str', to, 16, from)).toBe(6);
    expect([...bench.read(to, 6)]).toEqual([...new TextEncoder().encode('hello'), 0]);
    expect(bench.call('probe_read_kernel_str', to, 3, from)).toBe(3);
    expect([...bench.read(to, 3)]).toEqual([...new TextEncoder().encode('he'), 0]);
    const open = bench.regionOf([65, 66]);
    expect(bench.call('probe_read_user_str', to, 8, open)).toBe(errno('EFAULT'));
  });
});

describe('dynptrs', () => {
  const pointer = bench.runtime.allocate(16);
  const area = bench.runtime.allocate(16);
  const data = bench.regionOf(Array(32).fill(0));

  it('read and write inside their size', () => {
    expect(bench.call('dynptr_from_mem', data, 32, 0, pointer)).toBe(0);
    bench.runtime.u8().set([1, 2, 3, 4], area);
    expect(bench.call('dynptr_write', pointer, 28, area, 4, 0)).toBe(0);
    expect(bench.call('dynptr_write', pointer, 29, area, 4, 0)).toBe(errno('E2BIG'));
    expect(bench.call('dynptr_write', pointer, 0, area, 4, 1)).toBe(errno('EINVAL'));
    expect(bench.call('dynptr_read', area + 8, 4, pointer, 28, 0)).toBe(0);
    expect([...bench.read(area + 8, 4)]).toEqual([1, 2, 3, 4]);
    expect(bench.call('dynptr_read', area, 33, pointer, 0, 0)).toBe(errno('E2BIG'));
    expect(bench.call64('dynptr_data', pointer, 4, 28)).toBe(data + 4n);
    expect(bench.call64('dynptr_data', pointer, 5, 28)).toBe(0n);
  });

  it('are empty after an error', () => {
    expect(bench.call('dynptr_from_mem', data, 32, 1, pointer)).toBe(errno('EINVAL'));
    expect(bench.call('dynptr_read', area, 1, pointer, 0, 0)).toBe(errno('EINVAL'));
    expect(bench.call('dynptr_from_mem', data, 0x1000000, 0, pointer)).toBe(errno('E2BIG'));
  });

  it('that were forged cannot reach other memory', () => {
    bench.call('dynptr_from_mem', 0x4000, 32, 0, pointer);
    expect(bench.call('dynptr_read', area, 8, pointer, 0, 0)).toBe(errno('EFAULT'));
  });
});

describe('bpf_loop', () => {
  it.each([
    [5, 0, 5],
    [0, 0, 0],
    [8 << 20, 1, 'EINVAL'],
    [(8 << 20) + 1, 0, 'E2BIG'],
  ])('%i times with flags %i gives %s', (count, flags, result) => {
    // A callback that always returns 0: its own slot is all the helper needs.
    const slot = bench.runtime.addFunction(constantCallback(0));
    const expected = typeof result === 'string' ? errno(result) : result;
    expect(bench.call('loop', count, slot, 0, flags)).toBe(expected);
  });

  it('stops when the callback says so', () => {
    const slot = bench.runtime.addFunction(constantCallback(1));
    expect(bench.call('loop', 100, slot, 0, 0)).toBe(1);
  });
});

/** A wasm function (i64 x 5) -> i64 that returns a constant. */
function constantCallback(value: number): unknown {
  const type = [0x60, 5, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 1, 0x7e];
  const sections = [
    [1, type.length + 1, 1, ...type],
    [3, 2, 1, 0],
    [7, 5, 1, 1, 0x66, 0, 0],
    [10, 6, 1, 4, 0, 0x42, value, 0x0b],
  ];
  const module = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()];
  return new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(module))).exports['f'];
}
