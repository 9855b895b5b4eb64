import { describe, expect, it } from 'vitest';
import { createMachine } from '../../../src/index.ts';
import type { VfOptions } from '../../../src/index.ts';
import { ethernet, ipv4, packet, payload, udp, vlan } from '../../../src/packet/index.ts';

const MACS = ['02:aa:00:00:00:01', '02:aa:00:00:00:02', '02:aa:00:00:00:03'];
const PF = '02:aa:00:00:00:f0';
const OUTSIDE = '02:bb:00:00:00:01';
const EVERYONE = 'ff:ff:ff:ff:ff:ff';

const boot = (...vfs: VfOptions[]) =>
  createMachine({
    devices: {
      eth0: {
        kind: 'nic',
        address: PF,
        vfs: vfs.map((one, i) => ({ namespace: `vm${i}`, address: MACS[i]!, ...one })),
      },
    },
    namespaces: { vm0: {}, vm1: {}, vm2: {} },
  });

const frame = (from: string, to: string, size = 100, tag?: number) =>
  packet(
    ethernet({ source: from, destination: to }),
    ...(tag === undefined ? [] : [vlan({ id: tag })]),
    ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }),
    udp({ sourcePort: 1000, destinationPort: 53 }),
    payload(size),
  );

type Host = Awaited<ReturnType<typeof boot>>;
const vf = (host: Host, i: number) => host.net.namespace(`vm${i}` as 'vm0').device('eth0');
const received = (host: Host) =>
  host.net.nic('eth0').vfs.map(({ statistics }) => statistics.rx_packets);

