// node --import beeyard/register app.mjs
// @ts-check
import { createMachine } from 'beeyard';
import ratelimit from './ratelimit.bpf.o';

const host = await createMachine({ devices: { eth0: {} } });
const { programs, maps } = await host.load(ratelimit, { globals: { limit: 3n } });
programs.ratelimit.attach({ device: 'eth0' });

const packet = new Uint8Array(60);
packet.set([0x08, 0x00, 0x45], 12);
packet.set([10, 0, 0, 1], 26);
for (let i = 1; i <= 5; i++) {
  console.log(`packet ${i}: ${host.devices.eth0.receive(packet).verdict}`);
}
console.log('10.0.0.1:', maps.seen.get('10.0.0.1'));
host[Symbol.dispose]();
