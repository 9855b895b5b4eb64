import { describe, expect, it } from 'vitest';
import { helperId } from '../../src/abi/index.ts';
import { userRingReserve } from '../../src/runtime/index.ts';
import {
  CPU_REGIONS,
  C_CALLCHAIN,
  G_CGROUP,
  GLOBALS,
  REGION_OBJECT,
  REGION_SIZE,
  R_END,
  R_START,
  TAG_BASE,
} from '../../src/runtime/layout.ts';
import type { RuntimeMap, RuntimeOwner } from '../../src/runtime/types.ts';
import { definition } from '../runtime/map-harness.ts';
import { faultOf, Lab, variants } from './harness.ts';

const call = (name: string): string => `call ${helperId(name)!}`;
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer);

/** Text of a pointer to the owner's object, which may be read from now on. */
function pointerTo(lab: Lab, owner: RuntimeOwner): string {
  const record = (lab.runtime.cpuBlock + CPU_REGIONS + REGION_OBJECT * REGION_SIZE) >>> 2;
  lab.runtime.u32()[record + R_START / 4] = owner.object;
  lab.runtime.u32()[record + R_END / 4] = owner.object + 64;
  const tag = BigInt.asUintN(32, BigInt(TAG_BASE + REGION_OBJECT));
  return `0x${((tag << 32n) | BigInt(owner.object)).toString(16)} ll`;
}

