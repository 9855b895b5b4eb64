#!/usr/bin/env node
// Turns the tracing of a running filter on and off. Needs a build.
//   node examples/static-keys/demo.mjs
import { createMachine } from '../../dist/index.js';

/** A UDP or ICMP packet from 10.0.0.`host`. */
function packet(host, port, protocol = 17) {
  const view = new DataView(new ArrayBuffer(64));
  view.setUint16(12, 0x0800);
  view.setUint8(14, 0x45);
  view.setUint8(23, protocol);
  view.setUint32(26, 0x0a000000 + host);
  view.setUint16(36, port);
  return new Uint8Array(view.buffer);
}

const traffic = [packet(1, 53), packet(2, 8080), packet(3, 0, 1)];

const host = await createMachine({ devices: { eth0: {} } });
const loaded = await host.load(new URL('tracing.bpf.o', import.meta.url));
const link = loaded.programs.filter.attach({ device: 'eth0' });
const tracing = loaded.key('tracing');
const strict = loaded.key('strict');

const show = (what) => {
  const verdicts = traffic.map((bytes) => host.devices.eth0.receive(bytes).verdict);
  const records = loaded.maps.events.kernelMap.drain();
  console.log(`${what.padEnd(22)} ${verdicts.join(' ').padEnd(16)} ${records.length} events`);
  for (const { data } of records) {
    const view = new DataView(data.buffer, data.byteOffset);
    const [a, b, c, d] = data;
    const verdict = view.getUint8(7) === 2 ? 'pass' : 'drop';
    console.log(`  ${a}.${b}.${c}.${d} port ${view.getUint16(4, true)} ${verdict}`);
  }
};

show('all keys off');
tracing.enable();
show('tracing on');
strict.enable();
show('tracing and strict on');
tracing.disable();
strict.disable();
show('all keys off again');
const { passed, dropped } = Object.fromEntries(
  ['passed', 'dropped'].map((name) => [name, loaded.globals.get(name)]),
);
console.log(`${passed} passed, ${dropped} dropped, counted throughout`);
link.detach();
