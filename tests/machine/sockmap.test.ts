import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  createMachine,
  type EngineName,
  type KernelSocket,
  type LoadedObject,
  type SocketOptions,
} from '../../src/index.ts';

const object = readFileSync(join(import.meta.dirname, 'programs', 'sockmap.bpf.o'));
const choosing = readFileSync(join(import.meta.dirname, 'programs', 'sockets.bpf.o'));
const engines: readonly EngineName[] = ['interpreter', 'wasm'];
const errno = (code: string) => expect.objectContaining({ code });
const HERE = '127.0.0.1';
const CFG = [
  'verdict',
  'flags',
  'key',
  'apply',
  'cork',
  'pull_start',
  'pull_end',
  'push_at',
  'push_len',
  'pop_at',
  'pop_len',
  'parse',
  'mark',
  'room',
  'tail',
];

const text = (socket: KernelSocket) => {
  const got = socket.receive();
  return got && new TextDecoder().decode(got.data);
};

/** All that comes, read piece by piece. */
function everything(reader: KernelSocket): Buffer {
  const pieces: Uint8Array[] = [];
  for (let piece = reader.receive(); piece; piece = reader.receive()) pieces.push(piece.data);
  return Buffer.concat(pieces);
}

async function machine(engine: EngineName) {
  const devices = { lo: { addresses: ['127.0.0.1/8', '::1/128'] } };
  const host = await createMachine({ engine, devices });
  const loaded = await host.load(object);
  for (const [name, why] of loaded.refused) throw new Error(`${name}: ${why.message}`);
  const net = host.namespaces['']!;
  let port = 1000;
  return {
    host,
    net,
    ...loaded,
    /** A connection. */
    pair() {
      const listener = net.socket({ type: 'tcp', address: HERE, port: ++port }).listen();
      const near = net.connect({ type: 'tcp', to: { address: HERE, port } });
      return [near, listener.accept()!] as const;
    },
    cfg: (values: Record<string, number>) => configure(loaded, values),
    [Symbol.dispose]: () => host[Symbol.dispose](),
  };
}

function configure({ maps }: LoadedObject, values: Record<string, number>): void {
  const all = Object.fromEntries(CFG.map((name) => [name, values[name] ?? 0]));
  maps['config']!.set(0, all);
}

