import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName, type KernelSocket, pod } from '../../src/index.ts';

const folder = join(import.meta.dirname, '..', '..', 'examples', 'sockmap-proxy');
const object = readFileSync(join(folder, 'proxy.bpf.o'));
interface ProxyLike {
  readonly copied: number;
  work(): void;
  close(): void;
}
const { Proxy } = (await import(join(folder, 'proxy.mjs'))) as {
  Proxy: new (namespace: unknown, options: unknown) => ProxyLike;
};
const engines: readonly EngineName[] = ['interpreter', 'wasm'];
const BACKEND = { address: '10.0.0.4', port: 80 };

async function started(engine: EngineName, withMap: boolean) {
  const host = await createMachine({
    engine,
    namespaces: {
      client: pod({ address: '10.0.0.2' }),
      proxy: pod({ address: '10.0.0.3' }),
      backend: pod({ address: BACKEND.address }),
    },
  });
  const { client, proxy: middle, backend } = host.namespaces;
  const server = backend.socket({ type: 'tcp', port: 80 }).listen();
  const { programs, maps, globals } = await host.load(object);
  if (withMap) programs['forward']!.attach({ map: maps['peers']! });
  const options = { port: 8080, to: BACKEND, ...(withMap ? { maps } : {}) };
  const proxy = new Proxy(middle, options);
  const near = client.connect({ type: 'tcp', to: { address: '10.0.0.3', port: 8080 } });
  proxy.work();
  return { host, proxy, near, far: server.accept()!, globals };
}

/** What has come, as text. */
const text = (socket: KernelSocket) => {
  const got = socket.receive();
  return got && new TextDecoder().decode(got.data);
};

describe.each(engines)('the proxy (%s)', (engine) => {
  it('with a map moves bytes both ways without user space', async () => {
    const { host, proxy, near, far, globals } = await started(engine, true);
    near.send('GET /');
    expect(text(far)).toBe('GET /');
    far.send('200');
    expect(text(near)).toBe('200');
    proxy.work();
    expect([proxy.copied, globals.get('bytes'), globals.get('pieces')]).toEqual([0, 8n, 2n]);
    host[Symbol.dispose]();
  });

  it('copies without the map, and moves the same', async () => {
    const { host, proxy, near, far, globals } = await started(engine, false);
    near.send('GET /');
    expect(far.receive()).toBeUndefined();
    proxy.work();
    expect(text(far)).toBe('GET /');
    expect([proxy.copied, globals.get('bytes')]).toEqual([5, 0n]);
    host[Symbol.dispose]();
  });

  it('keeps a long stream in order, also when the reader is slow', async () => {
    const { host, proxy, near, far } = await started(engine, true);
    const stream = Uint8Array.from({ length: 700_000 }, (_, i) => (i * 31 + (i >> 9)) & 255);
    const got: Uint8Array[] = [];
    let sent = near.send(stream);
    let have = 0;
    for (let quiet = 0; have < stream.length && quiet < 100; quiet++) {
      if (sent < stream.length) sent += near.send(stream.subarray(sent));
      for (let piece = far.receive(); piece; piece = far.receive()) {
        got.push(piece.data);
        have += piece.data.length;
        quiet = 0;
      }
      host.advance(1e9);
    }
    expect(Buffer.compare(Buffer.concat(got), stream)).toBe(0);
    expect(proxy.copied).toBe(0);
    host[Symbol.dispose]();
  });

  it('hears of the end, and closes the other side', async () => {
    const { host, proxy, near, far } = await started(engine, true);
    near.send('bye');
    near.close();
    proxy.work();
    expect(text(far)).toBe('bye');
    expect(text(far)).toBe('');
    far.close();
    proxy.close();
    host[Symbol.dispose]();
  });
});
