// A node with a card and three pods on netkit: what `createMachine` takes, and `beeyard net trace -t`.
import { pod } from 'beeyard';

const PODS = { client: '10.0.0.2', web: '10.0.0.3', dns: '10.0.0.53' };

export default {
  devices: { eth0: { addresses: ['192.0.2.1/24'] } },
  routes: [{ to: 'default', via: '192.0.2.254' }],
  neighbours: [{ address: '192.0.2.254', device: 'eth0', hardware: '02:00:00:00:00:fe' }],
  namespaces: {
    client: pod({ address: PODS.client }),
    web: pod({ address: PODS.web }),
    dns: pod({ address: PODS.dns }),
  },
  device: 'client/eth0',
};

/** Puts the programs at every pair and says who may talk to whom. */
export function setup({ host, programs, maps }) {
  const node = host.net.namespace('');
  for (const [i, [name, address]] of Object.entries(PODS).entries()) {
    const device = `nk-${name}`;
    programs.from_pod.attach({ device });
    programs.to_pod.attach({ device });
    maps.endpoints.set(address, { id: i + 1, ifindex: node.device(device).ifindex });
  }
  // The client may open HTTP to the web pod; nothing else goes from pod to pod but DNS.
  maps.allow.set({ from: 1, to: 2, port: 80, protocol: 6, unused: 0 }, 1);
}