describe('the legacy switch of a card', () => {
  it('forwards by address between functions, and the rest to the wire', async () => {
    using host = await boot({}, {}, {});
    const nic = host.net.nic('eth0');
    vf(host, 0).transmit(frame(MACS[0]!, MACS[1]!));
    expect(received(host)).toEqual([0, 1, 0]);
    expect(host.devices.eth0.sent).toHaveLength(0);
    vf(host, 0).transmit(frame(MACS[0]!, OUTSIDE));
    expect(received(host)).toEqual([0, 1, 0]);
    expect(host.devices.eth0.sent).toHaveLength(1);
    vf(host, 0).transmit(frame(MACS[0]!, EVERYONE));
    expect(received(host)).toEqual([0, 2, 1]);
    expect(host.devices.eth0.sent).toHaveLength(2);
    expect(nic.ethtool()['rx_packets']).toBe(1);
    expect(nic.vfs[1]!.statistics).toMatchObject({ broadcast: 1, multicast: 0, rx_bytes: 284 });
    expect(nic.vfs[0]!.statistics).toMatchObject({ tx_packets: 3, tx_bytes: 426, tx_dropped: 0 });
  });

  it('gives frames from the wire to who they are for; others are filtered', async () => {
    using host = await boot({}, { trust: true, promisc: true });
    const { eth0 } = host.devices;
    eth0.receive(frame(OUTSIDE, MACS[0]!));
    expect(received(host)).toEqual([1, 0]);
    eth0.receive(frame(OUTSIDE, '02:cc:00:00:00:01'));
    expect(received(host)).toEqual([1, 1]);
    host.net.nic('eth0').vfs[1]!.set({ trust: false });
    eth0.receive(frame(OUTSIDE, '02:cc:00:00:00:01'));
    expect(received(host)).toEqual([1, 1]);
    expect(host.net.nic('eth0').ethtool()['rx_filtered']).toBe(1);
    eth0.receive(frame(OUTSIDE, PF));
    expect(host.net.nic('eth0').ethtool()).toMatchObject({ rx_packets: 1, rx_queue_0_packets: 1 });
    eth0.transmit(frame(PF, MACS[0]!));
    expect(received(host)).toEqual([2, 1]);
  });

  it('keeps VLANs apart: the tag is on the wire, not in the function', async () => {
    using host = await boot({ vlan: 7, qos: 3 }, { vlan: 7 }, { vlan: 8 });
    const { eth0 } = host.devices;
    vf(host, 0).transmit(frame(MACS[0]!, EVERYONE));
    expect(received(host)).toEqual([0, 1, 0]);
    const wire = eth0.sent[0]!.data;
    expect([...wire.subarray(12, 16)]).toEqual([0x81, 0, (3 << 5) | 0, 7]);
    expect(host.net.nic('eth0').vfs[1]!.statistics.rx_bytes).toBe(wire.length - 4);
    eth0.receive(frame(OUTSIDE, MACS[2]!, 10, 7));
    eth0.receive(frame(OUTSIDE, MACS[2]!, 10, 8));
    eth0.receive(frame(OUTSIDE, MACS[2]!, 10));
    expect(received(host)).toEqual([0, 1, 1]);
    vf(host, 0).transmit(frame(MACS[0]!, MACS[1]!, 10, 7));
    expect(host.net.nic('eth0').vfs[0]!.statistics.tx_dropped).toBe(1);
  });

  it('stops spoofed addresses and VLANs, unless told not to', async () => {
    using host = await boot({ vlans: [5] }, { spoofchk: false }, { vlans: [5] });
    const { vfs } = host.net.nic('eth0');
    vf(host, 0).transmit(frame(MACS[1]!, MACS[2]!));
    vf(host, 0).transmit(frame(MACS[0]!, MACS[2]!, 10, 6));
    expect(vfs[0]!.statistics).toMatchObject({ tx_dropped: 2, tx_packets: 0 });
    vf(host, 0).transmit(frame(MACS[0]!, MACS[2]!, 10, 5));
    vf(host, 1).transmit(frame(MACS[0]!, MACS[2]!));
    expect(received(host)).toEqual([0, 0, 2]);
  });

  it('holds a rate on the virtual clock, and drops what the ring has no room for', async () => {
    using host = await boot({ maxTxRate: 8 }, {});
    const nic = host.net.nic('eth0');
    const size = 958;
    for (let i = 0; i < 100; i++) vf(host, 0).transmit(frame(MACS[0]!, MACS[1]!, size));
    // 1000 bytes at 8 Mbit/s take a millisecond; the first leaves at once.
    expect(received(host)).toEqual([0, 1]);
    host.advance(10_000_000);
    expect(received(host)).toEqual([0, 11]);
    host.advance(1e9);
    expect(received(host)).toEqual([0, 100]);
    for (let i = 0; i < 600; i++) vf(host, 0).transmit(frame(MACS[0]!, MACS[1]!, size));
    host.advance(1e9);
    expect(nic.vfs[0]!.statistics).toMatchObject({ tx_packets: 613, tx_dropped: 87 });
    expect(received(host)).toEqual([0, 613]);
  });

  it('has no link where the host says so, or the PF is down', async () => {
    using host = await boot({ linkState: 'disable' }, {}, { linkState: 'enable' });
    const { vfs } = host.net.nic('eth0');
    vf(host, 1).transmit(frame(MACS[1]!, MACS[0]!));
    expect(vfs[0]!.statistics).toMatchObject({ rx_packets: 0, rx_dropped: 1 });
    host.net.namespace('').device('eth0').up = false;
    vf(host, 1).transmit(frame(MACS[1]!, MACS[2]!));
    expect(vfs[1]!.statistics.tx_dropped).toBe(1);
    vf(host, 2).transmit(frame(MACS[2]!, MACS[1]!));
    expect(vfs[2]!.statistics.tx_packets).toBe(1);
    expect(vfs[1]!.statistics.rx_dropped).toBe(1);
  });

  it('refuses what no card does', async () => {
    using host = await boot({});
    const nic = host.net.nic('eth0');
    expect(() => nic.vfs[0]!.set({ vlan: 4095 })).toThrow(/EINVAL|VLANs/);
    expect(() => nic.vfs[0]!.set({ maxTxRate: -1 })).toThrow(/rate/);
    expect(() => nic.addRule({ dev: 'eth0', actions: [{ drop: true }] })).toThrow(/legacy mode/);
    expect(() => host.net.nic('lo')).toThrow(/no card/);
    expect(() => nic.ethtool(4)).toThrow(/no vf 4/);
    await expect(boot({ vlan: -1 })).rejects.toThrow(/VLANs/);
    const twice = { namespace: 'vm0' };
    await expect(boot(twice, twice)).rejects.toThrow(/there is a device/);
  });

  it('speaks with IP stacks of the namespaces: ARP and UDP from VM to VM', async () => {
    using host = await boot({ addresses: ['10.0.0.1/24'] }, { addresses: ['10.0.0.2/24'] }, {});
    const got: string[] = [];
    const { vm0, vm1 } = host.namespaces;
    using _one = vm1.listen({ protocol: 'udp', port: 53 }, ({ from }) => `hello ${from}`);
    using _two = vm0.listen({ protocol: 'udp' }, ({ payload: text }) => {
      got.push(new TextDecoder().decode(text));
    });
    vm0.send({ to: '10.0.0.2', port: 53, sourcePort: 9999, payload: '?' });
    expect(got).toEqual(['hello 10.0.0.1']);
    expect(host.net.nic('eth0').vfs[2]!.statistics.broadcast).toBe(1);
  });
});