describe.each(engines)('maps of sockets (%s)', (engine) => {
  it('a program attached to a map gets what comes to its sockets', async () => {
    using m = await machine(engine);
    const [near, far] = m.pair();
    using link = m.programs['stream']!.attach({ map: m.maps['peers']! });
    m.maps['peers']!.setSocket(0, far);
    m.cfg({ verdict: 1 });
    near.send('hello');
    expect(text(far)).toBe('hello');
    expect(m.maps['peers']!.get(0)).toBe(BigInt(far.cookie));
    m.cfg({ verdict: 0 });
    near.send('dropped');
    expect(far.receive()).toBeUndefined();
    // Sockets keep the programs they got when they came in.
    link.detach();
    near.send('dropped too');
    expect(far.receive()).toBeUndefined();
    m.maps['peers']!.delete(0);
    near.send('free');
    expect(text(far)).toBe('free');
  });

  it('without a link a program stays until it is detached', async () => {
    using m = await machine(engine);
    const map = m.maps['peers']!;
    const stay = m.programs['message']!.attach({ map, link: false });
    const again = m.programs['message']!.attach({ map, link: false });
    expect(() => m.programs['message']!.attach({ map: m.maps['config']! })).toThrow(
      errno('EOPNOTSUPP'),
    );
    using link = m.programs['plain']!.attach({ map, place: 'skb_verdict' });
    expect(() => m.programs['stream']!.attach({ map })).toThrow(errno('EBUSY'));
    expect(link.id).toBeGreaterThan(0);
    again.detach();
    expect(() => stay.detach()).toThrow(errno('ENOENT'));
    expect(() => m.programs['message']!.attach({})).toThrow(errno('EINVAL'));
  });

  it('a long message goes in elements of 32 KiB, in order', async () => {
    using m = await machine(engine);
    const [near, far] = m.pair();
    const [out, end] = m.pair();
    m.programs['message']!.attach({ map: m.maps['peers']! });
    m.maps['peers']!.setSocket(0, near);
    m.maps['others']!.setSocket(3, end);
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 13 + (i >> 8)) & 255);
    for (const [cfg, reader] of [
      [{ verdict: 1 }, far],
      [{ verdict: 2, key: 3, flags: 1 }, end],
    ] as const) {
      m.cfg(cfg);
      expect(near.send(bytes)).toBe(bytes.length);
      expect(Buffer.compare(everything(reader), bytes)).toBe(0);
      const seen = m.maps['report']!.get(0) as Record<string, number>;
      expect([seen['size'], seen['visible']]).toEqual([200_000, 32_768]);
    }
    expect(out.state).toBe('established');
  });

  it('a reader with much to read lets the rest wait, and loses nothing', async () => {
    using m = await machine(engine);
    const [near, far] = m.pair();
    const [, reader] = m.pair();
    m.programs['stream']!.attach({ map: m.maps['peers']! });
    m.maps['peers']!.setSocket(0, far);
    m.maps['others']!.setSocket(1, reader);
    m.cfg({ verdict: 2, key: 1, flags: 1 });
    const bytes = Uint8Array.from({ length: 600_000 }, (_, i) => (i * 7 + (i >> 10)) & 255);
    near.send(bytes);
    const first = reader.receive()!.data;
    expect(first.length).toBeGreaterThan(131_072);
    expect(first.length).toBeLessThan(bytes.length);
    const got = Buffer.concat([first, everything(reader)]);
    expect(Buffer.compare(got, bytes)).toBe(0);
  });

  it('the window closes when nobody reads what a program let through', async () => {
    using m = await machine(engine);
    const [near, far] = m.pair();
    m.programs['stream']!.attach({ map: m.maps['peers']! });
    m.maps['peers']!.setSocket(0, far);
    m.cfg({ verdict: 1 });
    near.send(new Uint8Array(100_000));
    expect(far.receive()!.data).toHaveLength(65_535);
    expect(far.receive()!.data).toHaveLength(100_000 - 65_535);
  });

  it('a map that is closed lets its sockets go', async () => {
    using m = await machine(engine);
    const [near, far] = m.pair();
    const own = await m.host.load(object, { programs: ['stream'] });
    configure(own, { verdict: 0 });
    own.programs['stream']!.attach({ map: own.maps['peers']!, link: false });
    own.maps['peers']!.setSocket(0, far);
    near.send('gone');
    expect(far.receive()).toBeUndefined();
    own[Symbol.dispose]();
    near.send('here');
    expect(text(far)).toBe('here');
  });

  it('a tc program puts a socket that it found into a map', async () => {
    using m = await machine(engine);
    const listener = m.net.socket({ type: 'tcp', address: HERE, port: 80 }).listen();
    const view = { saddr: 0x0100007f, daddr: 0x0100007f, sport: 0x1234, dport: 0x5000 };
    m.globals.set('tuple', { ipv4: view });
    m.programs['put']!.run({ data: new Uint8Array(64) });
    expect(m.globals.get('updated')).toBe(0);
    expect(m.maps['peers']!.get(5)).toBe(BigInt(listener.cookie));
    listener.close();
    expect(m.maps['peers']!.get(5)).toBeUndefined();
  });

  it('an iterator goes over a map, and copies it', async () => {
    using m = await machine(engine);
    const [near, far] = m.pair();
    m.maps['peers']!.setSocket(1, near).setSocket(6, far);
    using link = m.programs['copy']!.attach({ map: m.maps['peers']! });
    const lines = new TextDecoder().decode(link.read()).trim().split('\n');
    expect(lines).toEqual(['0 0', '1 1', '2 0', '3 0', '4 0', '5 0', '6 1', '7 0', 'end']);
    expect([1, 6, 0].map((key) => m.maps['others']!.get(key))).toEqual([
      BigInt(near.cookie),
      BigInt(far.cookie),
      undefined,
    ]);
    expect(() => m.programs['copy']!.attach({})).toThrow(errno('EBADF'));
    expect(() => m.programs['copy']!.attach({ map: m.maps['config']! })).toThrow(errno('EINVAL'));
  });

  it('what was loaded for a socket cannot be test-run', async () => {
    using m = await machine(engine);
    for (const name of ['stream', 'message', 'choose']) {
      expect(() => m.programs[name]!.run({ data: new Uint8Array(64) })).toThrow(errno('ENOTSUPP'));
    }
  });
});

