import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DebugInfo } from '../../src/debug/index.ts';
import { FACTS, look, marks } from './look.ts';

const object = readFileSync(new URL('programs/variables.bpf.o', import.meta.url));
const LINES = marks(readFileSync(new URL('programs/variables.bpf.c', import.meta.url), 'utf8'));

describe('variables by debugging information', () => {
  test.each(FACTS)('at %s, frame %i: %s is %s', async (line, frame, name, text) => {
    const seen = await look(object);
    seen.goTo(LINES[line]!);
    expect(seen.text(name, frame)).toBe(text);
  });

  test('functions that were put in place have scopes of their own', async () => {
    const seen = await look(object);
    seen.goTo(LINES['inlined']!);
    const scopes = seen.scopes();
    expect(scopes.map((one) => [one.function, one.inlined])).toEqual([
      ['doubled', true],
      ['variables', false],
    ]);
    expect(scopes[0]!.variables.map(({ name }) => name)).toEqual(['amount', 'twice']);
  });

  test('registers that a call changed are not taken for variables of the caller', async () => {
    const seen = await look(object);
    seen.goTo(LINES['called']!);
    const inRegisters = seen.scopes(1)[0]!.variables.filter(({ name }) => name === 'ctx');
    expect(inRegisters).toMatchObject([{ bytes: undefined, why: 'optimized out' }]);
  });

  test('what an expression names wrongly is said', async () => {
    const seen = await look(object);
    seen.goTo(LINES['main']!);
    expect(() => seen.text('nobody')).toThrow("there is no variable 'nobody' here");
    expect(() => seen.text('shape.colours')).toThrow('has no colours, it has corner colour kind');
    expect(() => seen.text('key[0]')).toThrow("'key' has no [0]");
    expect(() => seen.text('*key')).toThrow('points to nothing that can be read');
    expect(() => seen.text('shape + 1')).toThrow("'+ 1' is no .member, ->member or [number]");
    expect(() => seen.text('1')).toThrow("'1' is no variable or part of one");
  });

  test('an object without it has none', () => {
    const stripped = new URL('../../examples/firewall/firewall.bpf.o', import.meta.url);
    expect(DebugInfo.read(readFileSync(stripped))).toBeUndefined();
  });
});
