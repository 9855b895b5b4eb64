#!/usr/bin/env node
// Two pods are cgroups of one network. Both reach a service whose address nobody has: programs of
// their cgroup send them to a backend. Then one pod may send nothing more. Needs a build (npm run build).
import { readFileSync } from 'node:fs';
import { createMachine } from 'beeyard';

const object = readFileSync(new URL('policy.bpf.o', import.meta.url));
const SERVICE = { address: '10.96.0.10', port: 80 };
const BACKEND = { address: '127.0.0.1', port: 8080 };

/** As programs see it: both in network order. */
const place = ({ address, port }) => ({
  address: address.split('.').reduceRight((sum, byte) => sum * 256 + Number(byte), 0),
  port: ((port & 255) << 8) | (port >> 8),
});

const host = await createMachine({ devices: { lo: { addresses: ['127.0.0.1/8'] } } });
const { programs, maps } = await host.load(object);
maps.services.set(place(SERVICE), place(BACKEND));

const net = host.net.namespace('');
const web = net.socket({ type: 'tcp', ...BACKEND });
web.listen();
const kube = host.cgroup('/kube');
const [first, second] = ['/kube/pod1', '/kube/pod2'].map((path) => host.cgroup(path));
programs.to_backend.attach({ cgroup: kube });
programs.as_asked.attach({ cgroup: kube });

function ask(pod) {
  const client = pod.run(() => net.connect({ type: 'tcp', to: SERVICE }));
  const server = web.accept();
  if (server) {
    client.send('hello');
    const got = new TextDecoder().decode(server.receive()?.data ?? new Uint8Array());
    const { address, port } = client.remote;
    console.log(
      `${pod.path}: '${got}' came to port ${server.local.port}; the pod talks to ${address}:${port}`,
    );
    return got === 'hello';
  }
  console.log(`${pod.path}: no connection, the socket is in ${client.state}`);
  return false;
}

const before = [ask(first), ask(second)];
console.log(`egress of ${second.path} is stopped`);
const link = programs.stop.attach({ cgroup: second });
const after = [ask(first), ask(second)];
console.log(`packets of ${second.path} that were stopped: ${maps.stopped.get(second.id)}`);
link.detach();
process.exitCode = `${[...before, ...after]}` === 'true,true,true,false' ? 0 : 1;