describe.each(engines)('groups that share a port (%s)', (engine) => {
  const shared: SocketOptions = { type: 'udp', address: HERE, port: 53, reusePort: true };

  it('spread packets by their hash, each sender to one of them', async () => {
    using m = await machine(engine);
    const group = [0, 1, 2, 3].map(() => m.net.socket(shared));
    expect(group[0]!.reuseport.members).toEqual(group.map(({ cookie }) => cookie));
    const hits = group.map(() => 0);
    for (let i = 0; i < 64; i++) {
      const sender = m.net.connect({ type: 'udp', to: { address: HERE, port: 53 } });
      for (let j = 0; j < 3; j++) sender.send(`${i}`);
      const got = group.map((socket) => {
        let count = 0;
        while (socket.receive()) count++;
        return count;
      });
      expect(got.filter(Boolean)).toEqual([3]);
      hits[got.indexOf(3)]!++;
    }
    for (const count of hits) expect(count).toBeGreaterThan(4);
    group[1]!.close();
    // The last one takes the place of who left.
    expect(group[0]!.reuseport.members).toEqual([0, 3, 2].map((i) => group[i]!.cookie));
  });

  it('a program of sk_lookup finds one of a group, and that asks its own', async () => {
    using m = await machine(engine);
    const group = [0, 1, 2].map(() => m.net.socket({ ...shared, type: 'tcp' }).listen());
    group[0]!.reuseport.attach(m.programs['choose']!);
    m.maps['group']!.setSocket(2, group[2]!);
    const { programs, maps } = await m.host.load(choosing, { programs: ['choose'] });
    maps['target']!.setSocket(0, group[0]!);
    using _ = programs['choose']!.attach({});
    m.cfg({ verdict: 1, key: 2 });
    const near = m.net.connect({ type: 'tcp', to: { address: HERE, port: 7007 } });
    expect(group.map((socket) => socket.accept() !== undefined)).toEqual([false, false, true]);
    expect(near.state).toBe('established');
    m.cfg({ verdict: 0, key: 2 });
    const refused = () => m.net.connect({ type: 'tcp', to: { address: HERE, port: 7008 } });
    expect(refused).toThrow(errno('ECONNREFUSED'));
  });

  it('says which program it has, and lets go of it', async () => {
    using m = await machine(engine);
    const one = m.net.socket(shared);
    one.reuseport.attach(m.programs['number']!);
    expect(one.reuseport.program).toBe(m.programs['number']!.kernelProgram);
    one.reuseport.detach();
    expect(one.reuseport.program).toBeUndefined();
    expect(() => one.reuseport.detach()).toThrow(errno('ENOENT'));
    const alone = m.net.socket({ type: 'udp', address: HERE, port: 54 });
    expect(() => alone.reuseport.attach(m.programs['choose']!)).toThrow(errno('EINVAL'));
    expect(() => m.maps['group']!.setSocket(0, alone)).toThrow(errno('EINVAL'));
    m.maps['group']!.setSocket(0, one);
    one.close();
    expect(m.maps['group']!.get(0)).toBeUndefined();
  });
});
