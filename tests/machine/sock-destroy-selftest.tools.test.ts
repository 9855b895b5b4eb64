/**
 * The kernel's own sock_destroy_prog, unmodified, and what prog_tests/sock_destroy.c wants of it.
 * Its program for cgroup/connect6 notes the cookie of the socket that connects: the test writes
 * the cookie into the map itself.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine, type MapOf } from '../../src/index.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const file = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+/.test(name))
  .map((name) => join(cache, name, 'sock_destroy_prog.bpf.o'))
  .find((path) => existsSync(path));
const PROGRAMS = ['iter_tcp6_client', 'iter_tcp6_server', 'iter_udp6_client', 'iter_udp6_server'];
const aborted = expect.objectContaining({ code: 'ECONNABORTED' });
const swapped = (port: number) => ((port & 255) << 8) | (port >> 8);

describe.skipIf(!file).each(['wasm', 'interpreter'] as const)('sock_destroy on %s', (engine) => {
  const started = async () => {
    const host = await createMachine({ engine, devices: { lo: { addresses: ['::1/128'] } } });
    const net = host.net.namespace('');
    const loaded = await host.load(new Uint8Array(readFileSync(file!)), { programs: PROGRAMS });
    for (const [, why] of loaded.refused) throw why;
    const read = (name: string) => {
      using link = loaded.programs[name]!.attach({});
      link.read();
    };
    const remember = (name: string, cookie: number) => {
      const value = new Uint8Array(8);
      new DataView(value.buffer).setBigUint64(0, BigInt(cookie), true);
      (loaded.maps[name] as MapOf).kernelMap.update(new Uint8Array(4), value);
    };
    return { net, read, remember, globals: loaded.globals };
  };

  it('tcp_client: one that is connected cannot send any more', async () => {
    const { net, read, remember } = await started();
    const server = net.socket({ type: 'tcp', address: '::1' }).listen();
    const client = net.connect({ type: 'tcp', to: server.local });
    const other = net.connect({ type: 'tcp', to: server.local });
    remember('tcp_conn_sockets', client.cookie);
    client.send('t');
    read('iter_tcp6_client');
    expect(() => client.send('t')).toThrow(aborted);
    expect(other.send('t')).toBe(1);
  });

  it('tcp_server: the listener goes, and who was connected hears of it', async () => {
    const { net, read, globals } = await started();
    const server = net.socket({ type: 'tcp', address: '::1' }).listen();
    const client = net.connect({ type: 'tcp', to: server.local });
    globals.set('serv_port', swapped(server.local.port));
    client.send('t');
    read('iter_tcp6_server');
    expect(() => client.send('t')).toThrow(expect.objectContaining({ code: 'ECONNRESET' }));
    expect(server.takeError()).toBe('ECONNABORTED');
  });

  it('udp_client, udp_server', async () => {
    const { net, read, remember, globals } = await started();
    const group = () => net.socket({ type: 'udp', address: '::1', port: 6062, reusePort: true });
    const servers = [group(), group(), group(), group(), group()];
    const client = net.connect({ type: 'udp', to: { address: '::1', port: 6062 } });
    remember('udp_conn_sockets', client.cookie);
    client.send('t');
    read('iter_udp6_client');
    expect(() => client.send('t')).toThrow(aborted);
    globals.set('serv_port', swapped(6062));
    read('iter_udp6_server');
    for (const server of servers) expect(() => server.receive()).toThrow(aborted);
  });
});
