import { describe, expect, it } from 'vitest';
import { imageOf, Lab, variants } from './harness.ts';

const MAP_LOOKUP = 1;
const MAP_UPDATE = 2;
const FOR_EACH = 164;
const LOOP = 181;
/** A helper of our own. */
const HOST = 1000;

/** Low 32 bits of r0, signed, of a program run once. */
describe.each(variants)('$name', (variant) => {
  const result = (text: string, lab = new Lab()): number => {
    return lab.load(variant, text).run(lab.context);
  };

  it('returns the low half of r0 from run and all 64 bits at C_R0', () => {
    const lab = new Lab();
    const code = lab.load(variant, 'r0 = 0x1234567890abcdef ll\nexit');
    expect(code.run(lab.context)).toBe(0x90abcdef | 0);
    expect(lab.r0(code)).toBe(0x1234567890abcdefn);
  });

  it('starts with the context in r1, the frame in r10 and zeros elsewhere', () => {
    const lab = new Lab();
    const others = [0, 2, 3, 4, 5, 6, 7, 8, 9].map((r) => `r1 |= r${r}`).join('\n');
    const code = lab.load(variant, `r1 = 0\n${others}\nr0 = r1\nexit`);
    expect(lab.r0(code)).toBe(0n);
    const context = lab.r0(lab.load(variant, 'r0 = r1\nexit'));
    expect(context & 0xffffffffn).toBe(BigInt(lab.context));
    expect(context >> 32n).toBe(0xffff8001n);
    expect(lab.r0(lab.load(variant, 'r0 = r10\nexit')) >> 32n).toBe(0xffff8002n);
  });

  it('reads the context and the packet', () => {
    const lab = new Lab();
    lab.bytes(lab.packet, 4).set([1, 2, 3, 0x84]);
    expect(result('r2 = *(u32 *)(r1 + 0)\nr0 = *(u32 *)(r2 + 0)\nexit', lab)).toBe(0x84030201 | 0);
    expect(result('r2 = *(u32 *)(r1 + 0)\nr0 = *(s8 *)(r2 + 3)\nexit', lab)).toBe(-124);
  });

  it('calls subprograms with their arguments and keeps r6 to r9', () => {
    const text = `
      r6 = 1
      r7 = 20
      r8 = 300
      r9 = 4000
      r1 = 2
      r2 = 3
      r3 = 5
      r4 = 7
      r5 = 11
      call fn_sum
      r0 += r6
      r0 += r7
      r0 += r8
      r0 += r9
      exit
    fn_sum:
      r6 = 1000000
      r7 = r1
      r8 = 0
      r9 = 0
      r7 += r2
      r7 += r3
      r7 += r4
      r7 += r5
      r0 = r7
      r0 *= 10000
      exit`;
    expect(result(text)).toBe(28 * 10000 + 4321);
  });

  it('gives each frame 512 bytes of stack, and callees the callers memory', () => {
    const text = `
      *(u64 *)(r10 - 8) = 5
      r6 = r10
      r1 = r10
      r1 += -8
      call fn_add
      r0 -= r6
      r1 = *(u64 *)(r10 - 8)
      r1 <<= 16
      r0 += r1
      exit
    fn_add:
      *(u64 *)(r10 - 8) = 77
      r2 = *(u64 *)(r1 + 0)
      r2 += 1
      *(u64 *)(r1 + 0) = r2
      r0 = r10
      exit`;
    expect(result(text)).toBe((6 << 16) - 512);
  });

  it('recurses up to eight frames', () => {
    const text = `
      r1 = 7
      call fn_down
      exit
    fn_down:
      r0 = 0
      if r1 == 1 goto out
      r6 = r1
      r1 += -1
      call fn_down
      r0 += r6
    out:
      exit`;
    expect(result(text)).toBe(2 + 3 + 4 + 5 + 6 + 7);
  });

  it('runs callbacks of bpf_loop, which share the caller s memory through ctx', () => {
    const text = `
      *(u64 *)(r10 - 8) = 0
      r1 = 10
      r2 = fn_each ll
      r3 = r10
      r3 += -8
      r4 = 0
      call ${LOOP}
      r1 = *(u64 *)(r10 - 8)
      r1 *= 100
      r0 += r1
      exit
    fn_each:
      *(u64 *)(r10 - 8) = r1
      r3 = *(u64 *)(r2 + 0)
      r3 += r1
      *(u64 *)(r2 + 0) = r3
      r0 = 0
      if r1 != 6 goto out
      r0 = 1
    out:
      exit`;
    expect(result(text)).toBe(21 * 100 + 7);
  });

  it('runs callbacks within callbacks', () => {
    const text = `
      *(u64 *)(r10 - 8) = 0
      r1 = 3
      r2 = fn_outer ll
      r3 = r10
      r3 += -8
      r4 = 0
      call ${LOOP}
      r0 = *(u64 *)(r10 - 8)
      exit
    fn_outer:
      r3 = r2
      r1 = 4
      r2 = fn_inner ll
      r4 = 0
      call ${LOOP}
      r0 = 0
      exit
    fn_inner:
      r3 = *(u64 *)(r2 + 0)
      r3 += 1
      *(u64 *)(r2 + 0) = r3
      r0 = 0
      exit`;
    expect(result(text)).toBe(12);
  });

  it('walks a map with a callback', () => {
    const lab = new Lab();
    const map = lab.map({ maxEntries: 3 });
    const view = new DataView(new ArrayBuffer(12));
    for (const [key, value] of [
      [0, 10],
      [1, 200],
      [2, 3000],
    ] as const) {
      view.setUint32(0, key, true);
      view.setBigUint64(4, BigInt(value), true);
      expect(map.update(new Uint8Array(view.buffer, 0, 4), new Uint8Array(view.buffer, 4))).toBe(0);
    }
    const text = `
      *(u64 *)(r10 - 8) = 0
      r1 = ${lab.handle(map)} ll
      r2 = fn_each ll
      r3 = r10
      r3 += -8
      r4 = 0
      call ${FOR_EACH}
      r6 = r0
      r0 = *(u64 *)(r10 - 8)
      r6 *= 100000
      r0 += r6
      exit
    fn_each:
      r5 = *(u64 *)(r3 + 0)
      r1 = *(u64 *)(r4 + 0)
      r1 += r5
      r5 = *(u32 *)(r2 + 0)
      r1 += r5
      *(u64 *)(r4 + 0) = r1
      r0 = 0
      exit`;
    expect(result(text, lab)).toBe(300000 + 3210 + 3);
  });

  it('looks up and updates maps through helpers', () => {
    const lab = new Lab();
    const map = lab.map({ type: 1, maxEntries: 8 });
    const text = `
      *(u32 *)(r10 - 4) = 9
      *(u64 *)(r10 - 16) = 41
      r1 = ${lab.handle(map)} ll
      r2 = r10
      r2 += -4
      r3 = r10
      r3 += -16
      r4 = 0
      call ${MAP_UPDATE}
      if r0 != 0 goto bad
      r1 = ${lab.handle(map)} ll
      r2 = r10
      r2 += -4
      call ${MAP_LOOKUP}
      if r0 == 0 goto bad
      lock *(u64 *)(r0 + 0) += r10
      r1 = *(u64 *)(r0 + 0)
      r1 -= r10
      r0 = r1
      exit
    bad:
      r0 = -1
      exit`;
    expect(result(text, lab)).toBe(41);
  });

  it('reads and writes globals through map value addresses', () => {
    const lab = new Lab();
    const map = lab.map({ maxEntries: 1, valueSize: 64 });
    map.valueBytes(0).set([7], 40);
    const text = `
      r1 = ${lab.value(map, 40)} ll
      r0 = *(u8 *)(r1 + 0)
      r2 = r0
      r2 += 1
      *(u16 *)(r1 - 8) = r2
      exit`;
    expect(result(text, lab)).toBe(7);
    expect(map.valueBytes(0)[32]).toBe(8);
  });

  it('fetches, adds, exchanges atomically in both widths', () => {
    const text = `
      *(u64 *)(r10 - 8) = 0
      r1 = -1
      *(u64 *)(r10 - 8) = r1
      w2 = 2
      w2 = atomic_fetch_add((u32 *)(r10 - 8), w2)
      r6 = r2
      r6 >>= 31
      r3 = *(u64 *)(r10 - 8)
      r3 >>= 32
      r6 += r3
      r0 = 1
      r4 = 50
      w0 = cmpxchg32_32(r10 - 8, w0, w4)
      r6 += r0
      r5 = *(u32 *)(r10 - 8)
      r6 += r5
      r7 = 9
      r7 = xchg_64(r10 - 8, r7)
      r0 = *(u64 *)(r10 - 8)
      r0 += r6
      exit`;
    expect(result(text)).toBe((1 + 0xffffffff + 1 + 50 + 9) | 0);
  });

  it('divides by zero and by minus one as BPF wants it', () => {
    const text = `
      r6 = 0
      r1 = 7
      r1 /= r6
      r0 = r1
      r2 = 7
      r2 %= r6
      r0 += r2
      r3 = 0x8000000000000000 ll
      r4 = -1
      r3 s/= r4
      r3 >>= 60
      r0 += r3
      r5 = 0x8000000000000000 ll
      r5 s%= r4
      r0 += r5
      exit`;
    expect(result(text)).toBe(7 + 8);
  });

  it('lets may_goto fall through 8 Mi times per invocation', () => {
    const text = `
      r6 = 0
    again:
      may_goto out
      r6 += 1
      goto again
    out:
      r0 = r6
      exit`;
    expect(result(text)).toBe(8 * 1024 * 1024);
  });

  it('loads packet bytes the old way, and returns 0 past the end', () => {
    const lab = new Lab(20);
    lab.bytes(lab.packet, 20).set(Array.from({ length: 20 }, (_, i) => 0xa0 + i));
    const load = (text: string) => lab.r0(lab.load(variant, `r6 = r1\nr7 = 2\n${text}\nexit`));
    expect(load('r0 = *(u8 *)skb[3]')).toBe(0xa3n);
    expect(load('r0 = *(u16 *)skb[3]')).toBe(0xa3a4n);
    expect(load('r0 = *(u32 *)skb[r7 + 1]')).toBe(0xa3a4a5a6n);
    expect(load('r0 = *(u32 *)skb[16]\nr0 += 1')).toBe(0xb0b1b2b4n);
    expect(load('r0 = *(u32 *)skb[17]\nr0 = 5')).toBe(0n);
    // SKF_NET_OFF and SKF_LL_OFF
    expect(load('r0 = *(u8 *)skb[-0x100000]')).toBe(0xaen);
    expect(load('r0 = *(u8 *)skb[-0x1fffff]')).toBe(0xa1n);
    expect(load('r0 = *(u8 *)skb[-1]\nr0 = 5')).toBe(0n);
  });

  it('returns 0 from the subprogram when an old packet load misses', () => {
    const text = `
      r6 = r1
      call fn_load
      r0 += 3
      exit
    fn_load:
      r6 = r1
      r0 = *(u8 *)skb[1000]
      r0 = 9
      exit`;
    expect(result(text)).toBe(3);
  });

  it('forgets what r0 was when an old packet load misses', () => {
    expect(result('r6 = r1\nr0 = 63\nr0 = *(u8 *)skb[1000]\nexit')).toBe(0);
  });

  it('counts nothing behind a packet load that misses or a tail call that succeeds', () => {
    const lab = new Lab();
    const load = lab.load(variant, 'r6 = r1\nr0 = *(u8 *)skb[1000]\nr1 = 0\nexit', {
      profile: true,
    });
    load.run(lab.context);
    expect([...load.counts()]).toEqual([1, 1, 0, 0]);
    const map = lab.programArray([lab.load(variant, 'r0 = 1\nexit').entry]);
    const text = `r2 = ${lab.handle(map)} ll\nr3 = 0\ncall 12\nr0 = 0\nexit`;
    const call = lab.load(variant, text, { profile: true });
    call.run(lab.context);
    expect([...call.counts()]).toEqual([1, 0, 1, 1, 0, 0]);
  });

  it('runs over a batch, with the clock from the times', () => {
    const lab = new Lab();
    const count = 5;
    const contexts = lab.runtime.allocate(64 * count);
    const results = lab.runtime.allocate(4 * count);
    const times = lab.runtime.allocate(8 * count);
    const view = lab.runtime.view();
    for (let i = 0; i < count; i++) {
      view.setUint32(contexts + 64 * i + 12, i * 10, true);
      view.setBigUint64(times + 8 * i, BigInt(i * 1000), true);
    }
    const text = `
      r6 = *(u32 *)(r1 + 12)
      call 5
      r0 += r6
      exit`;
    const code = lab.load(variant, text);
    expect(code.batch(contexts, 64, count, results, times)).toBe(count);
    expect(code.fault).toBeUndefined();
    const verdicts = [...lab.runtime.i32().subarray(results >> 2, (results >> 2) + count)];
    expect(verdicts).toEqual([0, 1010, 2020, 3030, 4040]);
    expect(lab.runtime.clock).toBe(4000n);
  });

  it('gives every program of a batch its own context and fresh registers', () => {
    const lab = new Lab();
    const contexts = lab.runtime.allocate(64 * 3);
    const results = lab.runtime.allocate(4 * 3);
    const verdicts = (text: string): number[] => {
      const code = lab.load(variant, text);
      expect(code.batch(contexts, 64, 3, results, 0)).toBe(3);
      code.dispose();
      return [...lab.runtime.i32().subarray(results >> 2, (results >> 2) + 3)];
    };
    const each = [contexts, contexts + 64, contexts + 128];
    expect(verdicts('r0 = r1\nexit')).toEqual(each);
    expect(verdicts('r6 = r1\nr6 *= 1\nr0 = r6\nexit')).toEqual(each);
    expect(verdicts('*(u64 *)(r10 - 8) = r1\nr0 = *(u64 *)(r10 - 8)\nexit')).toEqual(each);
    expect(verdicts('call fn_a\nexit\nfn_a:\nr0 = r1\nexit')).toEqual(each);
    const twoEntries = 'if r5 s< r10 goto in\nagain:\nr2 = 0\nin:\nr7 += -1\nif r7 s> 0 goto again';
    expect(verdicts(`r6 = r1\n${twoEntries}\nif r0 == 0 goto +0\nr0 += r6\nexit`)).toEqual(each);
    const loop = 'again:\nr7 += 1\nif r7 s< 3 goto again';
    expect(verdicts(`r6 = r1\n${loop}\nr0 = r6\nexit`)).toEqual(each);
    expect(verdicts(`r6 = r1\n${loop}\nr0 = r7\nexit`)).toEqual([3, 3, 3]);
    expect(verdicts(`${loop}\nr0 = *(u64 *)(r10 - 8)\nr0 = r1\nexit`)).toEqual(each);
    expect(verdicts('r6 = r1\nif r6 == 5 goto +1\nr6 *= 1\nr0 *= 31\nr0 += r6\nexit')).toEqual(
      each,
    );
    expect(verdicts('r5 += 1\nr9 += 2\nr0 += r5\nr0 += r9\nexit')).toEqual([3, 3, 3]);
    const own = lab.r0(lab.load(variant, 'r0 = r10\nexit'));
    expect(verdicts('r0 = r10\nexit')).toEqual([0, 1, 2].map(() => Number(own & 0xffffffffn)));
  });

  it('counts executions per instruction', () => {
    const lab = new Lab();
    const text = `
      r6 = 5
      r0 = 0
    again:
      r1 = r6
      call fn_twice
      r6 += -1
      if r6 != 0 goto again
      exit
    fn_twice:
      r2 = 0x100000000 ll
      r0 += r1
      exit`;
    const code = lab.load(variant, text, { profile: true });
    code.run(lab.context);
    code.run(lab.context);
    expect([...code.counts()]).toEqual([2, 2, 10, 10, 10, 10, 2, 10, 0, 10, 10]);
  });

  it('runs programs from the body of a helper in JavaScript', () => {
    const lab = new Lab();
    const inner = lab.load(variant, '*(u64 *)(r10 - 8) = 99\nr0 = *(u64 *)(r10 - 8)\nexit');
    lab.runtime.setHostHelper(HOST, 0, (call) => call.returnInt(inner.run(lab.context) + 1));
    const text = `
      r6 = r1
      *(u64 *)(r10 - 8) = 7
      call ${HOST}
      r1 = *(u64 *)(r10 - 8)
      r0 += r1
      r2 = *(u32 *)(r6 + 0)
      exit`;
    expect(result(text, lab)).toBe(107);
  });

  it('passes on what a helper in JavaScript throws, and can run again', () => {
    const lab = new Lab();
    let fail = true;
    lab.runtime.setHostHelper(HOST, 0, (call) => {
      if (fail) throw new RangeError('no');
      call.returnInt(3);
    });
    const text = `call fn_a\nexit\nfn_a:\ncall ${HOST}\nr0 += r10\nr0 -= r10\nexit`;
    const code = lab.load(variant, text);
    expect(() => code.run(lab.context)).toThrow(new RangeError('no'));
    fail = false;
    expect(code.run(lab.context)).toBe(3);
  });

  it('has an entry in the function table', () => {
    const lab = new Lab();
    const code = lab.load(variant, imageOf('r0 = -2\nexit'));
    const entry = lab.runtime.table.get(code.entry) as (context: number) => bigint;
    expect(entry(lab.context)).toBe(-2n);
  });
});
