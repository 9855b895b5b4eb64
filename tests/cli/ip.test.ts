import { beforeAll, describe, expect, it } from 'vitest';
import { beeyard, workFolder } from './helpers.ts';

const folder = workFolder();
const file = folder.path('m');
const on = (line: string) => beeyard([...line.split(' '), '--machine', file], { columns: 120 });

/** What iproute2 6.1 prints for such devices with -j, in its order. */
const KEYS = {
  link: 'ifindex link ifname flags mtu qdisc operstate linkmode group txqlen link_type address broadcast',
  address:
    'ifindex link ifname flags mtu qdisc operstate group txqlen link_type address broadcast addr_info',
  info: 'family local prefixlen scope label valid_life_time preferred_life_time',
  onLink: 'dst dev protocol scope prefsrc flags',
  via: 'dst gateway dev flags',
  neighbour: 'dst dev lladdr state',
};
const keys = (one: object) => Object.keys(one).join(' ');

describe('ip on a machine in a file', () => {
  beforeAll(async () => {
    await beeyard(['machine', 'create', file]);
    for (const line of [
      'ip netns add far',
      'ip link add v0 type veth peer name v1',
      'ip link set v0 up',
      'ip link set v1 up',
      'ip addr add 10.0.0.1/24 dev v0',
      'ip route add 10.2.0.0/16 via 10.0.0.9',
      'ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:99 dev v0',
    ]) {
      expect(await on(line)).toMatchObject({ code: 0, err: '' });
    }
  }, 60_000);

  it("shows devices with iproute2's keys", async () => {
    const [link] = (await on('ip link show v0 -j')).json<Record<string, unknown>[]>();
    expect(keys(link!)).toBe(KEYS.link);
    expect(link).toMatchObject({
      link: 'v1',
      flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
      operstate: 'UP',
      qdisc: 'noqueue',
    });
    const [one] = (await on('ip addr show dev v0 -j')).json<{ addr_info: object[] }[]>();
    expect(keys(one!)).toBe(KEYS.address);
    expect(keys(one!.addr_info[0]!)).toBe(KEYS.info);
  });

  it("shows routes and neighbours with iproute2's keys, and takes them away", async () => {
    const [onLink, via] = (await on('ip route -j')).json<object[]>();
    expect([keys(onLink!), keys(via!)]).toEqual([KEYS.onLink, KEYS.via]);
    const [neighbour] = (await on('ip neigh -j')).json<object[]>();
    expect(keys(neighbour!)).toBe(KEYS.neighbour);
    expect((await on('ip route get 10.2.3.4')).out).toContain('via 10.0.0.9 dev v0');
    expect(await on('ip route del 10.2.0.0/16')).toMatchObject({ code: 0 });
    expect(await on('ip route del 10.2.0.0/16')).toMatchObject({ code: 1 });
    expect((await on('ip route get 10.2.3.4')).err).toContain('ENETUNREACH');
    expect(await on('ip addr del 10.0.0.1/24 dev v0')).toMatchObject({ code: 0 });
    expect((await on('ip route -j')).json()).toEqual([]);
  });

  it('says what it does not know, and changes nothing then', async () => {
    const before = folder.read('m');
    for (const line of [
      'ip link add x type bridge',
      'ip frob add',
      'ip link set v0 sideways',
      'ip addr add 1.2.3.4/24',
      'ip route add default via 9.9.9.9 more',
    ]) {
      expect((await on(line)).code, line).not.toBe(0);
    }
    expect(folder.read('m')).toEqual(before);
  });

  it('removes devices and namespaces', async () => {
    expect(await on('ip link del v0')).toMatchObject({ code: 0 });
    expect((await on('ip -j link')).json<{ ifname: string }[]>().map((one) => one.ifname)).toEqual([
      'lo',
    ]);
    expect((await on('ip netns list')).out).toBe('far\n');
    expect(await on('ip netns del far')).toMatchObject({ code: 0 });
    expect((await on('ip -n far link')).err).toContain('ENOENT');
  });
});

describe('queues and machines in files', () => {
  it('push, peek, pop and list', async () => {
    const create = 'map create /sys/fs/bpf/q type queue key 0 value 4 entries 2 name q';
    expect(await on(create)).toMatchObject({ code: 0, err: '' });
    expect(await on('map enqueue name q value 1 2 3 4')).toMatchObject({ code: 0 });
    expect((await on('map peek name q -j')).json()).toEqual({
      value: ['0x01', '0x02', '0x03', '0x04'],
    });
    expect((await on('map dequeue name q')).out).toBe('value: 01 02 03 04\n');
    expect(await on('map dequeue name q')).toMatchObject({ code: 1 });
    const list = await beeyard(['machine', 'list', '-j'], { cwd: folder.path('.') });
    expect(list.json()).toMatchObject([{ file: 'm' }]);
  });
});
