import { describe, expect, it } from 'vitest';
import { BugError } from '../../src/base/index.ts';
import { DEFAULT_FUEL, faultFrom, type ProgramFaultError } from '../../src/engine/index.ts';
import { checkedVariants, faultOf, imageOf, Lab, variants } from './harness.ts';

const MAP_LOOKUP = 1;
const MAP_UPDATE = 2;
const TAIL_CALL = 12;
const LOOP = 181;
const RINGBUF_OUTPUT = 130;
/** A helper of our own. */
const HOST = 1000;

const hex = (n: bigint): string => `0x${n.toString(16)}`;

describe.each(checkedVariants)('faults: $name', (variant) => {
  const fault = (
    text: string,
    lab = new Lab(),
    options: { fuel?: number } = {},
  ): ProgramFaultError => {
    const code = lab.load(variant, text, options);
    const found = faultOf(() => code.run(lab.context));
    // A faulting run leaves the CPU as it was: another run works the same.
    expect(faultOf(() => code.run(lab.context)).message).toBe(found.message);
    return found;
  };

  it('past the end of the packet: insn, address, place and source line', () => {
    const lab = new Lab(0x22);
    const found = fault('r2 = *(u32 *)(r1 + 0)\nr0 = 0\nr0 = *(u64 *)(r2 + 0x1b)\nexit', lab);
    expect(found).toMatchObject({
      kind: 'out of range',
      program: 'test',
      insn: 2,
      address: BigInt(lab.packet + 0x1b),
      size: 8,
      write: false,
      source: { file: 'test.s', line: 3, text: 'r0 = *(u64 *)(r2 + 0x1b)' },
    });
    expect(found.message).toBe(
      'test: out of range: read of 8 bytes at packet+0x1b, packet ends at +0x22' +
        ' at insn 2 (test.s:3: r0 = *(u64 *)(r2 + 0x1b))',
    );
  });

  it('before the start of the packet, but not in its metadata', () => {
    const lab = new Lab(32);
    lab.setPacket(lab.packet, lab.packet + 32, lab.packet - 4);
    const text = (offset: number) =>
      `r2 = *(u32 *)(r1 + 0)\n*(u32 *)(r2 - ${offset}) = 7\nr0 = 0\nexit`;
    expect(lab.load(variant, text(4)).run(lab.context)).toBe(0);
    expect(fault(text(5), lab)).toMatchObject({ kind: 'out of range', insn: 1, write: true });
    expect(fault(text(5), lab).message).toContain('write of 4 bytes at packet-0x5');
  });

  it('past the end of the context', () => {
    const lab = new Lab();
    expect(lab.load(variant, 'r0 = *(u32 *)(r1 + 20)\nexit').run(lab.context)).toBe(0);
    const found = fault('r0 = *(u32 *)(r1 + 21)\nexit', lab);
    expect(found).toMatchObject({ kind: 'out of range', insn: 0, size: 4 });
    expect(found.address).toBe((0xffff8001n << 32n) | BigInt(lab.context + 21));
    expect(found.message).toContain('context+0x15, context ends at +0x18');
  });

  it('writing the packet pointers of the context, directly or through a helper', () => {
    const lab = new Lab();
    expect(lab.load(variant, '*(u32 *)(r1 + 12) = 5\nr0 = 1\nexit').run(lab.context)).toBe(1);
    const found = fault('r0 = 0\n*(u32 *)(r1 + 4) = -1\nexit', lab);
    expect(found).toMatchObject({ kind: 'read only', insn: 1, size: 4, write: true });
    expect(fault('r2 = 9\n*(u8 *)(r1 + 11) = r2\nexit', lab).kind).toBe('read only');
    expect(fault('r2 = 8\nr2 += r1\n*(u64 *)(r2 + 3) = 0\nexit', lab).kind).toBe('read only');
    expect(fault('r2 = 1\nlock *(u32 *)(r1 + 0) += w2\nexit', lab).kind).toBe('read only');
    const copy = 'r2 = 4\nr3 = r10\nr3 += -8\ncall 113\nexit';
    expect(fault(copy, lab)).toMatchObject({ kind: 'bad helper argument', argument: 1 });
  });

  it('past the end of the stack', () => {
    const found = fault('r0 = 0\n*(u8 *)(r10 + 0) = 1\nexit');
    expect(found).toMatchObject({ kind: 'out of range', insn: 1, size: 1, write: true });
    expect(found.message).toContain('from the end of the stack');
  });

  it.each([
    ['u8', 1],
    ['u16', 2],
    ['u32', 4],
    ['u64', 8],
  ] as const)('every width counts: %s', (type, size) => {
    const lab = new Lab(16);
    const at = (offset: number) => ({
      load: `r2 = *(u32 *)(r1 + 0)\nr0 = *(${type} *)(r2 + ${offset})\nr0 = 0\nexit`,
      store: `r2 = *(u32 *)(r1 + 0)\n*(${type} *)(r2 + ${offset}) = 1\nr0 = 0\nexit`,
      storeRegister: `r2 = *(u32 *)(r1 + 0)\n*(${type} *)(r2 + ${offset}) = r1\nr0 = 0\nexit`,
    });
    for (const kind of ['load', 'store', 'storeRegister'] as const) {
      expect(lab.load(variant, at(16 - size)[kind]).run(lab.context)).toBe(0);
      const write = kind !== 'load';
      expect(fault(at(17 - size)[kind], lab)).toMatchObject({ insn: 1, size, write });
    }
  });

  it.each([
    ['s8', 1],
    ['s16', 2],
    ['s32', 4],
  ] as const)('sign-extending loads too: %s', (type, size) => {
    const lab = new Lab(16);
    const text = `r2 = *(u32 *)(r1 + 0)\nr0 = *(${type} *)(r2 + ${17 - size})\nexit`;
    expect(fault(text, lab)).toMatchObject({ kind: 'out of range', insn: 1, size });
  });

  it('NULL, small numbers and numbers that are no pointers', () => {
    const read = (value: string) => fault(`r1 = ${value} ll\nr0 = *(u64 *)(r1 + 8)\nexit`);
    expect(read('0')).toMatchObject({ kind: 'bad pointer', insn: 2, address: 8n });
    expect(read('0').message).toContain('0x8, close to NULL');
    expect(read('0x1234')).toMatchObject({ kind: 'bad pointer', address: 0x123cn });
    expect(read('0x4141414141414141')).toMatchObject({
      kind: 'bad pointer',
      address: 0x4141414141414149n,
    });
    expect(read('0x4141414141414141').message).toContain('which is no pointer');
    expect(read('-9')).toMatchObject({ kind: 'bad pointer', address: (1n << 64n) - 1n });
  });

  it('maps and functions are no memory', () => {
    const lab = new Lab();
    const map = lab.map({});
    const found = fault(`r1 = ${lab.handle(map)} ll\nr0 = *(u32 *)(r1 + 0)\nexit`, lab);
    expect(found).toMatchObject({ kind: 'bad pointer', insn: 2 });
    expect(found.message).toContain('a map');
    const text = 'r1 = fn_x ll\n*(u8 *)(r1 + 0) = 1\nexit\nfn_x:\nr0 = 0\nexit';
    expect(fault(text).message).toContain('a function');
  });

  it('past a map value, even where the next one begins', () => {
    const lab = new Lab();
    const map = lab.map({ name: 'seen', valueSize: 12, maxEntries: 4 });
    const at = (offset: number) =>
      `r1 = ${lab.value(map)} ll\nr0 = *(u32 *)(r1 + ${offset})\nr0 = 1\nexit`;
    expect(lab.load(variant, at(8)).run(lab.context)).toBe(1);
    expect(lab.load(variant, at(16 + 8)).run(lab.context)).toBe(1);
    expect(fault(at(9), lab)).toMatchObject({ kind: 'out of range', insn: 2, size: 4 });
    expect(fault(at(9), lab).message).toContain('map seen[0]+0x9, map seen[0] ends at +0xc');
    expect(fault(at(16 + 10), lab).message).toContain('map seen[1]+0xa');
    expect(fault(at(64), lab)).toMatchObject({ kind: 'out of range' });
  });

  it('writing a map that programs may only read', () => {
    const lab = new Lab();
    const map = lab.map({ flags: 1 << 7 });
    expect(lab.load(variant, `r1 = ${lab.value(map)} ll\nr0 = *(u32 *)(r1 + 0)\nexit`).run(0)).toBe(
      0,
    );
    const found = fault(`r1 = ${lab.value(map)} ll\n*(u32 *)(r1 + 4) = 1\nexit`, lab);
    expect(found).toMatchObject({ kind: 'read only', insn: 2, size: 4, write: true });
  });

  it('unaligned atomics, after their range', () => {
    const text = (offset: number) => `r2 = 1\nlock *(u32 *)(r10 - ${offset}) += w2\nr0 = 0\nexit`;
    expect(fault(text(6))).toMatchObject({ kind: 'unaligned atomic', insn: 1, size: 4 });
    expect(fault(text(2))).toMatchObject({ kind: 'out of range', insn: 1, size: 4, write: true });
    expect(fault('r2 = 1\nlock *(u64 *)(r10 - 12) |= r2\nexit')).toMatchObject({
      kind: 'unaligned atomic',
      size: 8,
    });
  });

  it('endless loops', () => {
    const text = 'r0 = 0\nagain:\nr0 += 1\nif r0 != 0 goto again\nexit';
    expect(fault(text, new Lab(), { fuel: 1000 })).toMatchObject({
      kind: 'too many iterations',
      insn: 2,
    });
  });

  it('endless loops, without a word about fuel', () => {
    const lab = new Lab();
    const counter = lab.map({ maxEntries: 1 });
    const text = `
      r2 = ${lab.value(counter)} ll
    again:
      r1 = *(u64 *)(r2 + 0)
      r1 += 1
      *(u64 *)(r2 + 0) = r1
      goto again`;
    expect(fault(text, lab)).toMatchObject({ kind: 'too many iterations', insn: 5 });
    // `fault` runs the program twice.
    const runs = new DataView(counter.valueBytes(0).slice().buffer).getBigUint64(0, true);
    expect(runs).toBe(2n * (BigInt(DEFAULT_FUEL) + 1n));
  });

  it('a loop runs exactly as often as there is fuel', () => {
    const lab = new Lab();
    const text = 'r0 = 100\nagain:\nr0 += -1\nif r0 s> 0 goto again\nr0 = 7\nexit';
    expect(lab.load(variant, text, { fuel: 99 }).run(lab.context)).toBe(7);
    expect(fault(text, lab, { fuel: 98 }).insn).toBe(2);
  });

  it('calls cost fuel, so that trees of calls end', () => {
    const text = 'r0 = 0\ncall fn_a\ncall fn_a\nexit\nfn_a:\nr0 += 1\nexit';
    const lab = new Lab();
    expect(lab.load(variant, text, { fuel: 2 }).run(lab.context)).toBe(1);
    expect(fault(text, lab, { fuel: 1 })).toMatchObject({ kind: 'too many iterations', insn: 2 });
  });

  it('too many iterations in callbacks', () => {
    const text = `
      r1 = 1000
      r2 = fn_each ll
      r3 = 0
      r4 = 0
      call ${LOOP}
      exit
    fn_each:
      r0 = 0
      exit`;
    const lab = new Lab();
    expect(lab.load(variant, text, { fuel: 1000 }).run(lab.context)).toBe(1000);
    expect(fault(text, lab, { fuel: 999 })).toMatchObject({ kind: 'too many iterations', insn: 7 });
  });

  it('a ninth frame', () => {
    const text = `
      r1 = 8
      call fn_down
      exit
    fn_down:
      r0 = 0
      if r1 == 1 goto out
      r1 += -1
      call fn_down
    out:
      exit`;
    expect(fault(text)).toMatchObject({ kind: 'stack exhausted', insn: 6 });
  });

  it('endless recursion', () => {
    expect(fault('call fn_a\nexit\nfn_a:\ncall fn_a\nexit')).toMatchObject({
      kind: 'stack exhausted',
      insn: 2,
    });
  });

  it('recursion through callbacks', () => {
    const text = `
      r1 = 1
      r2 = fn_each ll
      r3 = 0
      r4 = 0
      call ${LOOP}
      exit
    fn_each:
      r1 = 1
      r2 = fn_each ll
      r3 = 0
      r4 = 0
      call ${LOOP}
      r0 = 0
      exit`;
    expect(fault(text)).toMatchObject({ kind: 'stack exhausted', insn: 7 });
  });

  it('helpers that do not exist', () => {
    const found = fault('r0 = 0\ncall 9999\nexit');
    expect(found).toMatchObject({ kind: 'no such helper', insn: 1, helper: 9999 });
    expect(found.message).toContain('helper 9999 is not available at insn 1');
  });

  it('undefined instructions, when they are reached', () => {
    const lab = new Lab();
    const image = imageOf('r0 = 3\nif r0 == 3 goto out\nr0 = 0\nout:\nexit');
    image.insns[16] = 0xff;
    expect(lab.load(variant, image).run(lab.context)).toBe(3);
    image.insns[4] = 4;
    const code = lab.load(variant, image);
    expect(faultOf(() => code.run(lab.context))).toMatchObject({
      kind: 'bad instruction',
      insn: 2,
    });
  });

  it('writes to the frame pointer', () => {
    expect(fault('r0 = 0\nr10 += 8\nexit')).toMatchObject({ kind: 'bad instruction', insn: 1 });
  });

  it('running off the end, of the program and of a function', () => {
    expect(fault('r0 = 0\nr0 += 1')).toMatchObject({ kind: 'bad instruction', insn: 2 });
    const text = 'call fn_a\nexit\nfn_a:\nr0 = 0\nfn_b:\nr0 = 1\nexit';
    expect(fault(text)).toMatchObject({ kind: 'bad instruction', insn: 3 });
  });

  it('jumps that leave the program or the function', () => {
    expect(fault('r0 = 0\nif r0 == 0 goto +100\nexit')).toMatchObject({
      kind: 'bad instruction',
      insn: 1,
    });
    const lab = new Lab();
    const text = 'r0 = 0\nif r0 == 1 goto -5\nexit';
    expect(lab.load(variant, text).run(lab.context)).toBe(0);
    const out = 'call fn_a\nexit\nfn_a:\nr0 = 0\ngoto -3\nexit';
    expect(fault(out)).toMatchObject({ kind: 'bad instruction', insn: 3 });
  });

  it('jumps into the second half of an ld_imm64', () => {
    expect(fault('goto +1\nr0 = 5 ll\nexit')).toMatchObject({ kind: 'bad instruction', insn: 2 });
  });

  it('names the program a tail call went to', () => {
    const lab = new Lab();
    const target = imageOf('r0 = *(u8 *)(r1 + 99)\nexit', { name: 'target' });
    const map = lab.programArray([lab.load(variant, target).entry]);
    const text = `r2 = ${lab.handle(map)} ll\nr3 = 0\ncall ${TAIL_CALL}\nr0 = 1\nexit`;
    expect(fault(text, lab)).toMatchObject({ program: 'target', insn: 0, kind: 'out of range' });
  });

  describe('helper arguments', () => {
    const refused = (text: string, lab: Lab) => {
      const found = fault(text, lab);
      expect(found.kind).toBe('bad helper argument');
      return found;
    };

    it('a map that is none', () => {
      const lab = new Lab();
      const found = refused(`r2 = r10\nr2 += -8\nr1 = 5\ncall ${MAP_LOOKUP}\nexit`, lab);
      expect(found).toMatchObject({ insn: 3, helper: MAP_LOOKUP, argument: 1, address: 5n });
      expect(found.message).toContain('helper 1 (bpf_map_lookup_elem) refuses argument 1: 0x5');
      const forged = hex((0xffff8003n << 32n) | 0x60010n);
      refused(`r2 = r10\nr2 += -8\nr1 = ${forged} ll\ncall ${MAP_LOOKUP}\nexit`, lab);
    });

    it('a key that is not all there', () => {
      const lab = new Lab();
      const map = lab.map({});
      const text = (offset: number) =>
        `r1 = ${lab.handle(map)} ll\nr2 = r10\nr2 += -${offset}\ncall ${MAP_LOOKUP}\nr0 = 0\nexit`;
      expect(lab.load(variant, text(4)).run(lab.context)).toBe(0);
      expect(refused(text(3), lab)).toMatchObject({ insn: 4, argument: 2, size: 4, write: false });
    });

    it('a value that is not all there', () => {
      const lab = new Lab();
      const map = lab.map({});
      const text = `
        r1 = ${lab.handle(map)} ll
        r2 = r10
        r2 += -8
        r3 = r10
        r3 += -7
        r4 = 0
        call ${MAP_UPDATE}
        exit`;
      expect(refused(text, lab)).toMatchObject({ insn: 7, argument: 3, size: 8 });
    });

    it('memory longer than its region, lengths that are negative or zero', () => {
      const lab = new Lab();
      const map = lab.map({});
      const text = (size: number) => `
        r1 = ${lab.handle(map)} ll
        r2 = r10
        r2 += -16
        r3 = ${size}
        r4 = 0
        call ${RINGBUF_OUTPUT}
        exit`;
      lab.runtime.setHostHelper(RINGBUF_OUTPUT, 4, (call) => call.returnInt(7));
      expect(lab.load(variant, text(16)).run(lab.context)).toBe(7);
      expect(lab.load(variant, text(0)).run(lab.context)).toBe(7);
      expect(refused(text(17), lab)).toMatchObject({ argument: 2, size: 17 });
      expect(refused(text(-1), lab)).toMatchObject({ argument: 3 });
    });

    it('a callback that is no function', () => {
      const found = refused(`r1 = 1\nr2 = r10\nr3 = 0\nr4 = 0\ncall ${LOOP}\nexit`, new Lab());
      expect(found).toMatchObject({ insn: 4, helper: LOOP, argument: 2 });
    });

    it('a function pointer that names no callback', () => {
      const lab = new Lab();
      const own = lab.load(variant, 'r1 = fn_x ll\nr0 = r1\nexit\nfn_x:\nr0 = 0\nexit');
      const pointer = lab.r0(own);
      const text = (value: bigint) =>
        `r1 = 3\nr2 = ${hex(value)} ll\nr3 = 0\nr4 = 0\ncall ${LOOP}\nexit`;
      expect(lab.load(variant, text(pointer)).run(lab.context)).toBe(3);
      const entry = ((pointer >> 32n) << 32n) | BigInt(own.entry);
      expect(refused(text(entry), lab)).toMatchObject({ argument: 2, address: entry });
      expect(refused(text(pointer + 0x100000n), lab)).toMatchObject({ argument: 2 });
    });

    it('a tail call without the context, or through another kind of map', () => {
      const lab = new Lab();
      const array = lab.programArray([]);
      const other = lab.map({});
      const text = (map: string, r1: string) =>
        `r2 = ${map} ll\nr3 = 0\n${r1}\ncall ${TAIL_CALL}\nr0 = 1\nexit`;
      expect(lab.load(variant, text(lab.handle(array), 'r4 = 0')).run(lab.context)).toBe(1);
      expect(refused(text(lab.handle(array), 'r1 = r10'), lab)).toMatchObject({
        insn: 4,
        argument: 1,
      });
      expect(refused(text(lab.handle(other), 'r4 = 0'), lab)).toMatchObject({ argument: 2 });
    });
  });

  it('stops a batch at the fault; the caller goes on with the next', () => {
    const lab = new Lab();
    const contexts = lab.runtime.allocate(64 * 5);
    const results = lab.runtime.allocate(4 * 5);
    const view = lab.runtime.view();
    for (let i = 0; i < 5; i++) {
      view.setUint32(contexts + 64 * i, lab.packet, true);
      view.setUint32(contexts + 64 * i + 4, lab.packet + (i === 2 ? 3 : 4), true);
    }
    const code = lab.load(
      variant,
      'r2 = *(u32 *)(r1 + 0)\nr0 = *(u32 *)(r2 + 0)\nr0 = *(u32 *)(r1 + 4)\nr0 -= r2\nexit',
    );
    expect(code.batch(contexts, 64, 5, results, 0)).toBe(2);
    expect(code.fault).toMatchObject({ kind: 'out of range', insn: 1 });
    expect(code.batch(contexts + 64 * 3, 64, 2, results + 4 * 3, 0)).toBe(2);
    expect(code.fault).toBeUndefined();
    const verdicts = [...lab.runtime.i32().subarray(results >> 2, (results >> 2) + 5)];
    expect(verdicts).toEqual([4, 4, 0, 4, 4]);
  });

  it('in a run that a helper started leaves the outer run going', () => {
    const lab = new Lab();
    const inner = lab.load(variant, 'r0 = *(u8 *)(r1 + 24)\nexit');
    lab.runtime.setHostHelper(HOST, 0, (call) => {
      expect(faultOf(() => inner.run(lab.context)).kind).toBe('out of range');
      call.returnInt(40);
    });
    const text = `
      *(u64 *)(r10 - 8) = 2
      r6 = r1
      call fn_a
      r1 = *(u64 *)(r10 - 8)
      r0 += r1
      r2 = *(u32 *)(r6 + 0)
      r3 = *(u8 *)(r2 + 0)
      exit
    fn_a:
      call ${HOST}
      exit`;
    expect(lab.load(variant, text).run(lab.context)).toBe(42);
  });
});

