// A client and a server with RDMA devices, and a cable that an XDP program makes lossy.

const CLIENT = '10.0.0.1';
const SERVER = '10.0.0.2';
/** Sequence number that the network loses. */
export const VICTIM = 3;

/** `createMachine({ ... })` of it. */
export const topology = {
  devices: {
    eth0: {
      kind: 'veth',
      addresses: [`${CLIENT}/24`],
      peer: { name: 'eth0', namespace: 'server', addresses: [`${SERVER}/24`] },
    },
  },
  namespaces: { server: {} },
};

/** Two queue pairs that are connected, memory of the server, and keys to it. */
export function connect(host) {
  const client = host.devices.eth0.rxe();
  // Queue pairs of two hosts may have the same number; these do not, for the sake of readers.
  client.datagrams();
  const server = host.namespaces.server.device('eth0').rxe();
  const [here, there] = [client.nextQueuePair, server.nextQueuePair];
  const pair = client.connect({ address: SERVER, queuePair: there });
  const other = server.connect({ address: CLIENT, queuePair: here });
  const memory = server.register(new Uint8Array(16_384), { read: true, write: true });
  return { client, server, pair, other, memory };
}

/** A message of six packets, of which the fourth is lost once; then a write and a read. */
export function lossy(host, { programs }) {
  const { client, server, pair, other, memory } = connect(host);
  programs.drop_psn.attach({ device: 'server/eth0' });
  programs.watch_sequence.attach({ device: 'server/eth0' });
  programs.count_queue_pairs.attach({ device: 'server/eth0' });
  programs.count_queue_pairs.attach({ device: 'eth0' });
  const capture = host.net.capture({ device: 'eth0', direction: 'both' });
  const text = 'RDMA over Converged Ethernet. '.repeat(200);
  other.postReceive(new Uint8Array(8192));
  pair.post({ operation: 'send', data: new TextEncoder().encode(text) });
  const { address, remoteKey } = memory;
  pair.post({ operation: 'write', data: new Uint8Array(1500).fill(1), address, remoteKey });
  pair.post({ operation: 'read', length: 1500, address, remoteKey });
  // Nobody has this key: the connection ends.
  pair.post({ operation: 'read', length: 8, address, remoteKey: 0xbad });
  return { client, server, packets: capture.packets };
}
