// Ring buffers that compiled code writes itself: records, order, wake-ups and errors are those of
// the runtime, which the interpreter calls.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ringbufConsume, ringbufWakeups } from '../../src/runtime/index.ts';
import type { LoadedCode } from '../../src/engine/index.ts';
import { collectFacts } from '../../src/engine/wasm/collect.ts';
import { compileToWasm } from '../../src/engine/wasm/compile.ts';
import { wasmFunctions } from '../../src/engine/wasm/text.ts';
import type { RuntimeMap } from '../../src/runtime/types.ts';
import { Lab, marked, type Variant, variants } from './harness.ts';

const RINGBUF = 27;
const BYTES = 4096;
const [OUTPUT, RESERVE, SUBMIT, DISCARD, QUERY] = [130, 131, 132, 133, 134];
const SIZES = [1, 4, 8, 13, 24, 40, 100, 128, 136, 1000, 4080, 4088, 4096];
const FLAGS = [0, 1, 2, 3];
/** Reservations are kept in the values of an array between runs. */
const KEPT = 4;

const PACKET = 'r6 = *(u32 *)(r1 + 0)\nr7 = *(u32 *)(r6 + 0)';

/** Reserves `size` bytes, numbers them, and keeps the pointer. r0: 1 if there was room. */
function reserveText(lab: Lab, ring: RuntimeMap, kept: string, size: number, flags = 0): string {
  return `${PACKET}
    r1 = ${lab.handle(ring)} ll
    r2 = ${size}
    r3 = ${flags}
    call ${RESERVE}
    r1 = ${kept} ll
    *(u64 *)(r1 + 0) = r0
    if r0 == 0 goto out
    *(u8 *)(r0 + 0) = r7
    ${size > 4 ? `*(u32 *)(r0 + ${size - 4}) = r7` : ''}
    r0 = 1
  out:
    exit`;
}

function commitText(kept: string, helper: number, flags: number): string {
  return `
    r6 = ${kept} ll
    r1 = *(u64 *)(r6 + 0)
    r2 = ${flags}
    call ${helper}
    r0 = 0
    exit`;
}

/** Data in pieces of `unit` bytes on the stack. */
function outputText(lab: Lab, ring: RuntimeMap, size: number, unit: number, flags: number): string {
  const lines: string[] = [];
  const shown = Math.min(size, 256);
  for (let at = 0; at < shown; ) {
    const most = Math.min(unit, shown - at);
    const piece = most >= 8 ? 8 : most >= 4 ? 4 : most >= 2 ? 2 : 1;
    lines.push('r2 = r7', `r2 += ${at}`, `*(u${piece * 8} *)(r10 - ${256 - at}) = r2`);
    at += piece;
  }
  return `${PACKET}
    ${lines.join('\n')}
    r1 = ${lab.handle(ring)} ll
    r2 = r10
    r2 += -256
    r3 = ${size}
    r4 = ${flags}
    call ${OUTPUT}
    exit`;
}

type Step =
  | { readonly do: 'reserve'; readonly size: number; readonly slot: number }
  | {
      readonly do: 'commit';
      readonly slot: number;
      readonly discard: boolean;
      readonly flags: number;
    }
  | { readonly do: 'output'; readonly size: number; readonly unit: number; readonly flags: number }
  | { readonly do: 'read'; readonly count: number };

/** A ring and programs that write it, of one engine. */
class Side {
  readonly lab = new Lab();
  readonly ring: RuntimeMap;
  private readonly kept: RuntimeMap;
  private readonly variant: Variant;
  private readonly codes = new Map<string, LoadedCode>();
  private readonly open = new Set<number>();

  constructor(variant: Variant) {
    this.variant = variant;
    const none = { keySize: 0, valueSize: 0 };
    this.ring = this.lab.map({ type: RINGBUF, ...none, maxEntries: BYTES });
    this.kept = this.lab.map({ type: 2, keySize: 4, valueSize: 8, maxEntries: KEPT });
  }

  private run(text: string): bigint {
    let code = this.codes.get(text);
    if (code === undefined)
      this.codes.set(text, (code = this.lab.load(this.variant, marked(text))));
    return BigInt.asIntN(64, this.lab.r0(code));
  }

  private query(what: number): bigint {
    return this.run(`r1 = ${this.lab.handle(this.ring)} ll\nr2 = ${what}\ncall ${QUERY}\nexit`);
  }

  private read(count: number): string[] {
    const records: string[] = [];
    if (count === 0) return records;
    ringbufConsume(this.lab.runtime, this.ring, (bytes) => {
      // Bytes nobody wrote are not compared.
      const { length } = bytes;
      records.push(`${length}: ${bytes[0]} ${length > 4 ? bytes.slice(length - 4).join() : ''}`);
      return records.length < count;
    });
    return records;
  }

  /** All that can be seen after a step. */
  step(step: Step, number: number): unknown[] {
    this.lab.runtime.view().setUint32(this.lab.packet, 1 + number * 7, true);
    const result = this.do(step);
    const state = [0, 1, 2, 3].map((what) => this.query(what));
    return [result, state, ringbufWakeups(this.lab.runtime, this.ring)];
  }

