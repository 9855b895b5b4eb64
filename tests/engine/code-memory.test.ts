/** Programs in packs: what is where, what stays when others come and go, what is given back. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { KernelError } from '../../src/base/index.ts';
import {
  type EngineCodeMemory,
  type LoadedCode,
  ProgramFaultError,
  type ProgramImage,
  SwitchedCode,
} from '../../src/engine/index.ts';
import { wasmEngine } from '../../src/engine/wasm/index.ts';
import { imageOf, Lab } from './harness.ts';

const TRUSTED = { checks: false };
const memoryOf = (lab: Lab, packSize?: number): EngineCodeMemory =>
  wasmEngine.codeMemory!(lab.runtime, packSize === undefined ? {} : { packSize });

/** Programs that return their number, loaded together. */
function numbered(memory: EngineCodeMemory, count: number, from = 0): LoadedCode[] {
  return memory.together(() =>
    Array.from({ length: count }, (_, i) =>
      memory.load(imageOf(`r0 = ${from + i}\nexit`, { name: `n${from + i}` }), TRUSTED),
    ),
  );
}

describe('packs', () => {
  it.each([
    [1, [1, 1, 1, 1, 1, 1, 1]],
    [3, [3, 3, 1]],
    [64, [7]],
  ])('of %i hold as many programs of one load', (packSize, expected) => {
    const lab = new Lab();
    const memory = memoryOf(lab, packSize);
    const codes = numbered(memory, 7);
    expect(memory.packs().map(({ chunks }) => chunks.length)).toEqual(expected);
    expect(codes.map((code) => code.run(lab.context))).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('say where in the module each program is: side by side, none in another', () => {
    const memory = memoryOf(new Lab());
    numbered(memory, 9);
    const [pack] = memory.packs();
    let end = 0;
    for (const { offset, bytes, live } of pack!.chunks) {
      expect(offset).toBeGreaterThanOrEqual(end);
      expect(bytes).toBeGreaterThan(20);
      expect(live).toBe(true);
      if (end > 0) expect(offset).toBe(end);
      end = offset + bytes;
    }
    expect(end).toBeLessThanOrEqual(pack!.bytes);
    expect(pack!.live).toBe(pack!.chunks.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(pack!.dead).toBe(0);
  });

  it('are smaller than the same programs each alone', () => {
    const bytes = (packSize: number) => {
      const memory = memoryOf(new Lab(), packSize);
      numbered(memory, 50);
      return memory.packs().reduce((sum, pack) => sum + pack.bytes, 0);
    };
    expect(bytes(50)).toBeLessThan(0.9 * bytes(1));
  });

  it('of sizes that make no sense are EINVAL', () => {
    for (const size of [0, 1.5, 5000, Number.NaN]) {
      expect(() => memoryOf(new Lab(), size)).toThrow(KernelError);
    }
  });

  it('have no programs that are large', () => {
    const lab = new Lab();
    const memory = memoryOf(lab);
    const large = imageOf(`r0 = 5\n${'r0 += 1\n'.repeat(33_000)}exit`);
    const codes = memory.together(() => [
      memory.load(imageOf('r0 = 1\nexit'), TRUSTED),
      memory.load(large, TRUSTED),
      memory.load(imageOf('r0 = 2\nexit'), TRUSTED),
    ]);
    expect(memory.packs().map(({ chunks }) => chunks.length)).toEqual([1, 1, 1]);
    expect(codes.map((code) => code.run(lab.context))).toEqual([1, 33_005, 2]);
  });

  it('are made of what was loaded before something failed', () => {
    const lab = new Lab();
    const memory = memoryOf(lab);
    let first: LoadedCode | undefined;
    expect(() =>
      memory.together(() => {
        first = memory.load(imageOf('r0 = 8\nexit'), TRUSTED);
        memory.load(imageOf(''), TRUSTED);
      }),
    ).toThrow('no instructions');
    expect(first!.run(lab.context)).toBe(8);
  });
});

describe('programs that come and go', () => {
  it('leave the others as they are: no module is made anew', () => {
    const lab = new Lab();
    const memory = memoryOf(lab, 4);
    const codes = numbered(memory, 8);
    const { functions } = lab.runtime;
    const before = codes.map(({ entry }) => functions.get(entry));
    const [added] = numbered(memory, 1, 100);
    codes[2]!.dispose();
    codes.forEach(({ entry }, i) => {
      if (i !== 2) expect(functions.get(entry)).toBe(before[i]);
    });
    expect(added!.run(lab.context)).toBe(100);
    const [first] = memory.packs();
    expect(first!.chunks.map(({ live }) => live)).toEqual([true, true, false, true]);
    expect(first!.dead).toBe(first!.chunks[2]!.bytes);
    expect(() => codes[2]!.run(lab.context)).toThrow('no code');
  });

  it('take their pack with them when they are the last', () => {
    const memory = memoryOf(new Lab(), 4);
    const codes = numbered(memory, 8);
    for (const code of codes.slice(0, 4)) code.dispose();
    expect(memory.packs().map(({ id }) => id)).toEqual([2]);
  });

  it('give their slots to the next ones', () => {
    const lab = new Lab();
    const memory = memoryOf(lab);
    const { functions, table } = lab.runtime;
    const used = functions.used;
    const codes = numbered(memory, 40);
    const { length } = table;
    const slots = codes.map(({ entry }) => entry);
    for (const code of codes) code.dispose();
    for (const slot of slots) expect(table.get(slot)).toBeNull();
    expect(functions.used).toBe(used);
    const again = numbered(memory, 40).map(({ entry }) => entry);
    expect(new Set(again)).toEqual(new Set(slots));
    expect(table.length).toBe(length);
  });

  it('that call others through a prog_array find them in any pack, and none that is gone', () => {
    const lab = new Lab();
    const memory = memoryOf(lab, 2);
    const targets = numbered(memory, 4);
    const map = lab.programArray(targets.map(({ entry }) => entry));
    const caller = (index: number) =>
      imageOf(`r2 = ${lab.handle(map)} ll\nr3 = ${index}\ncall 12\nr0 = 99\nexit`);
    const callers = memory.together(() =>
      [0, 1, 2, 3, 4].map((index) => memory.load(caller(index), TRUSTED)),
    );
    const results = () => callers.map((code) => code.run(lab.context));
    expect(results()).toEqual([0, 1, 2, 3, 99]);
    memory.recompact({ waste: 0 });
    expect(results()).toEqual([0, 1, 2, 3, 99]);
    map.delete(new Uint8Array([1, 0, 0, 0]));
    targets[1]!.dispose();
    memory.recompact({ waste: 0 });
    expect(results()).toEqual([0, 99, 2, 3, 99]);
  });

  it('stay until the run that disposes of them is over', () => {
    const lab = new Lab();
    let code: LoadedCode | undefined;
    lab.runtime.setHostHelper(5, 0, (call) => {
      code!.dispose();
      call.returnInt(4);
    });
    const memory = memoryOf(lab);
    code = memory.load(imageOf('call 5\nr6 = r0\ncall 5\nr0 += r6\nexit'), TRUSTED);
    expect(code.run(lab.context)).toBe(8);
    expect(lab.runtime.functions.get(code.entry)).not.toBeNull();
    lab.runtime.events.advance(Number(lab.runtime.clock));
    expect(lab.runtime.functions.get(code.entry)).toBeNull();
    expect(memory.packs()).toEqual([]);
  });
});

/** Sum of 0 to 9 by bpf_loop and a callback that asks helper 5 each time. */
const LOOPING = [
  'r1 = 10',
  'r2 = 5 ll',
  'r3 = r10',
  'r3 += -8',
  'r4 = 0',
  '*(u64 *)(r10 - 8) = 0',
  'call 181',
  'r0 = *(u64 *)(r10 - 8)',
  'exit',
  'fn_callback:',
  'r6 = r1',
  'r7 = r2',
  'call 5',
  'r1 = *(u64 *)(r7 + 0)',
  'r1 += r6',
  '*(u64 *)(r7 + 0) = r1',
  'r0 = 0',
  'exit',
].join('\n');

/** The image of LOOPING, its load of the callback marked as one. */
function looping(): ProgramImage {
  const image = imageOf(LOOPING);
  const insns = image.insns.slice();
  const start = image.functions.find(({ name }) => name === 'fn_callback')!.start;
  const view = new DataView(insns.buffer);
  insns[9] = 0x42;
  view.setInt32(12, start - 2, true);
  return { ...image, insns };
}

describe('packing anew', () => {
  it('makes few full packs of many with holes, and keeps results', () => {
    const lab = new Lab();
    const memory = memoryOf(lab, 8);
    const codes = numbered(memory, 64);
    const left = codes.filter((_, i) => i % 4 === 3);
    for (const code of codes) if (!left.includes(code)) code.dispose();
    expect(memory.packs()).toHaveLength(8);
    const did = memory.recompact();
    expect(did).toMatchObject({ moved: 16, before: 8, after: 2 });
    expect(did.freed).toBeGreaterThan(0);
    const packs = memory.packs();
    expect(packs.map(({ generation, dead }) => [generation, dead])).toEqual([
      [2, 0],
      [2, 0],
    ]);
    expect(left.map((code) => code.run(lab.context))).toEqual(left.map((_, i) => 4 * i + 3));
    expect(memory.recompact()).toMatchObject({ moved: 0, before: 2, after: 2, freed: 0 });
  });

  it('puts single programs together', () => {
    const memory = memoryOf(new Lab(), 8);
    for (let i = 0; i < 20; i++) memory.load(imageOf('r0 = 0\nexit'), TRUSTED);
    expect(memory.recompact()).toMatchObject({ moved: 20, before: 20, after: 3 });
  });

  it.each([true, false])('under a run loses nothing (checks: %s)', (checks) => {
    const lab = new Lab();
    const memory = memoryOf(lab, 4);
    let asked = 0;
    lab.runtime.setHostHelper(5, 0, () => {
      if (++asked % 3 === 1) memory.recompact({ waste: 0 });
    });
    const codes = memory.together(() =>
      [0, 1, 2].map(() => memory.load(looping(), { checks, profile: true })),
    );
    const used = lab.runtime.functions.used;
    for (let round = 1; round <= 5; round++) {
      for (const code of codes) {
        expect(code.run(lab.context)).toBe(45);
        const counts = code.counts();
        expect([counts[0], counts.at(-1)]).toEqual([round, 10 * round]);
      }
    }
    expect(asked).toBe(150);
    expect(memory.packs()[0]!.generation).toBe(51);
    expect(lab.runtime.functions.used).toBe(used);
  });

  it('under a batch lets it finish in the old code', () => {
    const lab = new Lab();
    const memory = memoryOf(lab, 4);
    lab.runtime.setHostHelper(5, 0, (call) => {
      call.returnInt(memory.recompact({ waste: 0 }).moved);
    });
    const [code] = memory.together(() => [
      memory.load(imageOf('call 5\nexit'), TRUSTED),
      memory.load(imageOf('r0 = 0\nexit'), TRUSTED),
    ]);
    const results = lab.runtime.allocate(40);
    expect(code!.batch(lab.context, 0, 10, results, 0)).toBe(10);
    const words = lab.runtime.i32().subarray(results >>> 2, (results >>> 2) + 10);
    expect([...words]).toEqual(Array<number>(10).fill(2));
    expect(memory.packs().map(({ generation }) => generation)).toEqual([11]);
  });

  it('keeps faults: program, instruction and helper are those of the right member', () => {
    const lab = new Lab();
    const memory = memoryOf(lab, 4);
    const faulty = (name: string) => imageOf('r1 = 3\nr0 = *(u64 *)(r1 + 0)\nexit', { name });
    const codes = memory.together(() =>
      ['a', 'b', 'c'].map((name) => memory.load(faulty(name), { checks: true })),
    );
    const faults = () =>
      codes.map((code) => {
        try {
          return code.run(lab.context);
        } catch (error) {
          const { program, insn } = error as ProgramFaultError;
          return `${program} ${insn}`;
        }
      });
    expect(faults()).toEqual(['a 1', 'b 1', 'c 1']);
    memory.recompact({ waste: 0 });
    expect(faults()).toEqual(['a 1', 'b 1', 'c 1']);
  });

  it('keeps the generations of static keys and the slot that stands for them', () => {
    const lab = new Lab();
    const memory = memoryOf(lab, 4);
    const branch = { insn: 1, target: 3, key: 0, inverse: false };
    const slots = lab.runtime.functions.used;
    const code = memory.together(() => {
      memory.load(imageOf('r0 = 9\nexit'), TRUSTED);
      const image = imageOf('r0 = 0\ngoto +0\nexit\nr0 = 1\ngoto -3');
      return new SwitchedCode(image, [branch], [false], lab.runtime, (one) =>
        memory.load(one, TRUSTED),
      );
    });
    const map = lab.programArray([code.entry]);
    const caller = wasmEngine.load(
      imageOf(`r2 = ${lab.handle(map)} ll\nr3 = 0\ncall 12\nr0 = 99\nexit`),
      lab.runtime,
      TRUSTED,
    );
    for (let i = 0; i < 6; i++) {
      if (i > 0) {
        code.prepare(0, i % 2 === 1);
        code.commit();
      }
      const expected = [i % 2, i % 2];
      expect([code.run(lab.context), caller.run(lab.context)]).toEqual(expected);
      memory.recompact({ waste: 0 });
      expect([code.run(lab.context), caller.run(lab.context)]).toEqual(expected);
    }
    code.dispose();
    caller.dispose();
    expect(lab.runtime.functions.used).toBe(slots + 1);
  });
});

describe('memory', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const collected = async (reference: WeakRef<object>): Promise<boolean> => {
    for (let i = 0; i < 20 && reference.deref(); i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      gc();
    }
    return reference.deref() === undefined;
  };
  const entryOf = (lab: Lab, { entry }: LoadedCode) =>
    new WeakRef(lab.runtime.functions.get(entry) as object);

  it('of a pack is given back when its programs have gone, not before', async () => {
    const lab = new Lab();
    const memory = memoryOf(lab);
    const map = lab.programArray([0]);
    const caller = imageOf(`r2 = ${lab.handle(map)} ll\nr3 = 0\ncall 12\nr0 = 9\nexit`);
    const codes = numbered(memory, 3).concat(memory.load(caller, TRUSTED));
    const entries = codes.map((code) => entryOf(lab, code));
    codes[0]!.dispose();
    gc();
    expect(entries[1]!.deref()).toBeDefined();
    for (const code of codes) code.dispose();
    expect(await Promise.all(entries.map(collected))).toEqual([true, true, true, true]);
  });

  it('of the old pack is given back when its programs have moved', async () => {
    const lab = new Lab();
    const memory = memoryOf(lab);
    const codes = numbered(memory, 3);
    const entries = codes.map((code) => entryOf(lab, code));
    memory.recompact({ waste: 0 });
    expect(await Promise.all(entries.map(collected))).toEqual([true, true, true]);
    expect(codes.map((code) => code.run(lab.context))).toEqual([0, 1, 2]);
  });

  it('stays flat over 10,000 programs that come and go', async () => {
    const lab = new Lab();
    const memory = memoryOf(lab, 100);
    const round = async () => {
      for (const code of numbered(memory, 100)) code.dispose();
      await new Promise((resolve) => setTimeout(resolve, 0));
    };
    for (let i = 0; i < 5; i++) await round();
    gc();
    const before = process.memoryUsage().heapUsed;
    const { length } = lab.runtime.table;
    const { byteLength } = lab.runtime.memory.buffer;
    const { used } = lab.runtime.functions;
    for (let i = 0; i < 100; i++) await round();
    gc();
    expect(lab.runtime.table.length).toBe(length);
    expect(lab.runtime.memory.buffer.byteLength).toBe(byteLength);
    expect(lab.runtime.functions.used).toBe(used);
    // What is left behind would be more than a kilobyte each: 10 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(3_000_000);
  }, 60_000);
});
