import { describe, expect, it } from 'vitest';
import { errnoNumber } from '../../src/abi/index.ts';
import { Bench } from './helper-harness.ts';

const errno = (name: string): number => -errnoNumber(name)!;
const EINVAL = errno('EINVAL');

function trace(format: string, ...args: (number | bigint)[]): { result: number; lines: string[] } {
  const bench = new Bench('xdp');
  const lines: string[] = [];
  bench.runtime.host.trace = (line) => lines.push(line);
  const size = new TextEncoder().encode(format).length + 1;
  return { result: bench.call('trace_printk', bench.text(format), size, ...args), lines };
}

describe('bpf_trace_printk', () => {
  it.each([
    ['plain', [], 'plain'],
    ['100%%', [], '100%'],
    ['%d %i', [-1, 5], '-1 5'],
    ['%u', [0xffffffff], '4294967295'],
    ['%u', [-1], '4294967295'],
    ['%d', [0x1_0000_0005], '5'],
    ['%lu', [-1], '18446744073709551615'],
    ['%lld', [-5], '-5'],
    ['%x %X %llx', [0xbeef, 0xbeef, 0x123456789abcdefn], 'beef BEEF 123456789abcdef'],
    ['[%5d|%-5d|%05d]', [42, 42, -42], '[   42|42   |-0042]'],
    ['%+d % d', [3, 3], '+3  3'],
    ['%c%3c|%-3c|', [65, 66, 67], 'A  B|C  |'],
    ['%px', [0xabc], '0000000000000abc'],
    ['%p', [0], '0000000000000000'],
    ['%pS!', [0x1234], '0x1234!'],
    ['ünï', [], 'ünï'],
    ['tab\tand\nline', [], 'tab\tand\nline'],
  ])('%j', (format, args, text) => {
    const { result, lines } = trace(format, ...args);
    expect(lines).toEqual([text]);
    expect(result).toBe(new TextEncoder().encode(text).length);
  });

  it.each([
    ['a bell', 'a\x07b', [1]],
    ['a lone %', 'a%', [1]],
    ['a precision', '%.2d', [1]],
    ['%f', '%f', [1]],
    ['%h', '%hd', [1]],
    ['three l', '%llld', [1]],
    ['#', '%#x', [1]],
    ['a fourth value', '%d%d%d%d', [1, 2, 3]],
    ['letters behind %s', '%sx', [1]],
    ['an unknown pointer format', '%pI5', [1]],
    ['%pks with letters', '%pksa', [1]],
    ['a non-ASCII conversion', '%é', [1]],
  ])('refuses %s', (_, format, args) => {
    expect(trace(format, ...args)).toEqual({ result: EINVAL, lines: [] });
  });

  it('needs the NUL inside the size', () => {
    const bench = new Bench('xdp');
    expect(bench.call('trace_printk', bench.text('abc'), 3)).toBe(EINVAL);
    expect(bench.call('trace_printk', bench.text('abc'), 4)).toBe(3);
  });

  it('does not print addresses', () => {
    const { lines } = trace('%p', 0xffff800112345678n);
    expect(lines[0]).toMatch(/^[0-9a-f]{16}$/);
    expect(lines[0]).not.toBe('ffff800112345678');
  });
});

describe('bpf_snprintf', () => {
  const bench = new Bench('xdp');
  const out = bench.runtime.allocate(64);
  const values = bench.runtime.allocate(128);

  function snprintf(size: number, format: string, ...args: bigint[]): [number, string] {
    args.forEach((arg, i) => bench.runtime.view().setBigUint64(values + 8 * i, arg, true));
    bench.runtime.u8().fill(0x7e, out, out + 64);
    const length = args.length * 8;
    const result = bench.call('snprintf', out, size, bench.text(format), values, length);
    const bytes = bench.read(out, 64);
    return [result, new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0x7e)))];
  }

  it('counts the NUL and tells what would not fit', () => {
    expect(snprintf(64, 'n=%d', 12n)).toEqual([5, 'n=12\0']);
    expect(snprintf(4, 'n=%d', 12n)).toEqual([5, 'n=1\0']);
    expect(snprintf(0, 'n=%d', 12n)).toEqual([5, '']);
  });

  it('prints addresses and text from memory', () => {
    const ip = bench.regionOf([10, 0, 0, 1]);
    const ip6 = bench.regionOf([0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1]);
    const text = bench.regionOf([...new TextEncoder().encode('name'), 0]);
    expect(snprintf(64, '%pI4 %pi4', ip, ip)[1]).toBe('10.0.0.1 010.000.000.001\0');
    expect(snprintf(64, '%pI6', ip6)[1]).toBe('2001:0db8:0000:0000:0000:0000:0000:0001\0');
    expect(snprintf(64, '%pi6', ip6)[1]).toBe('20010db8000000000000000000000001\0');
    expect(snprintf(64, '%pI6c.', ip6)[1]).toBe('2001:0db8:0000:0000:0000:0000:0000:0001.\0');
    expect(snprintf(64, '<%s|%6s|%-6s>', text, text, text)[1]).toBe('<name|  name|name  >\0');
    expect(snprintf(64, '%pks,%pus', text, text)[1]).toBe('name,name\0');
  });

  it('prints nothing for text and zeroes for addresses that are not there', () => {
    expect(snprintf(64, '<%s>', 16n)[1]).toBe('<>\0');
    expect(snprintf(64, '%pI4', 16n)[1]).toBe('0.0.0.0\0');
  });

  it.each([
    [7, EINVAL],
    [13 * 8, EINVAL],
    [12 * 8, 4],
  ])('with %i bytes of values gives %i', (length, result) => {
    expect(bench.call('snprintf', out, 64, bench.text('abc'), values, length)).toBe(result);
  });

  it('has room for 512 bytes of values', () => {
    const long = bench.regionOf([...Array(600).fill(65), 0]);
    expect(snprintf(64, '%s', long)[0]).toBe(512);
    expect(snprintf(64, '%s%d', long, 1n)[0]).toBe(errno('ENOSPC'));
  });
});

describe('bpf_trace_vprintk', () => {
  it('takes its values from memory', () => {
    const bench = new Bench('xdp');
    const lines: string[] = [];
    bench.runtime.host.trace = (line) => lines.push(line);
    const values = bench.bytes(new Uint8Array(BigUint64Array.from([1n, 2n, 3n, 4n]).buffer));
    const format = bench.text('%d-%d-%d-%d');
    expect(bench.call('trace_vprintk', format, 12, values, 32)).toBe(7);
    expect(lines).toEqual(['1-2-3-4']);
    expect(bench.call('trace_vprintk', format, 12, values, 24)).toBe(EINVAL);
    expect(bench.call('trace_vprintk', format, 12, 0, 32)).toBe(EINVAL);
  });
});
