import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName, type KernelCgroup } from '../../src/index.ts';

const object = readFileSync(new URL('../../examples/cgroup-policy/policy.bpf.o', import.meta.url));
const engines: readonly EngineName[] = ['interpreter', 'wasm'];
const SERVICE = { address: '10.96.0.10', port: 80 };
const BACKEND = { address: '127.0.0.1', port: 8080 };

/** As programs see it: both in network order. */
const place = ({ address, port }: typeof SERVICE) => ({
  address: address.split('.').reduceRight((sum, byte) => sum * 256 + Number(byte), 0),
  port: ((port & 255) << 8) | (port >> 8),
});

async function started(engine: EngineName, verify = true) {
  const host = await createMachine({
    engine,
    verify,
    devices: { lo: { addresses: ['127.0.0.1/8'] } },
  });
  const { programs, maps, refused } = await host.load(object);
  for (const [name, why] of refused) throw new Error(`${name}: ${why.message}`);
  maps['services']!.set(place(SERVICE), place(BACKEND));
  const net = host.net.namespace('');
  const web = net.socket({ type: 'tcp', ...BACKEND });
  web.listen();
  const connect = (pod: KernelCgroup) => pod.run(() => net.connect({ type: 'tcp', to: SERVICE }));
  return { host, programs, maps, net, web, connect };
}

describe.each(engines)('policy by cgroup (%s)', (engine) => {
  it.each([true, false])(
    'sends pods to the backend and shows the service (verified: %s)',
    async (verify) => {
      const { host, programs, web, connect, net } = await started(engine, verify);
      programs['to_backend']!.attach({ cgroup: '/kube' });
      programs['as_asked']!.attach({ cgroup: '/kube' });
      const client = connect(host.cgroup('/kube/pod1'));
      expect(client.state).toBe('established');
      expect(client.remote).toEqual(SERVICE);
      expect(client.cgroup.path).toBe('/kube/pod1');
      const server = web.accept()!;
      expect(server.local).toEqual(BACKEND);
      client.send('hello');
      expect(new TextDecoder().decode(server.receive()!.data)).toBe('hello');
      // Whoever is in no such cgroup has no such address.
      const outside = () => net.connect({ type: 'tcp', to: SERVICE });
      expect(outside).toThrow('(ENETUNREACH)');
    },
  );

  it('stops the packets of one pod, and counts them by its id', async () => {
    const { host, programs, maps, connect } = await started(engine);
    programs['to_backend']!.attach({ cgroup: '/kube' });
    const [first, second] = ['/kube/pod1', '/kube/pod2'].map((path) => host.cgroup(path));
    const link = programs['stop']!.attach({ cgroup: second! });
    expect(connect(first!).state).toBe('established');
    const stopped = connect(second!);
    expect(stopped.state).toBe('syn_sent');
    expect(maps['stopped']!.get(second!.id)).toBe(1n);
    expect(maps['stopped']!.get(first!.id)).toBeUndefined();
    link.detach();
    host.advance(1.5e9);
    expect(stopped.state).toBe('established');
  });
});
