/**
 * The kernel's own objects for cgroups, unmodified, and what prog_tests/{cgroup_getset_retval,
 * connect_force_port,cg_storage_multi,
 * test_dev_cgroup}.c want of them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName } from '../../src/index.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const folder = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+/.test(name))
  .map((name) => join(cache, name))
  .find((path) => existsSync(join(path, 'connect_force_port4.bpf.o')));
const object = (name: string) => new Uint8Array(readFileSync(join(folder!, `${name}.bpf.o`)));
const engines: readonly EngineName[] = ['wasm', 'interpreter'];
const [SOL_SOCKET, SO_REUSEADDR] = [1, 2];
const [EUNATCH, EISCONN] = [49, 106];
const cgroup = '/test';

async function started(engine: EngineName, name: string) {
  const devices = { lo: { addresses: ['127.0.0.1/8', '::1/128'] } };
  const host = await createMachine({ engine, devices });
  const loaded = await host.load(object(name));
  for (const [, why] of loaded.refused) throw why;
  const attach = (program: string) => loaded.programs[program]!.attach({ cgroup });
  return { host, ...loaded, attach, net: host.net.namespace('') };
}

describe.skipIf(!folder).each(engines)('selftests of cgroups on %s', (engine) => {
  const setsockopt = async (...programs: string[]) => {
    const { net, globals, attach } = await started(engine, 'cgroup_getset_retval_setsockopt');
    globals.set('page_size', 4096);
    const socket = net.socket({ type: 'tcp', cgroup });
    for (const program of programs) attach(program);
    let errno = 0;
    try {
      socket.setOption(SOL_SOCKET, SO_REUSEADDR, 0);
    } catch (error) {
      errno = (error as { errno: number }).errno;
    }
    const [invocations, wrong, retval] = ['invocations', 'assertion_error', 'retval_value'].map(
      (name) => globals.get(name),
    );
    expect([invocations, wrong]).toEqual([programs.length, 0]);
    return { errno, retval: Number(retval) | 0 };
  };

  it('cgroup_getset_retval: setsockopt', async () => {
    expect(await setsockopt('set_eunatch')).toEqual({ errno: EUNATCH, retval: 0 });
    expect(await setsockopt('set_eunatch', 'get_retval')).toEqual({
      errno: EUNATCH,
      retval: -EUNATCH,
    });
    expect(await setsockopt('get_retval')).toEqual({ errno: 0, retval: 0 });
    expect(await setsockopt('get_retval', 'set_eunatch')).toEqual({ errno: EUNATCH, retval: 0 });
    expect(await setsockopt('set_eunatch', 'set_eisconn')).toMatchObject({ errno: EISCONN });
    expect(await setsockopt('legacy_eperm', 'get_retval')).toEqual({ errno: 1, retval: -1 });
    expect(await setsockopt('legacy_eperm', 'set_eisconn', 'get_retval')).toEqual({
      errno: EISCONN,
      retval: -EISCONN,
    });
  });

  it.each([
    ['connect_force_port4', '127.0.0.1', 4, 22222, 60123],
    ['connect_force_port6', '::1', 6, 22223, 60124],
  ] as const)('%s', async (name, address, family, port, backend) => {
    for (const type of ['tcp', 'udp'] as const) {
      const { net, attach } = await started(engine, name);
      for (const program of ['connect', 'getpeername', 'getsockname']) attach(program + family);
      const server = net.socket({ type, address, port: backend, cgroup });
      if (type === 'tcp') server.listen();
      // The server's own name is that of the service.
      expect(server.local.port).toBe(60000);
      const service = { address: family === 4 ? '1.2.3.4' : 'fc00::1', port: 60000 };
      const client = net.connect({ type, family, to: service, cgroup });
      expect(client.local.port).toBe(port);
      expect(client.remote!.port).toBe(60000);
      if (type === 'tcp') expect(server.accept()!.remote!.port).toBe(port);
    }
  });

  it('dev_cgroup: null and urandom, and nothing else', async () => {
    const { host, attach } = await started(engine, 'dev_cgroup');
    attach('bpf_prog1');
    const test = host.cgroup(cgroup);
    const may = (minor: number, ...wants: ('read' | 'write' | 'mknod')[]) => {
      try {
        test.openDevice({ kind: 'char', major: 1, minor, wants });
        return true;
      } catch {
        return false;
      }
    };
    expect([may(9, 'read'), may(9, 'write'), may(3, 'mknod')]).toEqual([true, true, true]);
    expect([may(5, 'read'), may(8, 'write'), may(1, 'mknod')]).toEqual([false, false, false]);
    expect(() => test.openDevice({ kind: 'block', major: 1, minor: 3, wants: ['read'] })).toThrow(
      '(EPERM)',
    );
  });

  it.each(['shared', 'isolated'])('cg_storage_multi_%s: programs of one cgroup', async (kind) => {
    const { net, attach, globals } = await started(engine, `cg_storage_multi_${kind}`);
    for (const program of ['egress1', 'egress2', 'ingress']) attach(program);
    const options = { type: 'udp', address: '127.0.0.1', port: 7000, cgroup } as const;
    const receiver = net.socket(options);
    net.socket({ type: 'udp', cgroup }).send('x', receiver.local);
    expect(globals.get('invocations')).toBe(3);
  });
});
