import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createMachine, type LiveStruct } from '../../src/index.ts';

const object = readFileSync(new URL('../../examples/live-views/live.bpf.o', import.meta.url));

interface Traffic {
  packets: bigint;
  bytes: bigint;
  largest: number;
}

/** A packet of a protocol. */
function packet(protocol: number, length: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  view.setUint16(12, 0x0800);
  view.setUint8(14, 0x45);
  view.setUint8(23, protocol);
  return new Uint8Array(view.buffer);
}

test.each(['wasm', 'interpreter'] as const)('views follow what is counted: %s', async (engine) => {
  using host = await createMachine({ engine });
  const { programs, maps } = await host.load(object);
  const [udp, tcp] = [17, 6].map((number) => {
    return maps['protocols']!.view(number) as unknown as LiveStruct<Traffic>;
  });
  for (const length of [80, 1200, 300]) {
    programs['count']!.run({ data: packet(17, length), repeat: 5 });
    expect(udp!.bytes).toBe(maps['protocols']!.get(17)!['bytes' as never]);
  }
  expect(udp!.$copy()).toEqual({ packets: 15n, bytes: 7900n, largest: 1200 });
  expect(tcp!.packets).toBe(0n);
  programs['count']!.run({ data: packet(6, 64) });
  expect([tcp!.packets, tcp!.$number('bytes'), udp!.packets]).toEqual([1n, 64, 15n]);
});