  private do(step: Step): unknown {
    const { lab, ring } = this;
    switch (step.do) {
      case 'reserve': {
        if (this.open.has(step.slot)) return 'held';
        const got = this.run(reserveText(lab, ring, this.at(step.slot), step.size));
        if (got === 1n) this.open.add(step.slot);
        return got;
      }
      case 'commit': {
        if (!this.open.delete(step.slot)) return 'none';
        const helper = step.discard ? DISCARD : SUBMIT;
        return this.run(commitText(this.at(step.slot), helper, step.flags));
      }
      case 'output':
        return this.run(outputText(lab, ring, step.size, step.unit, step.flags));
      case 'read':
        return this.read(step.count);
    }
  }

  private at(slot: number): string {
    return this.lab.value(this.kept, slot * 8);
  }
}

const slot = fc.nat(KEPT - 1);
const flags = fc.constantFrom(...FLAGS);
const size = fc.constantFrom(...SIZES);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('reserve' as const), size, slot }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      slot,
      discard: fc.boolean(),
      flags,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('output' as const),
      size: fc.constantFrom(...SIZES.filter((bytes) => bytes <= 136)),
      unit: fc.constantFrom(1, 2, 4, 8),
      flags,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('read' as const), count: fc.nat(40) }) },
);

describe('ring buffers', () => {
  it('are the same for every engine, whatever is reserved, held, given back and read', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 100 }), (steps) => {
        const sides = variants.map((variant) => new Side(variant));
        steps.forEach((one, k) => {
          const [first, ...others] = sides.map((side) => side.step(one, k));
          for (const other of others) expect(other).toEqual(first);
        });
      }),
      { numRuns: 6 },
    );
  });

  it.each(variants)('$name: a record that is held stops the ring where it stands', (variant) => {
    const side = new Side(variant);
    const output: Step = { do: 'output', size: 24, unit: 8, flags: 0 };
    side.step({ do: 'reserve', size: 24, slot: 0 }, 0);
    let fit = 0;
    while (side.step(output, fit)[0] === 0n) fit++;
    // 32 bytes each; a ring is never quite full.
    expect(fit).toBe(BYTES / 32 - 2);
    expect(side.step({ do: 'read', count: 1000 }, 0)[0]).toEqual([]);
    expect(side.step(output, 0)[0]).toBe(-11n);
    side.step({ do: 'commit', slot: 0, discard: true, flags: 0 }, 0);
    expect(side.step(output, 0)[0]).toBe(-11n);
    expect(side.step({ do: 'read', count: 1000 }, 0)[0]).toHaveLength(fit);
    expect(side.step(output, 0)[0]).toBe(0n);
  });

  it.each(variants)('$name: two rings, and pointers that come back in any order', (variant) => {
    const lab = new Lab();
    const maps = [4096, 8192].map((maxEntries) =>
      lab.map({ type: RINGBUF, keySize: 0, valueSize: 0, maxEntries }),
    );
    const reserve = (map: RuntimeMap, to: number) => `
      r1 = ${lab.handle(map)} ll
      r2 = 16
      r3 = 0
      call ${RESERVE}
      r${to} = r0
      if r0 == 0 goto out
      *(u64 *)(r0 + 0) = ${to}`;
    const submit = (from: number) => `r1 = r${from}\nr2 = 0\ncall ${SUBMIT}`;
    const order = [reserve(maps[0]!, 6), reserve(maps[1]!, 7), reserve(maps[0]!, 8)];
    const text = [...order, submit(8), submit(7), submit(6), 'out:', 'r0 = 0', 'exit'].join('\n');
    const code = lab.load(variant, marked(text));
    for (let run = 0; run < 300; run++) {
      lab.r0(code);
      const seen = maps.map((map) => {
        const all: number[] = [];
        ringbufConsume(lab.runtime, map, (bytes) => void all.push(bytes[0]!));
        return all;
      });
      expect(seen).toEqual([[6, 8], [7]]);
    }
    // The reader waits for the first of two records that are given back last first.
    expect(maps.map((map) => ringbufWakeups(lab.runtime, map))).toEqual([300, 300]);
  });

  it('stand in compiled code: only a full ring is the runtime’s', () => {
    const lab = new Lab();
    const ring = lab.map({ type: RINGBUF, keySize: 0, valueSize: 0, maxEntries: BYTES });
    const callsOf = (text: string, checks: boolean) => {
      const image = marked(text);
      const { bytes } = compileToWasm(image, { checks }, collectFacts(image, lab.runtime));
      const { insns } = wasmFunctions(bytes).find((one) => one.name === 'test')!;
      return insns.filter((insn) => insn.text.startsWith('call')).map((insn) => insn.text);
    };
    const texts = [
      outputText(lab, ring, 24, 8, 0),
      reserveText(lab, ring, lab.value(lab.map({ type: 2 })), 24),
    ];
    for (const text of texts) {
      expect(callsOf(text, false)).toEqual([expect.stringMatching(/ringbuf_room/)]);
      expect(callsOf(text, true).join()).not.toMatch(/ringbuf_room/);
    }
  });
});