describe.each(variants)('$name', (variant) => {
  describe('bpf_user_ringbuf_drain', () => {
    /** Adds up the first u32 of every record; stops at one that is 99. r0: what drain returned. */
    const drain = (lab: Lab, map: RuntimeMap, flags = 0): [result: bigint, sum: number] => {
      const sums = lab.map({ type: 2, valueSize: 8, maxEntries: 1 });
      const text = `
        r1 = ${lab.handle(map)} ll
        r2 = fn_each ll
        r3 = 0
        r4 = ${flags}
        ${call('user_ringbuf_drain')}
        exit
      fn_each:
        r3 = r1
        r1 = r10
        r1 += -8
        *(u64 *)(r10 - 8) = 0
        r2 = 4
        r4 = 0
        r5 = 0
        ${call('dynptr_read')}
        r6 = *(u32 *)(r10 - 8)
        r1 = ${lab.value(sums)} ll
        r2 = *(u64 *)(r1 + 0)
        r2 += r6
        *(u64 *)(r1 + 0) = r2
        r0 = 0
        if r6 != 99 goto done
        r0 = 1
      done:
        exit`;
      const result = BigInt.asIntN(64, lab.r0(lab.load(variant, text)));
      const sum = new Uint8Array(8);
      sums.lookup(u32(0), sum);
      return [result, new DataView(sum.buffer).getUint32(0, true)];
    };

    const put = (lab: Lab, map: RuntimeMap, value: number, size = 4): number => {
      const record = userRingReserve(lab.runtime, map, size);
      if (typeof record === 'number') return record;
      if (size > 0) record.bytes().set(u32(value));
      record.submit();
      return 0;
    };

    const fresh = (): [Lab, RuntimeMap] => {
      const lab = new Lab();
      return [lab, lab.runtime.createMap(definition('user_ringbuf'))];
    };

    it('calls back with each record and counts them', () => {
      const [lab, map] = fresh();
      expect(drain(lab, map)).toEqual([0n, 0]);
      for (const value of [5, 6, 7]) expect(put(lab, map, value)).toBe(0);
      expect(drain(lab, map)).toEqual([3n, 18]);
      expect(drain(lab, map)).toEqual([0n, 0]);
    });

    it('stops when the callback has enough', () => {
      const [lab, map] = fresh();
      for (const value of [1, 99, 5]) put(lab, map, value);
      expect(drain(lab, map)).toEqual([2n, 100]);
      expect(drain(lab, map)).toEqual([1n, 5]);
    });

    it('waits for a record that is not finished and skips discarded ones', () => {
      const [lab, map] = fresh();
      const skipped = userRingReserve(lab.runtime, map, 8);
      const open = userRingReserve(lab.runtime, map, 4);
      put(lab, map, 3);
      expect(drain(lab, map)).toEqual([0n, 0]);
      if (typeof skipped === 'number' || typeof open === 'number') throw new Error('no room');
      skipped.discard();
      expect(drain(lab, map)).toEqual([0n, 0]);
      open.bytes().set(u32(2));
      open.submit();
      expect(drain(lab, map)).toEqual([2n, 5]);
    });

    it('goes round the ring, record by record', () => {
      const [lab, map] = fresh();
      for (let i = 1; i <= 40; i++) {
        expect(put(lab, map, i, 1000 + i)).toBe(0);
        expect(put(lab, map, i, 500)).toBe(0);
        expect(drain(lab, map)).toEqual([2n, 2 * i]);
      }
    });

    it('tells writers when there is no room: now, or ever', () => {
      const [lab, map] = fresh();
      expect(put(lab, map, 1, 4089)).toBe(-7);
      expect(put(lab, map, 1, 4088)).toBe(0);
      expect(put(lab, map, 1, 0)).toBe(-28);
      expect(drain(lab, map)).toEqual([1n, 1]);
      expect(put(lab, map, 1, 0)).toBe(0);
    });

    it('believes nothing that user space writes', () => {
      const [lab, map] = fresh();
      const word = (at: number) => (map.address + 128 + at) >>> 2;
      const base = lab.runtime.u32()[word(0)]!;
      const set = (at: number, value: number) => {
        lab.runtime.u32()[(base + at) >>> 2] = value;
      };
      set(8192, 7);
      expect(drain(lab, map)[0]).toBe(-22n);
      set(8192, 16);
      set(12288, 4096);
      expect(drain(lab, map)[0]).toBe(-22n);
      set(8192, 8200);
      expect(drain(lab, map)[0]).toBe(-7n);
      set(12288, 0x80000004);
      expect(drain(lab, map)[0]).toBe(0n);
    });

    it('wakes writers when it has taken something, unless told otherwise', () => {
      const [lab, map] = fresh();
      const wakeups = () =>
        (lab.runtime.exports['user_ringbuf_wakeups'] as (map: number) => number)(map.address);
      drain(lab, map);
      expect(wakeups()).toBe(0);
      drain(lab, map, 2);
      expect(wakeups()).toBe(1);
      put(lab, map, 1);
      drain(lab, map, 1);
      expect(wakeups()).toBe(1);
      put(lab, map, 1);
      drain(lab, map);
      expect(wakeups()).toBe(2);
    });

    it('refuses unknown flags and other maps', () => {
      const [lab, map] = fresh();
      expect(drain(lab, map, 4)[0]).toBe(-22n);
      expect(drain(lab, lab.runtime.createMap(definition('ringbuf')))[0]).toBe(-22n);
    });
  });

  describe.each([
    ['task', 'task_storage'],
    ['inode', 'inode_storage'],
    ['socket', 'sk_storage'],
    ['cgroup', 'cgrp_storage'],
  ] as const)('storage of a %s', (kind, type) => {
    /** Adds 5 to the owner's value, made with 100 if it is not there; r0: the value, or -1. */
    const count = (lab: Lab, map: RuntimeMap, owner: RuntimeOwner, flags: number): bigint => {
      const text = `
        *(u64 *)(r10 - 8) = 100
        r1 = ${lab.handle(map)} ll
        r2 = ${pointerTo(lab, owner)}
        r3 = r10
        r3 += -8
        r4 = ${flags}
        ${call(`${type}_get`)}
        if r0 == 0 goto none
        r1 = *(u64 *)(r0 + 0)
        r1 += 5
        *(u64 *)(r0 + 0) = r1
        r0 = r1
        exit
      none:
        r0 = -1
        exit`;
      return BigInt.asIntN(64, lab.r0(lab.load(variant, text)));
    };

    it('is made on demand, seen by bpf(2), and dies with its owner', () => {
      const lab = new Lab();
      const map = lab.runtime.createMap(definition(type));
      const [one, other] = [lab.runtime.createOwner(kind), lab.runtime.createOwner(kind)];
      expect(count(lab, map, one, 0)).toBe(-1n);
      expect(count(lab, map, one, 2)).toBe(-1n);
      expect(count(lab, map, one, 1)).toBe(105n);
      expect(count(lab, map, one, 1)).toBe(110n);
      expect(count(lab, map, other, 1)).toBe(105n);
      const out = new Uint8Array(8);
      expect(map.lookup(u32(one.number), out)).toBe(0);
      expect(out).toEqual(u64(110n));
      expect(map.update(u32(one.number), u64(7n))).toBe(0);
      expect(count(lab, map, one, 0)).toBe(12n);
      one.free();
      expect(map.lookup(u32(one.number), out)).toBe(-9);
      expect(count(lab, map, one, 1)).toBe(-1n);
      expect(count(lab, map, other, 0)).toBe(110n);
    });

    it('is deleted by programs', () => {
      const lab = new Lab();
      const map = lab.runtime.createMap(definition(type));
      const owner = lab.runtime.createOwner(kind);
      const text = `
        r1 = ${lab.handle(map)} ll
        r2 = ${pointerTo(lab, owner)}
        ${call(`${type}_delete`)}
        exit`;
      const remove = lab.load(variant, text);
      expect(remove.run(lab.context)).toBe(-2);
      map.update(u32(owner.number), u64(1n));
      expect(remove.run(lab.context)).toBe(0);
      expect(remove.run(lab.context)).toBe(-2);
    });

    it('does not know objects nobody registered', () => {
      const lab = new Lab();
      const map = lab.runtime.createMap(definition(type));
      const owner = lab.runtime.createOwner(kind);
      const stranger = { ...owner, object: lab.runtime.allocate(64) } as RuntimeOwner;
      expect(count(lab, map, stranger, 1)).toBe(-1n);
    });
  });

  describe('bpf_get_stackid', () => {
    const setStack = (lab: Lab, kernel: bigint[], user: bigint[]): void => {
      const chain = lab.runtime.allocate(8 + 8 * (kernel.length + user.length), 16);
      const view = lab.runtime.view();
      view.setUint32(chain, kernel.length, true);
      view.setUint32(chain + 4, user.length, true);
      [...kernel, ...user].forEach((ip, i) => view.setBigUint64(chain + 8 + 8 * i, ip, true));
      lab.runtime.u32()[(lab.runtime.cpuBlock + C_CALLCHAIN) >>> 2] = chain;
    };
    const stackId = (lab: Lab, map: RuntimeMap, flags: number): number => {
      const text = `r2 = ${lab.handle(map)} ll\nr3 = ${flags}\n${call('get_stackid')}\nexit`;
      return lab.load(variant, text).run(lab.context);
    };

    it('gives equal stacks one id, and bpf(2) the addresses', () => {
      const lab = new Lab();
      const map = lab.runtime.createMap(
        definition('stack_trace', { valueSize: 24, maxEntries: 4096 }),
      );
      expect(stackId(lab, map, 0)).toBe(-14);
      setStack(lab, [1n, 2n, 3n, 4n], [70n, 80n]);
      const id = stackId(lab, map, 0);
      // jhash2 of the three addresses, from an implementation of its own.
      expect(id).toBe(0xb273a143 & 4095);
      expect(stackId(lab, map, 0)).toBe(id);
      const out = new Uint8Array(24);
      expect(map.lookup(u32(id), out)).toBe(0);
      expect([...new BigUint64Array(out.buffer)]).toEqual([1n, 2n, 3n]);
      const user = stackId(lab, map, 256);
      expect(user).toBeGreaterThanOrEqual(0);
      expect(map.lookup(u32(user), out)).toBe(0);
      expect([...new BigUint64Array(out.buffer)]).toEqual([70n, 80n, 0n]);
      const skipped = stackId(lab, map, 1);
      map.lookup(u32(skipped), out);
      expect([...new BigUint64Array(out.buffer)]).toEqual([2n, 3n, 4n]);
      expect(stackId(lab, map, 4)).toBe(-14);
      expect(stackId(lab, map, 1 << 11)).toBe(-22);
    });

    it('two stacks of one bucket: EEXIST, or the newer one with BPF_F_REUSE_STACKID', () => {
      const lab = new Lab();
      const map = lab.runtime.createMap(definition('stack_trace', { maxEntries: 1 }));
      setStack(lab, [1n], []);
      expect(stackId(lab, map, 0)).toBe(0);
      setStack(lab, [2n], []);
      expect(stackId(lab, map, 0)).toBe(-17);
      // The one element is in use, as Linux takes the new one first.
      expect(stackId(lab, map, 1024)).toBe(-12);
      expect(map.delete(u32(0))).toBe(0);
      expect(stackId(lab, map, 0)).toBe(0);
    });
  });

  it('bpf_current_task_under_cgroup', () => {
    const lab = new Lab();
    const { runtime } = lab;
    const map = runtime.createMap(definition('cgroup_array'));
    const above = runtime.createOwner('cgroup');
    const below = runtime.createOwner('cgroup', { parent: above });
    const under = (index: number): number => {
      const text = `
        r1 = ${lab.handle(map)} ll
        r2 = ${index}
        ${call('current_task_under_cgroup')}
        exit`;
      return lab.load(variant, text).run(lab.context);
    };
    expect(under(0)).toBe(-11);
    expect(under(4)).toBe(-7);
    map.update(u32(0), u32(above.number));
    map.update(u32(1), u32(below.number));
    runtime.view().setUint32(GLOBALS + G_CGROUP, below.number, true);
    expect([under(0), under(1)]).toEqual([1, 1]);
    runtime.view().setUint32(GLOBALS + G_CGROUP, above.number, true);
    expect([under(0), under(1)]).toEqual([1, 0]);
    runtime.view().setUint32(GLOBALS + G_CGROUP, below.number, true);
    above.free();
    expect([under(0), under(1)]).toEqual([-11, 1]);
    below.free();
    expect(under(1)).toBe(-11);
  });

  it.each(['cgroup_storage', 'percpu_cgroup_storage'])('bpf_get_local_storage of %s', (type) => {
    const lab = new Lab();
    const map = lab.runtime.createMap(definition(type));
    const exported = lab.runtime.exports as Record<string, (...args: unknown[]) => number>;
    const element = exported['cgroup_storage_link']!(map.address, 42n, 3);
    const text = `
      r1 = ${lab.handle(map)} ll
      r2 = 0
      ${call('get_local_storage')}
      r1 = *(u64 *)(r0 + 0)
      r1 += 1
      *(u64 *)(r0 + 0) = r1
      r0 = r1
      exit`;
    const code = lab.load(variant, text);
    exported[`${type}_enter`]!(map.address, element);
    expect([code.run(lab.context), code.run(lab.context)]).toEqual([1, 2]);
    const key = new Uint8Array(16);
    expect(map.nextKey(undefined, key)).toBe(0);
    expect(key).toEqual(Uint8Array.of(42, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0));
    const out = new Uint8Array(8);
    expect(map.lookup(key, out)).toBe(0);
    expect(out).toEqual(u64(2n));
    expect(map.update(key, u64(10n))).toBe(0);
    expect(code.run(lab.context)).toBe(11);
    expect(map.update(key, u64(10n), 1)).toBe(-22);
    expect(map.delete(key)).toBe(-22);
    expect(map.nextKey(key, key)).toBe(-2);
    exported['cgroup_storage_unlink']!(map.address, element);
    expect(map.lookup(key, out)).toBe(-2);
  });

  it('an arena: programs and user space write the same bytes, by one address', () => {
    const lab = new Lab();
    const map = lab.runtime.createMap(definition('arena', { maxEntries: 4 }));
    using view = map.mmap();
    view.bytes()[4] = 7;
    const text = `
      r1 = ${lab.value(map, 4)} ll
      r2 = addr_space_cast(r1, 0, 1)
      r3 = *(u8 *)(r2 + 0)
      r3 += 1
      *(u8 *)(r2 + 1) = r3
      r0 = addr_space_cast(r2, 1, 0)
      exit`;
    const code = lab.load(variant, text);
    expect(`0x${lab.r0(code).toString(16)}`).toBe(lab.value(map, 4));
    expect(view.size).toBe(4 * 4096);
    expect(view.bytes().subarray(4, 6)).toEqual(Uint8Array.of(7, 8));
  });
});

describe.each(variants.filter(({ checks }) => checks))('$name', (variant) => {
  it('a pointer beyond the arena is a fault', () => {
    const lab = new Lab();
    const map = lab.runtime.createMap(definition('arena', { maxEntries: 1 }));
    const code = lab.load(variant, `r1 = ${lab.value(map, 4093)} ll\nr0 = *(u32 *)(r1 + 0)\nexit`);
    expect(faultOf(() => code.run(lab.context)).kind).toBe('out of range');
  });
});
