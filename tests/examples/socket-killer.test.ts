import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName, type KernelSocket } from '../../src/index.ts';

const object = readFileSync(new URL('../../examples/socket-killer/killer.bpf.o', import.meta.url));
const PODS = ['a', 'b', 'c', 'd'] as const;
const engines: readonly EngineName[] = ['interpreter', 'wasm'];
const PORTS = [80, 81];

/** Every pod talks to itself: four clients of each port, over UDP and TCP. */
async function started(engine: EngineName) {
  const namespaces = Object.fromEntries(PODS.map((name) => [name, {}]));
  const host = await createMachine({ engine, namespaces });
  const { programs, globals, refused } = await host.load(object, {
    globals: { backend_address: 0x0100007f, backend_port: 80 },
  });
  for (const [name, why] of refused) throw new Error(`${name}: ${why.message}`);
  const clients: KernelSocket[] = [];
  for (const name of PODS) {
    const net = host.namespaces[name]!;
    for (const port of PORTS) {
      net.socket({ type: 'tcp', port }).listen();
      net.socket({ type: 'udp', port });
      for (let i = 0; i < 4; i++) {
        const to = { address: '127.0.0.1', port };
        clients.push(net.connect({ type: 'tcp', to }), net.connect({ type: 'udp', to }));
      }
    }
  }
  const dead = () => clients.map((socket) => socket.takeError() === 'ECONNABORTED');
  return { host, programs, globals, clients, dead };
}

describe.each(engines)('the socket killer (%s)', (engine) => {
  it('ends the same sockets namespace by namespace and in one pass over all', async () => {
    const one = await started(engine);
    for (const namespace of PODS) {
      for (const name of ['kill_tcp', 'kill_udp']) {
        using link = one.programs[name]!.attach({ namespace });
        link.read();
      }
    }
    const all = await started(engine);
    for (const name of ['kill_tcp', 'kill_udp']) {
      using link = all.programs[name]!.attach({ netns: 'all' });
      link.read();
    }
    const victims = one.dead();
    expect(all.dead()).toEqual(victims);
    expect(victims.filter(Boolean)).toHaveLength(4 * 2 * PODS.length);
    expect(victims).toEqual(
      one.clients.map(({ type, remote, local }) => {
        expect([type, local]).toBeDefined();
        return remote === undefined || remote.port === 80;
      }),
    );
    expect(one.globals.get('killed')).toBe(all.globals.get('killed'));
    expect([one.globals.get('passes'), all.globals.get('passes')]).toEqual([8n, 2n]);
  });

  it('sees one namespace only, unless it is told otherwise', async () => {
    const { programs, globals, dead } = await started(engine);
    using link = programs['kill_tcp']!.attach({});
    link.read();
    expect([globals.get('looked_at'), globals.get('killed')]).toEqual([0n, 0n]);
    expect(dead().some(Boolean)).toBe(false);
  });

  it('the other side of a TCP connection is told', async () => {
    const { host, programs } = await started(engine);
    const net = host.namespaces['a']!;
    const listener = net.socket({ type: 'tcp', port: 90 }).listen();
    net.connect({ type: 'tcp', to: { address: '127.0.0.1', port: 90 } });
    const far = listener.accept()!;
    const { globals } = await host.load(object);
    expect(globals.names).toContain('killed');
    const again = await host.load(object, {
      globals: { backend_address: 0x0100007f, backend_port: 90 },
    });
    using link = again.programs['kill_tcp']!.attach({ namespace: 'a' });
    link.read();
    expect([far.state, far.takeError()]).toEqual(['close', 'ECONNRESET']);
    expect(programs['kill_tcp']).toBeDefined();
  });

  it('lists sockets as text', async () => {
    const { programs } = await started(engine);
    using link = programs['list_tcp']!.attach({ namespace: 'a' });
    const text = new TextDecoder().decode(link.read());
    const lines = text.trim().split('\n');
    expect(lines.slice(0, 3)).toEqual([
      '10 0.0.0.0:80 0.0.0.0:0',
      '10 0.0.0.0:81 0.0.0.0:0',
      expect.stringMatching(/^1 127\.0\.0\.1:\d+ 127\.0\.0\.1:80$/),
    ]);
    expect(lines).toHaveLength(2 + 4 * 2 * 2);
  });
});