describe.each(variants)('ends of unchecked and checked code: $name', (variant) => {
  it('a helper that does not exist', () => {
    const lab = new Lab();
    const code = lab.load(variant, 'call 9999\nexit');
    expect(faultOf(() => code.run(lab.context))).toMatchObject({ kind: 'no such helper', insn: 0 });
  });

  it('an undefined instruction', () => {
    const lab = new Lab();
    const image = imageOf('r0 = 0\nexit');
    image.insns[0] = 0xff;
    const code = lab.load(variant, image);
    expect(faultOf(() => code.run(lab.context))).toMatchObject({
      kind: 'bad instruction',
      insn: 0,
    });
  });

  it('an address outside all memory', () => {
    const lab = new Lab();
    const code = lab.load(variant, 'r1 = 0xfffffff0 ll\nr0 = *(u64 *)(r1 + 0)\nexit');
    expect(faultOf(() => code.run(lab.context)).kind).toBe('out of range');
    expect(lab.load(variant, 'r0 = 1\nexit').run(lab.context)).toBe(1);
  });

  it('endless recursion', () => {
    const lab = new Lab();
    const code = lab.load(variant, 'call fn_a\nexit\nfn_a:\ncall fn_a\nr0 += 1\nexit');
    expect(faultOf(() => code.run(lab.context)).kind).toBe('stack exhausted');
    expect(lab.load(variant, 'r0 = 1\nexit').run(lab.context)).toBe(1);
  });
});

describe('traps without a record', () => {
  const image = imageOf('exit');
  const from = (error: Error) => faultFrom(error, new Lab().runtime, image);

  it('become faults when an unchecked program can cause them', () => {
    const { RuntimeError } = WebAssembly;
    expect(from(new RuntimeError('memory access out of bounds'))).toMatchObject({
      kind: 'out of range',
      insn: -1,
      message: 'test: access to an address outside memory',
    });
    expect(from(new RangeError('Maximum call stack size exceeded'))).toMatchObject({
      kind: 'stack exhausted',
    });
    expect(from(new RuntimeError('null function or function signature mismatch'))).toMatchObject({
      kind: 'bad pointer',
    });
    expect(from(new RuntimeError('operation does not support unaligned accesses'))).toMatchObject({
      kind: 'unaligned atomic',
    });
  });

  it('are our mistake otherwise', () => {
    expect(from(new WebAssembly.RuntimeError('unreachable'))).toBeInstanceOf(BugError);
    expect(from(new WebAssembly.RuntimeError('divide by zero'))).toBeInstanceOf(BugError);
  });

  it('other errors pass through', () => {
    const error = new TypeError('x');
    expect(from(error)).toBe(error);
  });
});
