import { describe, expect, it } from 'vitest';
import { beeyard, workFolder } from './helpers.ts';

const folder = workFolder();
const links = folder.write(
  'links.json',
  JSON.stringify([
    {
      ifindex: 2,
      ifname: 'ens1',
      vfinfo_list: [
        {
          vf: 0,
          address: '0c:42:a1:00:00:20',
          stats: { rx: { bytes: 5, packets: 1 }, tx: { bytes: 1234567, packets: 2 } },
        },
        { vf: 1, address: '0c:42:a1:00:00:21' },
      ],
    },
  ]),
);
const ports = folder.write(
  'ports.json',
  JSON.stringify({
    port: {
      'pci/0000:03:00.0/65535': { netdev: 'ens1', flavour: 'physical' },
      'pci/0000:03:00.0/1': { netdev: 'ens1_0', flavour: 'pcivf', vfnum: 0 },
    },
  }),
);
const scenario = folder.write(
  'flows.json',
  JSON.stringify({ vfs: [{}], flows: [{ from: 'vf0', to: 'wire', port: 9, offload: true }] }),
);

interface Json {
  modes: { mode: string; vfs: { truth: { tx: number }; tcx: { tx: number } }[] }[];
  functions?: { representor?: string }[];
}

describe('beeyard net sriov report', () => {
  it('shows per mode what is seen and missed', async () => {
    const { code, out } = await beeyard(['net', 'sriov', 'report']);
    expect(code).toBe(0);
    const [legacy, switchdev, offload] = out.split(/^(?=legacy|switchdev)/m);
    expect(legacy).toMatch(/^ +0 +tx +192,440 +192,440 +0 +0 +0 +192,440 +100\.0 %$/m);
    expect(switchdev).toMatch(/^ +0 +tx +192,440 +192,440 +192,440 +0 +192,440 +192,440 +0\.0 %$/m);
    expect(offload).toMatch(
      /^ +0 +tx +192,440 +192,440 +1,640 +190,800 +1,640 +192,440 +99\.1 %$/m,
    );
    expect(out).toContain('fentry');
  }, 120_000);

  it('plays a scenario of a file, as JSON', async () => {
    const { code, json } = await beeyard(['net', 'sriov', 'report', scenario, '-j']);
    expect(code).toBe(0);
    const { modes } = json<Json>();
    const seen = modes.map(({ mode, vfs }) => [mode, vfs[0]!.truth.tx, vfs[0]!.tcx.tx]);
    expect(seen).toEqual([
      ['legacy', 1060, 0],
      ['switchdev', 1060, 1060],
      ['offload', 1060, 0],
    ]);
  }, 60_000);

  it('lists the functions of a real machine, and who could watch them', async () => {
    const args = ['net', 'sriov', 'report', '--links', links, '--ports', ports];
    const { code, out } = await beeyard([...args, '--mode', 'legacy']);
    expect(code).toBe(0);
    expect(out).toMatch(/ens1 vf 0 +0c:42:a1:00:00:20 +1,234,567 +5 +ens1_0/);
    expect(out).toMatch(/ens1 vf 1 +0c:42:a1:00:00:21 +– +– +nothing: no representor/);
    const { json } = await beeyard([...args, '-j']);
    expect(json<Json>().functions!.map(({ representor }) => representor)).toEqual([
      'ens1_0',
      undefined,
    ]);
  });

  it('says what is wrong with files and options', async () => {
    const bad = folder.write('bad.json', '{"vfs": []}');
    const { code, err } = await beeyard(['net', 'sriov', 'report', bad]);
    expect([code, err]).toEqual([3, expect.stringContaining("'vfs' is a list of 1 to 32")]);
    const none = folder.write('none.json', '[{"ifname":"lo"}]');
    const empty = await beeyard(['net', 'sriov', 'report', '--links', none]);
    expect([empty.code, empty.err]).toEqual([3, expect.stringContaining('no link has virtual')]);
    const alone = await beeyard(['net', 'sriov', 'report', '--ports', ports]);
    expect(alone.code).toBe(2);
  });
});
