import { expect, test } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import { kernelStructOf } from '../../src/machine/struct-ops.ts';
import type { MapSpec } from '../../src/object/index.ts';
import { newMap, u32, valueOf } from './map-harness.ts';

const LINK = 8192;
const EBUSY = -16;
const EINVAL = -22;
const EOPNOTSUPP = -95;
const EINPROGRESS = -115;
const KEY = u32(0);

/** refcnt and state of struct bpf_struct_ops_common_value. */
const common = (value: Uint8Array | number): number[] => [
  ...new Uint32Array((value as Uint8Array).slice(0, 8).buffer),
];

function table(): Uint8Array {
  const value = new Uint8Array(128);
  value[64] = 5;
  return value;
}

test('without a link the update registers the table, once', () => {
  const { map } = newMap('struct_ops', { flags: 0 });
  expect(common(valueOf(map, KEY))).toEqual([0, 0]);
  expect(map.delete(KEY)).toBe(-2);
  expect(map.update(KEY, table())).toBe(0);
  expect(common(valueOf(map, KEY))).toEqual([1, 1]);
  expect((valueOf(map, KEY) as Uint8Array)[64]).toBe(5);
  expect(map.update(KEY, table())).toBe(EBUSY);
  expect(map.delete(KEY)).toBe(0);
  expect(common(valueOf(map, KEY))).toEqual([0, 2]);
  expect(map.delete(KEY)).toBe(EINPROGRESS);
  expect(map.update(KEY, table())).toBe(EBUSY);
});

test('with a link the table waits for it', () => {
  const { map } = newMap('struct_ops', { flags: LINK });
  expect(map.update(KEY, table())).toBe(0);
  expect(common(valueOf(map, KEY))).toEqual([0, 3]);
  expect(map.update(KEY, table())).toBe(EBUSY);
  expect(map.delete(KEY)).toBe(EOPNOTSUPP);
});

test('state and reference count are the kernel’s; holes stay zero', () => {
  const members = new Uint8Array(128).fill(1, 0, 8).fill(1, 64, 72);
  const { map } = newMap('struct_ops', { kernelType: { size: 128, members } });
  const changed = (at: number) => map.update(KEY, table().fill(1, at, at + 1));
  expect([changed(0), changed(4), changed(8), changed(72), changed(127)]).toEqual(
    Array(5).fill(EINVAL),
  );
  expect(changed(71)).toBe(0);
});

test('the kernel’s struct around a table, with its members', async () => {
  const profile = await loadKernelProfile();
  const of = (kernelStruct: string) => kernelStructOf({ kernelStruct } as MapSpec, profile);
  const tcp = of('tcp_congestion_ops');
  if (tcp === 'unknown') throw new Error('Linux has it');
  const btf = profile.btf();
  const size = btf.sizeOf(btf.find('struct', 'bpf_struct_ops_tcp_congestion_ops')!);
  expect(tcp.size).toBe(size);
  expect([...tcp.members!.subarray(0, 8)]).toEqual(Array(8).fill(1));
  expect([...tcp.members!.subarray(8, 64)]).toEqual(Array(56).fill(0));
  expect(tcp.members![64]).toBe(1);
  expect(of('made_up')).toBe('unknown');
  expect(kernelStructOf({ kernelStruct: 'tcp_congestion_ops' } as MapSpec, undefined)).toBe(
    'unknown',
  );
});
