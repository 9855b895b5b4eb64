import { describe, expect, test } from 'vitest';
import { programTypes } from '../../src/abi/index.ts';
import { SwitchedCode } from '../../src/engine/index.ts';
import { collectFacts, compileToWasm, wasmEngine } from '../../src/engine/wasm/index.ts';
import { functionText, wasmFunctions } from '../../src/engine/wasm/index.ts';
import { assemble, encodeCode } from '../../src/isa/index.ts';
import { patchStaticBranch } from '../../src/object/index.ts';
import { createRuntime } from '../../src/runtime/index.ts';

const context = programTypes.get('xdp')!.context;

function image(text: string) {
  const { code } = assemble(text);
  const functions = [{ name: 'run', start: 0 }];
  return { name: 'run', id: 1, insns: encodeCode(code), functions, lines: [], context };
}

/** The WebAssembly of a program, as text. */
function compiled(text: string): string {
  const runtime = createRuntime({ cpus: 1 });
  const one = image(text);
  const { bytes } = compileToWasm(one, { checks: false }, collectFacts(one, runtime));
  return wasmFunctions(bytes)
    .map((fn) => functionText(fn))
    .join('\n');
}

describe('a branch in compiled code', () => {
  const before = 'r0 = *(u32 *)(r1 + 0)\n';
  const after = 'r0 += 7\nexit\n';

  test('that is off is nothing: the code is that of the program without it', () => {
    const off = compiled(`${before}goto +0\n${after}r0 = 9\ngoto -4`);
    expect(off).toBe(compiled(before + after));
    expect(compiled(`${before}goto +2\n${after}r0 = 9\ngoto -4`)).not.toBe(off);
  });

  test('is written short and long', () => {
    for (const [jump, field] of [
      ['goto', 'off'],
      ['gotol', 'imm'],
    ] as const) {
      const { code } = assemble(`r0 = 0\n${jump} +0\nexit\nr0 = 1\n${jump} -3`);
      const read = () => [code.off[1], code.imm[1]];
      const at = { insn: 1, target: 3 };
      patchStaticBranch(code, { ...at, inverse: false }, true);
      expect(read()).toEqual(field === 'off' ? [1, 0] : [0, 1]);
      patchStaticBranch(code, { ...at, inverse: true }, true);
      expect(read()).toEqual([0, 0]);
      patchStaticBranch(code, { ...at, inverse: true }, false);
      expect(read()).toEqual(field === 'off' ? [1, 0] : [0, 1]);
      patchStaticBranch(code, { ...at, inverse: false }, false);
      expect(read()).toEqual([0, 0]);
    }
  });
});

test('one generation for each state that was asked for, made once', () => {
  const runtime = createRuntime({ cpus: 1 });
  const made: string[] = [];
  const slots = runtime.functions.used;
  const branch = { insn: 1, target: 3, key: 0, inverse: false };
  const program = image('r0 = 0\ngoto +0\nexit\nr0 = 1\ngoto -3');
  const code = new SwitchedCode(program, [branch], [false], runtime, (one) => {
    made.push(String(one.insns[10]));
    return wasmEngine.load(one, runtime, { checks: false });
  });
  const at = runtime.allocate(64);
  const results: number[] = [];
  for (let i = 0; i < 6; i++) {
    code.prepare(0, i % 2 === 0);
    results.push(code.run(at));
    code.commit();
    results.push(code.run(at));
  }
  expect(results).toEqual([0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0]);
  expect(made).toEqual(['0', '1']);
  expect(code.entry).toBeLessThan(runtime.table.length);
  code.dispose();
  expect(runtime.functions.used).toBe(slots);
});
