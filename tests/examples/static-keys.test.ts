import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createMachine } from '../../src/index.ts';

const object = readFileSync(new URL('../../examples/static-keys/tracing.bpf.o', import.meta.url));

/** A packet of a protocol to a port. */
function packet(port: number, protocol = 17): Uint8Array {
  const view = new DataView(new ArrayBuffer(64));
  view.setUint16(12, 0x0800);
  view.setUint8(14, 0x45);
  view.setUint8(23, protocol);
  view.setUint32(26, 0x0a00_0001);
  view.setUint16(36, port);
  return new Uint8Array(view.buffer);
}

test.each(['wasm', 'interpreter'] as const)(
  'a filter at a device follows its keys: %s',
  async (engine) => {
    using host = await createMachine({ engine, devices: { eth0: {} } });
    const loaded = await host.load(object);
    using _link = loaded.programs['filter']!.attach({ device: 'eth0' });
    const traffic = [packet(53), packet(80), packet(0, 1)];
    const round = () => {
      const verdicts = traffic.map((bytes) => host.devices.eth0.receive(bytes).verdict);
      return [...verdicts, loaded.maps['events']!.kernelMap.drain().length];
    };
    const [tracing, strict] = [loaded.key('tracing'), loaded.key('strict')];
    expect(round()).toEqual(['drop', 'pass', 'pass', 0]);
    tracing.enable();
    expect(round()).toEqual(['drop', 'pass', 'pass', 3]);
    strict.enable();
    expect(round()).toEqual(['drop', 'pass', 'drop', 3]);
    tracing.disable();
    expect(round()).toEqual(['drop', 'pass', 'drop', 0]);
    strict.disable();
    expect(round()).toEqual(['drop', 'pass', 'pass', 0]);
    expect([loaded.globals.get('passed'), loaded.globals.get('dropped')]).toEqual([8n, 7n]);
  },
);
