#!/usr/bin/env node
// A client asks a backend through a proxy, once with a proxy that copies in user space and once with
// one whose connections are in a sockhash. Needs a build (npm run build).
import { readFileSync } from 'node:fs';
import { createMachine, pod } from 'beeyard';
import { Proxy } from './proxy.mjs';

const object = readFileSync(new URL('proxy.bpf.o', import.meta.url));
const MIB = Number(process.argv[2] ?? 8);
const PIECE = 32_768;
const addresses = { client: '10.0.0.2', proxy: '10.0.0.3', backend: '10.0.0.4' };

/** Sends `MIB` through a proxy to an echo server; what came of it. */
async function run(title, withMap) {
  const namespaces = Object.fromEntries(
    Object.entries(addresses).map(([name, address]) => [name, pod({ address })]),
  );
  const host = await createMachine({ namespaces });
  const { client, proxy: middle, backend } = host.namespaces;
  const server = backend.socket({ type: 'tcp', port: 80 }).listen();
  const loaded = withMap ? await host.load(object) : undefined;
  if (loaded) loaded.programs.forward.attach({ map: loaded.maps.peers });
  const to = { address: addresses.backend, port: 80 };
  const proxy = new Proxy(middle, { port: 8080, to, maps: loaded?.maps });
  const near = client.connect({ type: 'tcp', to: { address: addresses.proxy, port: 8080 } });
  proxy.work();
  const far = server.accept();
  const start = performance.now();
  const wrong = converse(near, far, proxy);
  const ms = performance.now() - start;
  const { copied, calls } = proxy;
  const moved = loaded ? Number(loaded.globals.get('bytes')) : 0;
  console.log(
    `${title}: ${MIB} MiB there and back, ${wrong} wrong bytes; user space copied ${copied} bytes ` +
      `in ${calls} calls, the program moved ${moved}; ${((2 * MIB * 1000) / ms).toFixed(0)} MiB/s`,
  );
  near.close();
  proxy.work();
  return wrong === 0 && copied === (withMap ? 0 : 2 * MIB * 2 ** 20);
}

/** Sends pieces, and has the far end send them back. */
function converse(near, far, proxy) {
  const piece = Uint8Array.from({ length: PIECE }, (_, i) => (i * 7) & 255);
  let wrong = 0;
  for (let sent = 0; sent < MIB * 2 ** 20; sent += PIECE) {
    near.send(piece);
    for (const [from, answer] of [
      [far, true],
      [near, false],
    ]) {
      for (let at = 0; at < PIECE; ) {
        proxy.work();
        const got = from.receive();
        if (!got) continue;
        for (const byte of got.data) if (byte !== piece[at++]) wrong++;
        if (answer) from.send(got.data);
      }
    }
  }
  return wrong;
}

const copying = await run('user space', false);
const mapped = await run('sockhash  ', true);
process.exitCode = copying && mapped ? 0 : 1;
