/**
 * The kernel's own programs for maps of sockets and groups that share a port, unmodified, and what
 * prog_tests/{sockmap_basic,sockmap_listen,select_reuseport,migrate_reuseport,sk_lookup}.c and
 * test_sockmap.c want of them. Left out, with the reason:
 *
 * - sockmap_ktls, the ktls parts of test_sockmap and sockmap_listen: there is no TLS in the kernel here
 * - unix and vsock sockets of sockmap_listen and sockmap_basic: the machine has none
 * - bpf_sk_lookup_*'s netns, freplace and races (test_race_insert_listen): nothing runs beside
 * - SIOCINQ (fionread) and MSG_PEEK: sockets here have neither
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  createMachine,
  type KernelSocket,
  parseObject,
  type SocketOptions,
} from '../../src/index.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const folder = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+$/.test(name))
  .map((name) => join(cache, name))
  .find((path) => existsSync(join(path, 'test_sockmap_listen.bpf.o')));
const HERE = '127.0.0.1';
const errno = (code: string) => expect.objectContaining({ code });
const text = (socket: KernelSocket) => {
  const got = socket.receive();
  return got && new TextDecoder().decode(got.data);
};

describe.skipIf(!folder).each(['wasm', 'interpreter'] as const)('selftests on %s', (engine) => {
  const started = async (name: string, programs?: readonly string[]) => {
    const devices = { lo: { addresses: ['127.0.0.1/8', '::1/128'] } };
    const host = await createMachine({ engine, devices });
    const bytes = new Uint8Array(readFileSync(join(folder!, `${name}.bpf.o`)));
    const loaded = await host.load(bytes, programs ? { programs } : {});
    for (const [program, why] of loaded.refused) throw new Error(`${program}: ${why.message}`);
    const net = host.namespaces['']!;
    let port = 1000;
    const pair = () => {
      const to = { address: HERE, port: ++port };
      const listener = net.socket({ type: 'tcp', ...to }).listen();
      const near = net.connect({ type: 'tcp', to });
      return [near, listener.accept()!, listener] as const;
    };
    const map = (which: string) => loaded.maps[which]!;
    const prog = (which: string) => loaded.programs[which]!;
    return { host, net, pair, map, prog, globals: loaded.globals };
  };

  describe('sockmap_basic', () => {
    it('update, update_unsafe: a tc program copies from map to map', async () => {
      const { net, map, prog } = await started('test_sockmap_update');
      const listener = net.socket({ type: 'tcp', address: HERE, port: 80 }).listen();
      map('src').setSocket(0, listener);
      expect(prog('copy_sock_map').run({ data: new Uint8Array(64) }).returnValue).toBe(1);
      for (const to of ['dst_sock_map', 'dst_sock_hash']) {
        expect(map(to).get(0)).toBe(BigInt(listener.cookie));
      }
    });

    it.each(['sockmap', 'sockhash'])('copy: an iterator over a %s', async (source) => {
      const { net, map, prog, globals } = await started('bpf_iter_sockmap');
      const sockets = Array.from({ length: 32 }, (_, i) =>
        net.socket({ type: i < 16 ? 'tcp' : 'udp', address: HERE, port: 2000 + i }),
      );
      sockets.forEach((socket, i) => {
        if (socket.type === 'tcp') socket.listen();
        map(source).setSocket(i, socket);
      });
      prog('copy')
        .attach({ map: map(source) })
        .read();
      expect(globals.get('elems')).toBe(source === 'sockmap' ? 64 : 32);
      expect(globals.get('socks')).toBe(32);
      sockets.forEach(({ cookie }, i) => expect(map('dst').get(i)).toBe(BigInt(cookie)));
    });

    it.each([
      ['stream_verdict', 'skb_verdict'],
      ['skb_verdict', 'stream_verdict'],
    ] as const)('skb_verdict attach: %s, then %s', async (first, second) => {
      const { map, prog } = await started('test_sockmap_skb_verdict_attach');
      const program = prog('prog_skb_verdict');
      const to = { map: map('sock_map'), link: false };
      const attached = program.attach({ ...to, place: first });
      expect(() => program.attach({ ...to, place: second })).toThrow(errno('EBUSY'));
      attached.detach();
    });

    it('skb_verdict_shutdown: the end of a stream comes through', async () => {
      const { pair, map, prog } = await started('test_sockmap_pass_prog');
      prog('prog_skb_verdict').attach({ map: map('sock_map_rx') });
      const [near, far] = pair();
      map('sock_map_rx').setSocket(0, near, 'noexist');
      let heard = 0;
      near.onEvent = (event) => {
        if (event === 'readable') heard++;
      };
      far.shutdown();
      expect(heard).toBeGreaterThan(0);
      expect(text(near)).toBe('');
    });

    it('skb_verdict, passed and dropped', async () => {
      const pass = await started('test_sockmap_pass_prog');
      const drop = await started('test_sockmap_drop_prog');
      for (const [{ pair, map, prog }, expected] of [
        [pass, '0123456789'],
        [drop, undefined],
      ] as const) {
        prog('prog_skb_verdict').attach({ map: map('sock_map_rx'), place: 'stream_verdict' });
        const [near, far] = pair();
        map('sock_map_rx').setSocket(0, near);
        far.send('0123456789');
        expect(text(near)).toBe(expected);
      }
    });
  });

  describe.each(['sock_map', 'sock_hash'])('sockmap_listen, %s', (which) => {
    const listen = async () => {
      const all = await started('test_sockmap_listen');
      all.globals.set('test_sockmap', which === 'sock_map');
      const counts = () => [0, 1].map((verdict) => all.map('verdict_map').get(verdict));
      return { ...all, counts, peers: all.map(which) };
    };

    it.each(['stream_verdict', 'skb_verdict'] as const)(
      'redirect to connected (%s)',
      async (kind) => {
        const { pair, prog, peers, counts, globals } = await listen();
        const name = kind === 'stream_verdict' ? 'prog_stream_verdict' : 'prog_skb_verdict';
        if (kind === 'stream_verdict') prog('prog_stream_parser').attach({ map: peers });
        prog(name).attach({ map: peers, place: kind });
        const [c0, p0] = pair();
        const [c1, p1] = pair();
        peers.setSocket(0, p0).setSocket(1, p1);
        c1.send('a');
        expect([text(c0), counts()]).toEqual(['a', [0, 1]]);
        if (kind === 'stream_verdict') return;
        globals.set('test_ingress', true);
        c1.send('b');
        expect([text(p0), counts()]).toEqual(['b', [0, 2]]);
      },
    );

    it('redirect to listening: dropped', async () => {
      const { pair, prog, peers, counts } = await listen();
      const [c1, p1, listener] = pair();
      prog('prog_skb_verdict').attach({ map: peers, place: 'skb_verdict' });
      peers.setSocket(0, listener).setSocket(1, p1);
      c1.send('a');
      expect([p1.receive(), counts()]).toEqual([undefined, [1, 0]]);
    });

    it('redirect partial: half a message waits', async () => {
      const { pair, map, prog, peers } = await listen();
      prog('prog_stream_parser').attach({ map: peers });
      prog('prog_stream_verdict').attach({ map: peers });
      map('parser_map').set(0, 2);
      const [c0, p0] = pair();
      const [c1, p1] = pair();
      peers.setSocket(0, p0).setSocket(1, p1);
      c1.send('abc');
      expect([text(c0), c0.receive()]).toEqual(['ab', undefined]);
      c1.send('d');
      expect(text(c0)).toBe('cd');
    });

    it('messages: to connected, and to listening', async () => {
      const { pair, prog, peers, counts } = await listen();
      prog('prog_msg_verdict').attach({ map: peers });
      const [c0, p0] = pair();
      const [, p1, listener] = pair();
      peers.setSocket(0, p0).setSocket(1, p1);
      p1.send('a');
      expect([text(c0), counts()]).toEqual(['a', [0, 1]]);
      peers.setSocket(0, listener);
      expect(() => p1.send('a')).toThrow(errno('EACCES'));
      expect(counts()).toEqual([1, 1]);
    });

    it('reuseport: listening is chosen, connected and others are not', async () => {
      const { net, prog, peers, counts } = await listen();
      const shared: SocketOptions = { type: 'tcp', address: HERE, port: 80, reusePort: true };
      const one = net.socket(shared).listen();
      one.reuseport.attach(prog('prog_reuseport'));
      peers.setSocket(0, one);
      const to = { address: HERE, port: 80 };
      const near = net.connect({ type: 'tcp', to });
      const far = one.accept()!;
      expect([near.state, counts()]).toEqual(['established', [0, 1]]);
      peers.setSocket(0, far);
      expect(() => net.connect({ type: 'tcp', to })).toThrow(errno('ECONNREFUSED'));
      const other = net.socket({ ...shared, port: 81 }).listen();
      peers.setSocket(0, other);
      expect(() => net.connect({ type: 'tcp', to })).toThrow(errno('ECONNREFUSED'));
      expect(counts()).toEqual([2, 1]);
    });
  });

  describe.each([
    ['test_sockmap_kern', 'sockmap'],
    ['test_sockhash_kern', 'sockhash'],
  ])('test_sockmap: %s', (file) => {
    const PROGRAMS = ['bpf_prog1', 'bpf_prog2', 'bpf_prog3', 'bpf_prog4', 'bpf_prog6'];
    const MORE = ['bpf_prog8', 'bpf_prog9', 'bpf_prog10'];
    const begin = async () => {
      const all = await started(file, [...PROGRAMS, ...MORE]);
      const number = (value: number) => new Uint8Array(Int32Array.of(value).buffer);
      const set = (name: string, key: number, value: number) =>
        all.map(name).set(number(key), number(value));
      return { ...all, set };
    };

    it('txmsg: pass, apply, cork, pull, push, pop', async () => {
      const { pair, map, prog, set } = await begin();
      const [near, far] = pair();
      prog('bpf_prog4').attach({ map: map('sock_map_txmsg') });
      map('sock_map_txmsg').setSocket(new Uint8Array(4), near);
      near.send('plain text');
      expect(text(far)).toBe('plain text');
      set('sock_apply_bytes', 0, 3);
      near.send('in pieces');
      expect(text(far)).toBe('in pieces');
      set('sock_apply_bytes', 0, 0);
      set('sock_cork_bytes', 0, 8);
      near.send('wait');
      expect(far.receive()).toBeUndefined();
      near.send(' for more');
      expect(text(far)).toBe('wait for more');
      set('sock_cork_bytes', 0, 0);
      set('sock_bytes', 4, 2);
      set('sock_bytes', 5, 3);
      near.send('ab123cd, then more than eight');
      expect(text(far)).toBe('abcd, then more than eight');
    });

    it('txmsg: redirected, out and in', async () => {
      const { pair, map, prog, set } = await begin();
      const [near, far] = pair();
      const [out, end] = pair();
      prog('bpf_prog6').attach({ map: map('sock_map_txmsg') });
      map('sock_map_txmsg').setSocket(new Uint8Array(4), near);
      map('sock_map_redir').setSocket(new Uint8Array(4), out);
      map('sock_map_redir').setSocket(new Uint8Array(Int32Array.of(2).buffer), end);
      near.send('out');
      expect([text(end), far.receive()]).toEqual(['out', undefined]);
      set('sock_redir_flags', 0, 1);
      near.send('in');
      expect([text(end), far.receive()]).toEqual(['in', undefined]);
    });

    it('sockops: connections of a cgroup put themselves into the map', async () => {
      const { host, net, map, prog } = await started(file, ['bpf_sockmap']);
      const cgroup = host.cgroup('/proxies');
      prog('bpf_sockmap').attach({ cgroup });
      const connect = (port: number) => {
        const to = { address: HERE, port };
        net.socket({ type: 'tcp', ...to, cgroup }).listen();
        return net.connect({ type: 'tcp', to, cgroup });
      };
      connect(10_000);
      connect(10_001);
      connect(10_002);
      const keys = [...map('sock_map').rawKeys()].map((key) => new DataView(key.buffer));
      const numbers = keys.map((key) => key.getInt32(0, true)).sort((a, b) => a - b);
      const there = numbers.filter((key) => {
        const bytes = new Uint8Array(Int32Array.of(key).buffer);
        return map('sock_map').kernelMap.delete(bytes) === 0;
      });
      expect(there).toEqual([1, 10]);
    });

    it('skb: parser and verdict send to the socket of a port', async () => {
      const { pair, map, prog } = await begin();
      const [near, far] = pair();
      const [out, end] = pair();
      prog('bpf_prog1').attach({ map: map('sock_map') });
      prog('bpf_prog2').attach({ map: map('sock_map') });
      map('sock_map').setSocket(new Uint8Array(4), far);
      map('sock_map').setSocket(new Uint8Array(Int32Array.of(1).buffer), out);
      near.send('through');
      expect(text(end)).toBe('through');
    });
  });

  describe('select_reuseport, migrate_reuseport, sk_lookup', () => {
    it('migrate: at close, at the last acknowledgement', async () => {
      const { net, map, prog, globals } = await started('test_migrate_reuseport', [
        'migrate_reuseport',
      ]);
      const shared: SocketOptions = { type: 'tcp', address: HERE, port: 80, reusePort: true };
      const group = Array.from({ length: 5 }, () => net.socket(shared).listen());
      group[0]!.reuseport.attach(prog('migrate_reuseport'));
      group.forEach((socket, i) => {
        map('reuseport_map').setSocket(i, socket);
        map('migrate_map').set(BigInt(socket.cookie), 4);
      });
      const clients = Array.from({ length: 25 }, () =>
        net.connect({ type: 'tcp', to: { address: HERE, port: 80 } }),
      );
      for (const socket of group.slice(0, 4)) socket.close();
      let count = 0;
      while (group[4]!.accept()) count++;
      expect(count).toBe(25);
      expect(clients.every(({ state }) => state === 'established')).toBe(true);
      expect(globals.get('migrated_at_close')).toBeGreaterThan(0);
    });

    it('select: the data of a datagram says who gets it', async () => {
      const { net, host } = await started('test_sk_lookup', ['lookup_pass']);
      const select = readFileSync(join(folder!, 'test_select_reuseport_kern.bpf.o'));
      const other = readFileSync(join(folder!, 'test_migrate_reuseport.bpf.o'));
      const listing = await host.load(new Uint8Array(other), { programs: ['migrate_reuseport'] });
      // What the test does by bpf_map__set_inner_map_fd.
      const inner = listing.maps['reuseport_map']!.spec;
      const object = parseObject(new Uint8Array(select));
      const { programs, maps, refused } = await host.load({
        ...object,
        maps: object.maps.map((map) => (map.name === 'outer_map' ? { ...map, inner } : map)),
      });
      for (const [, why] of refused) throw why;
      maps['outer_map']!.setObject(0, listing.maps['reuseport_map']!);
      maps['tmp_index_ovr_map']!.set(0, -1);
      const shared: SocketOptions = { type: 'udp', address: HERE, port: 53, reusePort: true };
      const group = [0, 1, 2].map(() => net.socket(shared));
      group[0]!.reuseport.attach(programs['_select_by_skb_data']!);
      group.forEach((socket, i) => listing.maps['reuseport_map']!.setSocket(i, socket));
      const client = net.socket({ type: 'udp' });
      const send = (index: number, pass = 0) =>
        client.send(new Uint8Array(Int32Array.of(index, pass).buffer), { address: HERE, port: 53 });
      for (const index of [2, 0, 1]) {
        send(index);
        expect(group.map((socket) => socket.receive() !== undefined)).toEqual(
          group.map((_, i) => i === index),
        );
      }
      send(9);
      expect(group.some((socket) => socket.receive() !== undefined)).toBe(false);
      send(9, 1);
      expect(group.filter((socket) => socket.receive() !== undefined)).toHaveLength(1);
    });

    it('sk_lookup: the group of the chosen socket asks its own program', async () => {
      const { net, map, prog } = await started('test_sk_lookup', [
        'select_sock_a',
        'select_sock_a_no_reuseport',
        'select_sock_b',
        'reuseport_drop',
      ]);
      const shared: SocketOptions = { type: 'tcp', address: HERE, port: 8008, reusePort: true };
      const group = [0, 1].map(() => net.socket(shared).listen());
      group.forEach((socket, i) => map('redir_map').setSocket(i, socket));
      const to = { address: HERE, port: 7007 };
      const served = () => group.map((socket) => socket.accept() !== undefined);
      const link = prog('select_sock_a').attach({});
      group[0]!.reuseport.attach(prog('select_sock_b'));
      net.connect({ type: 'tcp', to });
      expect(served()).toEqual([false, true]);
      group[0]!.reuseport.attach(prog('reuseport_drop'));
      expect(() => net.connect({ type: 'tcp', to })).toThrow(errno('ECONNREFUSED'));
      link.detach();
      prog('select_sock_a_no_reuseport').attach({});
      net.connect({ type: 'tcp', to });
      expect(served()).toEqual([true, false]);
    });
  });
});
