import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { beeyard, NET, workFolder } from './helpers.ts';

const folder = workFolder();
const file = folder.path('m');
const on = (line: string, ...more: string[]) =>
  beeyard([...line.split(' ').filter(Boolean), ...more, '--machine', file]);

/** After the sources of bpftool 7.5 on Linux 6.12: the keys of what it lists, in their order. */
const KEYS = {
  prog: 'id type name tag gpl_compatible orphaned bytes_xlated jited map_ids btf_id pinned',
  map: 'id type name flags bytes_key bytes_value max_entries frozen btf_id',
};

describe('a machine in a file', () => {
  beforeAll(async () => {
    const made = await beeyard(['machine', 'create', file, '--device', 'eth0']);
    expect(made).toMatchObject({ code: 0, err: '' });
  });
  afterAll(() => undefined);

  it('keeps programs, maps and their contents from command to command', async () => {
    const load = await on(`prog load ${NET} /sys/fs/bpf/net pinmaps /sys/fs/bpf/maps`);
    expect(load).toMatchObject({ code: 0, err: '' });
    const [program] = (await on('prog show -j')).json<Record<string, unknown>[]>();
    expect(Object.keys(program!).join(' ')).toBe(KEYS.prog);
    expect(program).toMatchObject({ id: 1, type: 'xdp', pinned: ['/sys/fs/bpf/net'] });
    const maps = (await on('map show -j')).json<Record<string, unknown>[]>();
    expect(Object.keys(maps[0]!).join(' ')).toBe(`${KEYS.map} pinned`);
    folder.write('packet', new Uint8Array(64));
    const run = await on(`prog run pinned /sys/fs/bpf/net data_in ${folder.path('packet')} -j`);
    expect(run.json()).toMatchObject({ retval: 2 });
    const before = (await on('map dump name counts -j')).json<{ value: string[] }[]>();
    await on(`prog run id 1 data_in ${folder.path('packet')} repeat 3`);
    const after = (await on('map dump name counts -j')).json<{ value: string[] }[]>();
    const sum = (entries: { value: string[] }[]) =>
      entries.reduce((total, { value }) => total + Number(value[0]), 0);
    expect(sum(after) - sum(before)).toBe(3);
  });

  it('attaches and detaches at devices, and links go with nobody', async () => {
    expect(await on('net attach xdp id 1 dev eth0')).toMatchObject({ code: 0, err: '' });
    const [net] = (await on('net show -j')).json<Record<string, unknown>[]>();
    expect(net).toEqual({
      xdp: [{ devname: 'eth0', ifindex: 2, mode: 'generic', id: 1 }],
      tc: [],
      flow_dissector: [],
      netfilter: [],
    });
    const again = await on('net attach xdp id 1 dev eth0');
    expect(again).toMatchObject({ code: 1 });
    expect(again.err).toContain('EBUSY');
    expect(await on('net detach xdp dev eth0')).toMatchObject({ code: 0 });
    expect(await on('net detach xdp dev eth0')).toMatchObject({ code: 1 });
    expect((await on('link show -j')).json()).toEqual([]);
  });

  it('makes, fills, walks and freezes maps', async () => {
    const created = await on(
      'map create /sys/fs/bpf/m type hash key 4 value 8 entries 4 name small',
    );
    expect(created).toMatchObject({ code: 0, err: '' });
    const small = 'pinned /sys/fs/bpf/m';
    await on(`map update ${small} key 1 0 0 0 value hex 0a 00 00 00 00 00 00 ff`);
    const found = await on(`map lookup ${small} key 1 0 0 0 -j`);
    expect(found.json()).toEqual({
      key: ['0x01', '0x00', '0x00', '0x00'],
      value: ['0x0a', '0x00', '0x00', '0x00', '0x00', '0x00', '0x00', '0xff'],
    });
    const key = (await on(`map getnext ${small} -j`)).json<{ next_key: string[] }>();
    expect(key.next_key[0]).toBe('0x01');
    expect(await on(`map freeze ${small}`)).toMatchObject({ code: 0 });
    const refused = await on(`map delete ${small} key 1 0 0 0`);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.err).toContain('EPERM');
    expect(await on(`map lookup ${small} key 9 0 0 0`)).toMatchObject({ code: 1 });
  });

  it('runs batches, and lists BTF', async () => {
    folder.write('commands', 'map show\nprog show id 1\n');
    expect(await on(`batch file ${folder.path('commands')}`)).toMatchObject({ code: 0 });
    const btf = (await on('btf show -j id 1')).json<Record<string, unknown>[]>();
    expect(btf[0]).toMatchObject({ id: 1, kernel: true, name: 'vmlinux' });
  });

  it('that is none is a bad file', async () => {
    const bad = folder.write('bad', 'this is no machine');
    expect(await beeyard(['prog', 'show', '--machine', bad])).toMatchObject({ code: 3 });
    const gone = await beeyard(['prog', 'show', '--machine', folder.path('gone')]);
    expect(gone).toMatchObject({ code: 3 });
    expect(await beeyard(['link', 'show'])).toMatchObject({ code: 2 });
    expect(await beeyard(['map', 'show'])).toMatchObject({ code: 2 });
  });
});
