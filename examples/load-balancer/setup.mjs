// Fills the maps of the balancer: backends, their Maglev table, the device they are behind.
import { maglevTable } from 'beeyard/maglev';
import { parseIpv4, parseMac } from 'beeyard/packet';

/** Entries per service: TABLE of balancer.bpf.c. */
export const TABLE = 16_381;

/** What the maps take. `index` is the backend's number for good; dead ones keep theirs. */
function entryOf({ address, mac, alive = true, tunnel = false }) {
  const words = new DataView(parseIpv4(address).buffer);
  return {
    address: words.getUint32(0, true),
    mac: [...parseMac(mac)],
    alive: alive ? 1 : 0,
    tunnel: tunnel ? 1 : 0,
    port: 0,
  };
}

/** Backends of service `service` as they are now: those that live share the table. */
export function setBackends(maps, service, backends) {
  const living = backends.flatMap((one, i) => (one.alive === false ? [] : [i]));
  const table = maglevTable(
    living.map((i) => ({ name: backends[i].address, weight: backends[i].weight ?? 1 })),
    TABLE,
  );
  backends.forEach((backend, i) => maps.backends.set(i, entryOf(backend)));
  // Without anyone alive the entries name a backend that is dead: packets are dropped.
  table.forEach((one, place) => maps.maglev.set(service * TABLE + place, living[one] ?? 0));
}

/** Says which address, port and protocol (6: TCP, 17: UDP) are service `service`. */
export function setService(maps, service, { address, port, protocol }) {
  const bytes = parseIpv4(address);
  const key = {
    address: new DataView(bytes.buffer).getUint32(0, true),
    port: ((port & 255) << 8) | (port >> 8),
    protocol,
    unused: 0,
  };
  maps.services.set(key, service);
}
