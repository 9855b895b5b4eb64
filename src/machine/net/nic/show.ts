/** What iproute2, devlink and ethtool say of a card, by their names. */
import type { DeviceStatistics } from '../../../kernel/index.ts';
import { formatMac } from '../../../packet/index.ts';
import type { Device } from '../device.ts';
import type { PfDevice, VfDevice } from '../devices/nic.ts';
import type { Card } from './card.ts';
import type { VirtualFunction } from './function.ts';

/** An entry of `ip -s -j link show`: what the machine knows of it. */
export function describeLink({ pf, vfs }: Card): Record<string, unknown> {
  return {
    ifindex: pf.ifindex,
    ifname: pf.name,
    flags: ['BROADCAST', 'MULTICAST', ...(pf.up ? ['UP', 'LOWER_UP'] : [])],
    mtu: pf.mtu,
    operstate: pf.up ? 'UP' : 'DOWN',
    link_type: 'ether',
    address: formatMac(pf.address),
    broadcast: 'ff:ff:ff:ff:ff:ff',
    stats64: deviceStatistics(pf.statistics),
    num_vf: vfs.length,
    vfinfo_list: vfs.map(describeVf),
  };
}

function deviceStatistics(counts: DeviceStatistics): object {
  const { rx_bytes, rx_packets, rx_dropped, tx_bytes, tx_packets, tx_dropped } = counts;
  return {
    rx: { bytes: rx_bytes, packets: rx_packets, dropped: rx_dropped },
    tx: { bytes: tx_bytes, packets: tx_packets, dropped: tx_dropped },
  };
}

function describeVf(vf: VirtualFunction): object {
  const { statistics: counts, vlan, qos } = vf;
  return {
    vf: vf.index,
    link_type: 'ether',
    address: formatMac(vf.port.address),
    vlan_list: [{ ...(vlan ? { vlan } : {}), ...(qos ? { qos } : {}) }],
    rate: { max_tx: vf.pacer.rate, min_tx: 0 },
    spoofchk: vf.spoofchk,
    link_state: vf.linkState,
    trust: vf.trust,
    stats: {
      rx: {
        bytes: counts.rx_bytes,
        packets: counts.rx_packets,
        multicast: counts.multicast,
        broadcast: counts.broadcast,
        dropped: counts.rx_dropped,
      },
      tx: { bytes: counts.tx_bytes, packets: counts.tx_packets, dropped: counts.tx_dropped },
    },
  };
}

/** The uplink has the number drivers give it: behind all others. */
const UPLINK = 65535;

/** `devlink -j port show`: the uplink; in switchdev mode a pcivf port for each representor. */
export function describePorts({ pci, pf, number, vfs }: Card): Record<string, unknown> {
  const port: Record<string, unknown> = {
    [`pci/${pci}/${UPLINK}`]: portEntry({
      type: 'eth',
      netdev: pf.name,
      flavour: 'physical',
      port: number,
    }),
  };
  for (const { index, speaker, port: device } of vfs) {
    if (!speaker) continue;
    port[`pci/${pci}/${index + 1}`] = portEntry({
      type: 'eth',
      netdev: speaker.name,
      flavour: 'pcivf',
      controller: 0,
      pfnum: number,
      vfnum: index,
      external: false,
      function: { hw_addr: formatMac(device.address) },
    });
  }
  return { port };
}

const portEntry = (fields: object) => ({ ...fields, splittable: false });

/** `ethtool -S`, by the names of Intel's drivers. */
export function queueCounters(
  device: PfDevice | VfDevice,
  more: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const { rx_packets, tx_packets, rx_bytes, tx_bytes } = (device as Device).statistics;
  const counters: Record<string, number> = { rx_packets, tx_packets, rx_bytes, tx_bytes, ...more };
  for (const [way, queues] of [
    ['tx', device.txQueues],
    ['rx', device.rxQueues],
  ] as const) {
    queues.forEach(({ packets, bytes }, i) => {
      counters[`${way}_queue_${i}_packets`] = packets;
      counters[`${way}_queue_${i}_bytes`] = bytes;
    });
  }
  return counters;
}
