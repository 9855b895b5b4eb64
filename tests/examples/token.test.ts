import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  createMachine,
  delegationText,
  explainToken,
  loadKernelProfile,
  parseObject,
} from '../../src/index.ts';
import { udp } from '../machine/helpers.ts';

const path = join(import.meta.dirname, '..', '..', 'examples', 'token', 'flows.bpf.o');
const object = parseObject(readFileSync(path));

it('a container loads, attaches and reads with what is delegated to it, and nobody else does', async () => {
  using host = await createMachine({ devices: { eth0: {} } });
  const { delegation, capabilities } = explainToken(object, await loadKernelProfile());
  expect(capabilities).toEqual(['CAP_NET_ADMIN', 'CAP_BPF']);
  host.addUserNamespace('web1', { owner: 1000 });
  host.addUserNamespace('web2', { owner: 1001 });
  host.mountBpffs('/web1', { userns: 'web1', options: delegationText(delegation) });
  const user = { uid: 1000, userns: 'web1', capabilities };

  const without = await host.as(user).load(object);
  expect([...without.refused.keys()].toSorted()).toEqual(['count_flows', 'protocols', 'sources']);
  expect(() => host.as({ userns: 'web2', token: '/web1' })).toThrow('EPERM');
  expect(() => host.as({ ...user, capabilities: [], token: '/web1' })).toThrow('EPERM');

  using container = host.as({ ...user, token: '/web1' });
  const { programs, maps, refused } = await container.load(object);
  expect(refused.size).toBe(0);
  using link = programs['count_flows']!.attach({ device: 'eth0' });
  expect(link.id).toBeGreaterThan(0);
  host.devices.eth0.receive(udp('10.0.0.1', '10.0.0.2'));
  const protocols = maps['protocols']!;
  expect([...(protocols.get(17) as Iterable<bigint>)]).toEqual([1n]);
  expect(maps['sources']!.size).toBe(1);
});
