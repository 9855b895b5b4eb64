import { describe, expect, it } from 'vitest';
import { createMachine, pod } from '../../src/index.ts';

const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
const errno = (code: string) => expect.objectContaining({ code });
const SECOND = 1e9;

const pods = () =>
  createMachine({
    namespaces: {
      client: pod({ address: ['10.0.0.2', 'fd00::2'] }),
      web: pod({ address: ['10.0.0.3', 'fd00::3'] }),
    },
  });

describe.each([
  ['10.0.0.2', '10.0.0.3', '0.0.0.0'],
  ['fd00::2', 'fd00::3', '::'],
])('sockets of %s and %s', (mine, address, any) => {
  it('UDP: send, answer, connect', async () => {
    using host = await pods();
    const { client, web } = host.namespaces;
    const server = web.socket({ type: 'udp', address: any, port: 53 });
    const asker = client.connect({ type: 'udp', to: { address, port: 53 } });
    expect(asker.send('ping')).toBe(4);
    const got = server.receive()!;
    expect([text(got.data), got.from]).toEqual(['ping', asker.local]);
    expect(asker.local).toEqual({ address: mine, port: 32768 });
    server.send('pong', got.from);
    expect(text(asker.receive()!.data)).toBe('pong');
    expect(asker.receive()).toBeUndefined();
    expect([asker.state, server.state]).toEqual(['established', 'close']);
  });

  it('UDP: nobody there is an error of the connected socket', async () => {
    using host = await pods();
    const asker = host.namespaces.client.connect({ type: 'udp', to: { address, port: 53 } });
    asker.send('ping');
    expect(() => asker.send('again')).toThrow(errno('ECONNREFUSED'));
    expect(asker.takeError()).toBeUndefined();
  });

  it('TCP: handshake, data both ways, orderly end', async () => {
    using host = await pods();
    const { client, web } = host.namespaces;
    const listener = web.socket({ type: 'tcp', address: any, port: 80 }).listen();
    const near = client.connect({ type: 'tcp', to: { address, port: 80 } });
    expect(near.state).toBe('established');
    const far = listener.accept()!;
    expect([far.state, far.local, far.remote]).toEqual([
      'established',
      { address, port: 80 },
      near.local,
    ]);
    near.send('GET /');
    expect(text(far.receive()!.data)).toBe('GET /');
    const page = new Uint8Array(300_000).map((_, i) => i);
    expect(far.send(page)).toBe(300_000);
    const back: number[] = [];
    for (let part = near.receive(); part; part = near.receive()) back.push(...part.data);
    expect(back.length).toBe(page.length);
    expect(back.findIndex((byte, i) => byte !== page[i])).toBe(-1);
    near.close();
    expect([near.state, far.state]).toEqual(['fin_wait2', 'close_wait']);
    expect(far.receive()!.data).toHaveLength(0);
    far.close();
    expect([near.state, far.state]).toEqual(['close', 'close']);
    // What closed first waits for a minute, and holds its port.
    const again = () => client.socket({ type: 'tcp', address: any, port: near.local.port });
    expect(again).toThrow(errno('EADDRINUSE'));
    host.advance(60 * SECOND);
    again().close();
  });

  it('TCP: refused, and reset when data is left unread', async () => {
    using host = await pods();
    const { client, web } = host.namespaces;
    const to = { address, port: 80 };
    expect(() => client.connect({ type: 'tcp', to })).toThrow(errno('ECONNREFUSED'));
    const listener = web.socket({ type: 'tcp', address: any, port: 80 }).listen();
    const near = client.connect({ type: 'tcp', to });
    near.send('unread');
    listener.accept()!.close();
    expect(near.takeError()).toBe('ECONNRESET');
    expect(near.state).toBe('close');
  });
});

describe('TCP', () => {
  it('sends again what was lost, and gives up in the end', async () => {
    using host = await pods();
    const { client, web } = host.namespaces;
    const listener = web.socket({ type: 'tcp', port: 80 }).listen();
    const near = client.connect({ type: 'tcp', to: { address: '10.0.0.3', port: 80 } });
    const far = listener.accept()!;
    web.device('eth0').up = false;
    near.send('lost');
    expect(far.receive()).toBeUndefined();
    web.device('eth0').up = true;
    host.advance(0.2 * SECOND);
    expect(text(far.receive()!.data)).toBe('lost');
    web.device('eth0').up = false;
    near.send('lost for ever');
    host.advance(1800 * SECOND);
    expect(near.takeError()).toBe('ETIMEDOUT');
  });

  it('a connection request ends without an answer after six tries', async () => {
    using host = await pods();
    const { client, web } = host.namespaces;
    web.device('eth0').up = false;
    const near = client.connect({ type: 'tcp', to: { address: '10.0.0.3', port: 80 } });
    expect(near.state).toBe('syn_sent');
    host.advance(126 * SECOND);
    expect(near.state).toBe('syn_sent');
    host.advance(SECOND);
    expect([near.state, near.takeError()]).toEqual(['close', 'ETIMEDOUT']);
  });

  it('a full backlog leaves requests waiting', async () => {
    using host = await pods();
    const { client, web } = host.namespaces;
    const listener = web.socket({ type: 'tcp', port: 80 }).listen(0);
    const to = { address: '10.0.0.3', port: 80 };
    const [first, second] = [1, 2].map(() => client.connect({ type: 'tcp', to }));
    expect([first!.state, second!.state]).toEqual(['established', 'syn_sent']);
    listener.accept();
    host.advance(SECOND);
    expect(second!.state).toBe('established');
  });

  it('a socket of IPv6 takes IPv4 too unless it is said otherwise', async () => {
    using host = await pods();
    const { client, web } = host.namespaces;
    const to = { address: '10.0.0.3', port: 80 };
    const both = web.socket({ type: 'tcp', address: '::', port: 80 }).listen();
    client.connect({ type: 'tcp', to });
    expect(both.accept()!.remote!.address).toBe('10.0.0.2');
    both.close();
    web.socket({ type: 'tcp', address: '::', port: 80, v6only: true }).listen();
    expect(() => client.connect({ type: 'tcp', to })).toThrow(errno('ECONNREFUSED'));
  });
});

describe('addresses', () => {
  it('are taken once unless all say otherwise', async () => {
    using host = await pods();
    const { web } = host.namespaces;
    for (const type of ['udp', 'tcp'] as const) {
      web.socket({ type, port: 80, reuseAddress: true });
      expect(() => web.socket({ type, port: 80 })).toThrow(errno('EADDRINUSE'));
      web.socket({ type, port: 80, reuseAddress: true });
      expect(() => web.socket({ type, address: '10.9.9.9' })).toThrow(errno('EADDRNOTAVAIL'));
    }
  });

  it('a group shares its packets by their hash', async () => {
    using host = await pods();
    const { client, web } = host.namespaces;
    const one = () => web.socket({ type: 'udp', port: 53, reusePort: true });
    const group = [one(), one(), one(), one()];
    const counts = group.map(() => 0);
    for (let i = 0; i < 200; i++) {
      client.connect({ type: 'udp', to: { address: '10.0.0.3', port: 53 } }).send('x');
    }
    group.forEach((socket, i) => {
      while (socket.receive()) counts[i]!++;
    });
    expect(counts.reduce((sum, count) => sum + count)).toBe(200);
    expect(Math.min(...counts)).toBeGreaterThan(20);
  });
});
