import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName, MapOf, pod } from '../../src/index.ts';

const object = readFileSync(new URL('programs/sockets.bpf.o', import.meta.url));
const errno = (code: string) => expect.objectContaining({ code });
const engines: readonly EngineName[] = ['interpreter', 'wasm'];
const PORT = 80;
/** 10.0.0.3 and 10.0.0.2 as little-endian numbers, which is how programs read them here. */
const WEB = 0x0300000a;
const CLIENT = 0x0200000a;
const [ESTABLISHED, LISTEN, NEW_SYN_RECV, TIME_WAIT] = [1, 10, 12, 6];
const swapped = (port: number) => ((port & 255) << 8) | (port >> 8);

async function started(engine: EngineName) {
  const host = await createMachine({
    engine,
    namespaces: {
      client: pod({ address: '10.0.0.2', link: 'veth' }),
      web: pod({ address: '10.0.0.3', link: 'veth' }),
    },
  });
  const loaded = await host.load(object);
  for (const [name, why] of loaded.refused) throw new Error(`${name}: ${why.message}`);
  const look = (ports: { from: number; to: number }, program = 'look') => {
    const ipv4 = {
      saddr: CLIENT,
      daddr: WEB,
      sport: swapped(ports.from),
      dport: swapped(ports.to),
    };
    loaded.globals.set('tuple', { ipv4 } as never);
    loaded.globals.set('found', 0);
    loaded.programs[program]!.run({ data: new Uint8Array(64), device: 'web/eth0' });
    return Object.fromEntries(
      loaded.globals.names
        .filter((name) => !['tuple', 'protocol', 'assign'].includes(name))
        .map((name) => [name, loaded.globals.get(name)]),
    );
  };
  const { client, web } = host.namespaces;
  const to = { address: '10.0.0.3', port: PORT };
  return { host, ...loaded, look, client, web, to };
}

describe.each(engines)('programs and sockets (%s)', (engine) => {
  it('find listeners, connections and what is less than a socket', async () => {
    const { look, client, web, to } = await started(engine);
    expect(look({ from: 1, to: PORT })).toMatchObject({ found: 0 });
    web.socket({ type: 'tcp', port: PORT, mark: 7 }).listen();
    expect(look({ from: 1, to: PORT })).toMatchObject({
      found: 1,
      state: LISTEN,
      family: 2,
      source: 0,
      source_port: PORT,
      remote_port: 0,
      listener_state: LISTEN,
      mark: 7,
    });
    const near = client.connect({ type: 'tcp', to });
    near.send('hello');
    const from = near.local.port;
    const seen = look({ from, to: PORT });
    expect(seen).toMatchObject({ found: 1, state: ESTABLISHED, source: WEB, remote_port: from });
    expect(seen['listener_state']).toBe(0);
    const before = seen['next'] as number;
    near.send('12345');
    expect(look({ from, to: PORT })['next']).toBe((before + 5) >>> 0);
  });

  it('see requests and time-wait sockets as such', async () => {
    const { look, client, web, to } = await started(engine);
    const listener = web.socket({ type: 'tcp', port: PORT }).listen(0);
    const near = client.connect({ type: 'tcp', to });
    const from = near.local.port;
    listener.accept()!.close();
    near.close();
    expect(look({ from, to: PORT })).toMatchObject({ found: 0 });
    const seen = look({ from, to: PORT }, 'look_any');
    expect(seen).toMatchObject({ found: 1, state: TIME_WAIT, listener_state: 0 });
    // Somebody who never acknowledges.
    const port = 4000;
    using _silent = client.listen({ protocol: 'tcp', port }, () => undefined);
    client.send({ to: to.address, protocol: 'tcp', port: PORT, sourcePort: port });
    expect(look({ from: port, to: PORT }, 'look_any')).toMatchObject({
      state: NEW_SYN_RECV,
      listener_state: LISTEN,
    });
    expect(look({ from: port, to: PORT })).toMatchObject({ state: LISTEN });
  });

  it('keep storage with a socket until it is closed', async () => {
    const { look, web, globals } = await started(engine);
    globals.set('protocol', 17);
    const socket = web.socket({ type: 'udp', port: PORT });
    expect(look({ from: 1, to: PORT })['stored']).toBe(1n);
    expect(look({ from: 2, to: PORT })['stored']).toBe(2n);
    socket.close();
    web.socket({ type: 'udp', port: PORT });
    expect(look({ from: 3, to: PORT })['stored']).toBe(1n);
  });

  it('give a packet at tc ingress to a socket of their choice, and only there', async () => {
    const { look, client, web, globals, programs } = await started(engine);
    globals.set('protocol', 17);
    globals.set('assign', 1);
    const socket = web.socket({ type: 'udp', port: PORT });
    expect(look({ from: 1, to: PORT })['assigned']).toBe(-95);
    using _link = programs['look']!.attach({ device: 'web/eth0' });
    client.connect({ type: 'udp', to: { address: '10.0.0.3', port: 9 } }).send('to port 9');
    expect(new TextDecoder().decode(socket.receive()!.data)).toBe('to port 9');
    expect(globals.get('assigned')).toBe(0);
  });

  it('choose who gets what is for no connection', async () => {
    const { client, web, programs, maps, globals } = await started(engine);
    const listener = web.socket({ type: 'tcp', port: PORT }).listen();
    const target = maps['target'] as MapOf;
    expect(target.kernelMap.setObject(new Uint8Array(4), listener.owner)).toBe(0);
    web.socket({ type: 'tcp', port: 6666 }).listen();
    const connect = (port: number) =>
      client.connect({ type: 'tcp', to: { address: '10.0.0.3', port } });
    expect(() => connect(7001)).toThrow(errno('ECONNREFUSED'));
    {
      using _link = programs['choose']!.attach({ namespace: 'web' } as never);
      expect(connect(7001).state).toBe('established');
      expect(listener.accept()!.local.port).toBe(7001);
      expect(globals.get('assigned')).toBe(0);
      expect(() => connect(6666)).toThrow(errno('ECONNREFUSED'));
      client.connect({ type: 'udp', to: { address: '10.0.0.3', port: 7001 } }).send('x');
      // -EPROTOTYPE: a TCP socket for UDP.
      expect(globals.get('assigned')).toBe(-91);
    }
    expect(connect(6666).state).toBe('established');
    expect(() => connect(7001)).toThrow(errno('ECONNREFUSED'));
  });

  it('answers BPF_PROG_TEST_RUN with the cookie of the chosen socket', async () => {
    const { web, programs, maps } = await started(engine);
    const listener = web.socket({ type: 'tcp', port: PORT }).listen();
    (maps['target'] as MapOf).kernelMap.setObject(new Uint8Array(4), listener.owner);
    const context = new Uint8Array(72);
    const view = new DataView(context.buffer);
    view.setUint32(8, 2, true);
    view.setUint32(12, 6, true);
    view.setUint32(60, 7001, true);
    const run = () => programs['choose']!.run({ context });
    const result = run();
    expect(result.returnValue).toBe(1);
    expect(new DataView(result.context.buffer).getBigUint64(0, true)).toBe(BigInt(listener.cookie));
    view.setUint32(60, 6666, true);
    expect(run()).toMatchObject({ returnValue: 0, verdict: 'drop' });
    view.setUint32(60, 0x10000, true);
    expect(run).toThrow(errno('ERANGE'));
    view.setUint32(60, 80, true);
    view.setUint32(8, 1, true);
    expect(run).toThrow(errno('EAFNOSUPPORT'));
    view.setUint32(64, 1, true);
    expect(run).toThrow(errno('EINVAL'));
  });
});
