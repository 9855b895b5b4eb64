// `node examples/own-kfunc/app.mjs`: an XDP program that calls kernel functions written here.
import { createMachine } from 'beeyard';
import * as kfuncs from './kfuncs.mjs';

const host = await createMachine({ devices: { eth0: {} }, kfuncs: Object.values(kfuncs) });
const { programs, globals } = await host.load(new URL('limit.bpf.o', import.meta.url));
programs.limit.attach({ device: 'eth0' });

const packet = new Uint8Array(60);
packet.set([0x08, 0x00, 0x45], 12);
packet.set([10, 0, 0, 1], 26);
for (let i = 1; i <= 5; i++) {
  console.log(`packet ${i}: ${host.devices.eth0.receive(packet).verdict}`);
}
console.log('bytes that passed, summed up:', globals.get('passed_bytes') & 0xffffffffn);
host[Symbol.dispose]();
