import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/index.ts';
import { createMachine } from '../../../src/index.ts';
import {
  functionsIn,
  readDevlinkPorts,
  readIpLink,
  readScenario,
  scenarioLike,
} from '../../../src/tools/sriov/index.ts';

/** As iproute2 6.1 prints a PF with two functions. */
const LINKS = [
  {
    ifindex: 2,
    ifname: 'ens1f0',
    flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
    mtu: 1500,
    link_type: 'ether',
    address: '0c:42:a1:00:00:10',
    stats64: { rx: { bytes: 900, packets: 9 }, tx: { bytes: 800, packets: 8 } },
    vfinfo_list: [
      {
        vf: 0,
        link_type: 'ether',
        address: '0c:42:a1:00:00:20',
        vlan_list: [{ vlan: 12, qos: 2 }],
        rate: { max_tx: 500, min_tx: 0 },
        spoofchk: true,
        link_state: 'auto',
        trust: false,
        query_rss_en: false,
        stats: {
          rx: { bytes: 7000, packets: 70, multicast: 1, broadcast: 2, dropped: 0 },
          tx: { bytes: 6000, packets: 60, dropped: 0 },
        },
      },
      { vf: 1, link_type: 'ether', address: '00:00:00:00:00:00', vlan_list: [{}] },
    ],
  },
  {},
];
const PORTS = {
  port: {
    'pci/0000:03:00.0/65535': { type: 'eth', netdev: 'ens1f0', flavour: 'physical', port: 0 },
    'pci/0000:03:00.0/1': {
      type: 'eth',
      netdev: 'ens1f0_0',
      flavour: 'pcivf',
      controller: 0,
      pfnum: 0,
      vfnum: 0,
      function: { hw_addr: '0c:42:a1:00:00:20' },
    },
    'pci/0000:81:00.0/2': { type: 'eth', netdev: 'other_1', flavour: 'pcivf', pfnum: 0, vfnum: 1 },
  },
};

describe('ip -s -j link', () => {
  it('is read: functions, settings, counters', () => {
    const [link, ...more] = readIpLink(JSON.stringify(LINKS));
    expect(more).toEqual([]);
    expect(link!.vfs[0]).toEqual({
      vf: 0,
      address: '0c:42:a1:00:00:20',
      vlan: 12,
      maxTxRate: 500,
      spoofchk: true,
      trust: false,
      linkState: 'auto',
      stats: { rxBytes: 7000, rxPackets: 70, txBytes: 6000, txPackets: 60 },
    });
  });

  it('of older versions too: mac, tx_rate, tx_bytes', () => {
    const vf = {
      vf: 3,
      mac: '02:00:00:00:00:01',
      vlan: 7,
      tx_rate: 100,
      stats: { rx: { bytes: 1, packets: 2 }, tx: { tx_bytes: 3, tx_packets: 4 } },
    };
    const [link] = readIpLink(JSON.stringify([{ ifindex: 1, ifname: 'a', vfinfo_list: [vf] }]));
    expect(link!.vfs[0]).toMatchObject({
      vf: 3,
      address: '02:00:00:00:00:01',
      vlan: 7,
      maxTxRate: 100,
      stats: { rxBytes: 1, rxPackets: 2, txBytes: 3, txPackets: 4 },
    });
  });

  it('of a simulated card is read back', async () => {
    using host = await createMachine({
      devices: { eth0: { kind: 'nic', eswitch: 'switchdev', vfs: 3 } },
    });
    const nic = host.net.nic('eth0');
    const links = readIpLink(JSON.stringify([nic.link()]));
    const ports = readDevlinkPorts(JSON.stringify(nic.ports()));
    expect(
      functionsIn(links, ports).map(({ pf, vf, representor }) => [pf, vf, representor]),
    ).toEqual([0, 1, 2].map((i) => ['eth0', i, `pf0vf${i}`]));
  });
});

describe('what a machine has', () => {
  it('functions with their representors: those of their own card', () => {
    const found = functionsIn(
      readIpLink(JSON.stringify(LINKS)),
      readDevlinkPorts(JSON.stringify(PORTS)),
    );
    expect(found.map(({ representor }) => representor)).toEqual(['ens1f0_0', undefined]);
    expect(scenarioLike(found)).toMatchObject({
      vfs: [{ address: '0c:42:a1:00:00:20', vlan: 12, maxTxRate: 500 }, {}],
      flows: [{}, {}, {}, {}],
    });
    expect(readScenario(scenarioLike(found)).vfs).toHaveLength(2);
  });
});

describe('bad input', () => {
  it.each([
    ['', /no JSON/],
    ['{}', /a list/],
    ['[3]', /an object/],
    ['[{"ifindex":1}]', /without a name/],
    ['[{"ifname":"a","mtu":-1}]', /mtu/],
    ['[{"ifname":"a","vfinfo_list":{}}]', /a list/],
    ['[{"ifname":"a","vfinfo_list":[{}]}]', /without its number/],
    ['[{"ifname":"a","vfinfo_list":[{"vf":0,"stats":{"rx":{"bytes":"x"}}}]}]', /rx bytes/],
  ])('%s is no list of links', (text, reason) => {
    expect(() => readIpLink(text)).toThrow(reason);
  });

  it.each([
    ['[]', /an object/],
    ['{}', /no 'port'/],
    ['{"port":{"pci":{}}}', /is no port/],
    ['{"port":{"pci/a/1":3}}', /an object/],
    ['{"port":{"pci/a/1":{"vfnum":"0"}}}', /vfnum/],
  ])('%s is no list of ports', (text, reason) => {
    expect(() => readDevlinkPorts(text)).toThrow(reason);
  });

  const orFormatError = (read: () => unknown) => {
    try {
      read();
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
    }
  };
  /** Valid ones with any value at any place. */
  const mangled = (value: unknown) =>
    fc.tuple(fc.nat(60), fc.jsonValue()).map(([place, instead]) => {
      let left = place;
      return JSON.stringify(value, (_, one) => (left-- === 0 ? instead : one));
    });

  it('never ends otherwise than in a FormatError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string(), mangled(LINKS), mangled(PORTS)), (text) => {
        orFormatError(() => functionsIn(readIpLink(text), []).map((one) => scenarioLike([one])));
        orFormatError(() => readDevlinkPorts(text));
        orFormatError(() => readScenario(JSON.parse(text === '' ? '0' : safe(text))));
      }),
      { numRuns: 2000 },
    );
  });
  const safe = (text: string) => {
    try {
      JSON.parse(text);
      return text;
    } catch {
      return 'null';
    }
  };
});
