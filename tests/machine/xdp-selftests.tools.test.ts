/**
 * The kernel's own XDP programs, unmodified, and what prog_tests/xdp*.c and test_xdp_veth.c want of
 * them. `LEFT_OUT` says what is not here, and why; `ELSEWHERE`, which other file has it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errnos } from '../../src/abi/index.ts';
import { createMachine, type Host, type LoadOptions } from '../../src/index.ts';
import type { ProgTestRunAttr } from '../../src/kernel/index.ts';
import { bpfSyscall, type Machine, Process } from '../../src/machine/index.ts';
import { selftestSource } from '../kernel/tree.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const folder = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+$/.test(name))
  .map((name) => join(cache, name))
  .find((path) => existsSync(join(path, 'test_xdp_bpf2bpf.bpf.o')));
const sources = selftestSource('prog_tests');

/** Tests of the kernel that are not here: whole files, and parts of those that are. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'xdp_bonding.c': 'there are no bonding devices',
  'xdp_flowtable.c': 'there is no flow table of netfilter (bpf_xdp_flow_lookup)',
  'xdp_synproxy.c': 'there is no conntrack and no iptables target SYNPROXY',
  'xdp_attach.c: xdp_attach_failed': 'the tracepoint xdp:bpf_xdp_link_attach_failed is not here',
  'xdp_attach.c, xdp_link.c: old_prog_fd':
    'of rtnetlink only replacing a program that is there is here',
  'xdp_info.c, xdp_do_redirect.c: feature_flags': 'there is no netdev netlink, and no ethtool',
  'xdp_adjust_tail.c: frags_tail_grow_64k': 'pages have 4 KiB',
};
const ELSEWHERE: Readonly<Record<string, string>> = {
  'xdp_metadata.c': 'xsk-selftests.tools.test.ts',
  'xdp_dev_bound_only.c': 'xsk-selftests.tools.test.ts',
};

const file = (name: string) => new Uint8Array(readFileSync(join(folder!, `${name}.bpf.o`)));
const errno = (code: string) => expect.objectContaining({ code });
const no = (code: string) => -errnos[code]!;
const [DROP, PASS, TX] = [1, 2, 3];
const LIVE = 2;
const MAPS = [
  ['xdp_cpumap_attach', 'cpumap'],
  ['xdp_devmap_attach', 'devmap'],
] as const;
/** What a program that does not fit is to them: __cpu_map_entry_alloc says nothing else. */
const REFUSED = { cpumap: 'ENOMEM', devmap: 'EINVAL' } as const;
const words = (...list: number[]) => new Uint8Array(Uint32Array.from(list).buffer);

/** struct ipv4_packet and ipv6_packet of network_helpers.h. */
const packet = (ethertype: number, ipHeader: number, fields: Record<number, number>) => {
  const data = new Uint8Array(14 + ipHeader + 20);
  data.set([ethertype >> 8, ethertype & 255], 12);
  for (const [at, byte] of Object.entries(fields)) data[14 + Number(at)] = byte;
  data[14 + ipHeader + 12] = 0x50;
  data[14 + ipHeader + 18] = 123;
  return data;
};
const pktV4 = packet(0x0800, 20, { 0: 5, 9: 6, 3: 123 });
const pktV6 = packet(0x86dd, 40, { 5: 123, 6: 6 });

it.skipIf(!sources)('every test of XDP is somewhere', () => {
  const here = readFileSync(new URL(import.meta.url), 'utf8');
  const files = readdirSync(sources!).filter((name) => /^(test_)?xdp\w*\.c$/.test(name));
  const missing = files.filter((name) => {
    return (
      !LEFT_OUT[name] && !ELSEWHERE[name] && !new RegExp(`'${name.slice(0, -2)}[':]`).test(here)
    );
  });
  expect(missing).toEqual([]);
  for (const [name, place] of Object.entries(ELSEWHERE)) {
    const text = readFileSync(new URL(place, import.meta.url), 'utf8');
    expect(text).toContain(`it('${name.slice(0, -2)}`);
  }
});

describe.skipIf(!folder).each(['wasm', 'interpreter'] as const)('XDP on %s', (engine) => {
  const boot = async (more: Parameters<typeof createMachine>[0] = {}) => {
    const host = await createMachine({ engine, ...more });
    return { host, bpf: bpfSyscall(new Process(host.kernel as Machine)) };
  };
  const load = async (host: Host, name: string, options: LoadOptions = {}) => {
    const loaded = await host.load(file(name), options);
    for (const [, why] of loaded.refused) throw why;
    return loaded;
  };
  const firstOf = (loaded: Awaited<ReturnType<typeof load>>) => Object.values(loaded.programs)[0]!;
  type Bpf = ReturnType<typeof bpfSyscall>;
  const open = (bpf: Bpf, { id }: { id: number }) => bpf.progGetFdById({ progId: id });

  /** BPF_PROG_TEST_RUN: what it returns, what the program said, and the packet. */
  const run = (bpf: Bpf, progFd: number, data: Uint8Array, room = 16_384) => {
    const dataOut = new Uint8Array(room);
    const given = { dataIn: data, dataSizeIn: data.length };
    const attr: ProgTestRunAttr = { progFd, ...given, dataOut, dataSizeOut: room };
    const error = bpf.progTestRun(attr);
    return { error, retval: attr.retval, size: attr.dataSizeOut, data: dataOut };
  };
  const started = async (name: string) => {
    const { host, bpf } = await boot();
    const loaded = await load(host, name);
    const fd = open(bpf, firstOf(loaded));
    return {
      host,
      bpf,
      loaded,
      run: (data: Uint8Array, room?: number) => run(bpf, fd, data, room),
    };
  };

  it('xdp: tunnels', async () => {
    const { loaded, run: test } = await started('test_xdp');
    const tunnels = loaded.maps['vip2tnl']!.kernelMap;
    for (const family of [2, 10]) {
      const [key, value] = [
        new Uint8Array(tunnels.spec.keySize),
        new Uint8Array(tunnels.spec.valueSize),
      ];
      key.set([family, 0, 6], 18);
      value[32] = family;
      expect(tunnels.update(key, value)).toBe(0);
    }
    const four = test(pktV4);
    expect([four.error, four.retval, four.size, four.data[14 + 9]]).toEqual([0, TX, 74, 4]);
    const six = test(pktV6);
    expect([six.error, six.retval, six.size, six.data[14 + 6]]).toEqual([0, TX, 114, 41]);
  });

  it('xdp_adjust_frags: 16 bytes anywhere, also across fragments', async () => {
    const { run: test } = await started('test_xdp_update_frags');
    for (const [size, offset] of [
      [128, 16],
      [9000, 5000],
      [9000, 3510],
      [9000, 7606],
    ] as const) {
      const data = new Uint8Array(size);
      data.set(words(offset));
      data[offset] = data[offset + 15] = 0xaa;
      const { error, retval, data: out } = test(data);
      expect([error, retval, out[offset], out[offset + 15]]).toEqual([0, PASS, 0xbb, 0xbb]);
    }
    const tooMuch = new Uint8Array(4096 + 18 * 4096);
    tooMuch.set(words(16));
    expect(test(tooMuch).error).toBe(no('ENOMEM'));
  });

  it('xdp_adjust_tail: shrink', async () => {
    const { run: test } = await started('test_xdp_adjust_tail_shrink');
    expect(test(pktV4)).toMatchObject({ error: 0, retval: DROP });
    expect(test(pktV6)).toMatchObject({ error: 0, retval: TX, size: pktV6.length - 20 });
    for (const [kind, size] of [
      [0, 8990],
      [1, 4900],
      [2, 800],
    ] as const) {
      const data = new Uint8Array(9000);
      data[0] = kind;
      expect(test(data)).toMatchObject({ error: 0, retval: TX, size });
    }
  });

  it('xdp_adjust_tail: grow', async () => {
    const { run: test } = await started('test_xdp_adjust_tail_grow');
    expect(test(pktV4)).toMatchObject({ error: 0, retval: DROP });
    expect(test(pktV6)).toMatchObject({ error: 0, retval: TX, size: pktV6.length + 40 });
    const short = test(new Uint8Array(64).fill(1), 128);
    expect(short).toMatchObject({ error: no('ENOSPC'), retval: TX, size: 192 });
    expect([0, 63, 64, 127].map((at) => short.data[at])).toEqual([1, 1, 0, 0]);
    const full = test(new Uint8Array(128).fill(2), 4096);
    expect(full).toMatchObject({ error: 0, retval: TX, size: 3520 });
    expect(full.data.subarray(128, 3520).every((byte) => byte === 0)).toBe(true);
    const frags = test(new Uint8Array(9000).fill(1));
    expect(frags).toMatchObject({ error: 0, retval: TX, size: 9010 });
    expect(frags.data.subarray(0, 9000).every((byte) => byte === 1)).toBe(true);
    expect(frags.data.subarray(9000, 9010).every((byte) => byte === 0)).toBe(true);
    expect(test(new Uint8Array(9001))).toMatchObject({ error: 0, retval: DROP, size: 9001 });
  });

  /** The program at a device, by id; 0: there is none. */
  const xdpAt = ({ kernel }: Host, device = 'lo') =>
    [...(kernel as Machine).attachments].find(({ place }) => place.device === device)?.program.id ??
    0;

  it.each(['test_xdp', 'test_xdp_dynptr'])('xdp_attach: of %s', async (name) => {
    const { host } = await boot();
    const load1 = async () => firstOf(await load(host, name)).kernelProgram;
    const [one, two, three] = [await load1(), await load1(), await load1()];
    const at = { device: 'lo', link: false } as const;
    one.attach(at);
    expect(xdpAt(host)).toBe(one.id);
    const second = two.attach({ ...at, replace: one });
    expect(xdpAt(host)).toBe(two.id);
    expect(() => three.attach({ ...at, replace: one })).toThrow(errno('EEXIST'));
    expect(xdpAt(host)).toBe(two.id);
    second.detach();
    expect(xdpAt(host)).toBe(0);
  });

  it('xdp_attach: flags that no link takes', async () => {
    const { host, bpf } = await boot();
    const progFd = open(bpf, firstOf(await load(host, 'xdp_dummy')));
    expect(bpf.linkCreate({ progFd, targetFd: 1, attachType: 37, flags: 0xff })).toBe(no('EINVAL'));
  });

  it('xdp_bpf2bpf: a program is looked at from the front and from behind', async () => {
    const { host, bpf } = await boot();
    const { programs, maps } = await load(host, 'test_xdp');
    const target = programs['_xdp_tx_iptunnel']!;
    const at = { program: target, function: '_xdp_tx_iptunnel' };
    const targets = { trace_on_entry: at, trace_on_exit: at };
    const tracers = await load(host, 'test_xdp_bpf2bpf', { targets });
    for (const one of Object.values(tracers.programs)) one!.attach();
    const events = tracers.maps['perf_buf_map']!;
    events.drain();
    const { kernelMap } = maps['vip2tnl']!;
    kernelMap.update(
      new Uint8Array(kernelMap.spec.keySize),
      new Uint8Array(kernelMap.spec.valueSize),
    );
    for (const size of [pktV4.length, 1024, 4100, 8200]) {
      const data = Uint8Array.from({ length: size }, (_, i) => pktV4[i] ?? (i - 54) & 255);
      const result = run(bpf, open(bpf, target), data);
      expect(result).toMatchObject({ error: 0, retval: PASS, size });
      const [record, ...more] = events.drain();
      const view = new DataView(record!.data.buffer, record!.data.byteOffset);
      expect([view.getUint32(0, true), view.getUint32(4, true), more]).toEqual([1, size, []]);
      expect(record!.data.subarray(8, 8 + size)).toEqual(data);
      expect(tracers.globals.get('test_result_fentry')).toBe(1n);
      expect(tracers.globals.get('test_result_fexit')).toBe(BigInt(PASS));
    }
  });

  it('xdp_context_test_run: what a context may say', async () => {
    const { host, bpf } = await boot();
    const progFd = open(bpf, firstOf(await load(host, 'test_xdp_context_test_run')));
    const data = new Uint8Array(4 + pktV4.length);
    data.set(words(PASS!));
    data.set(pktV4, 4);
    const test = (ctxIn: Uint8Array) => {
      const ctxOut = new Uint8Array(24);
      const out = { ctxIn, ctxSizeIn: ctxIn.length, ctxOut, ctxSizeOut: 24 };
      const attr: ProgTestRunAttr = { progFd, dataIn: data, dataSizeIn: data.length, ...out };
      return { error: bpf.progTestRun(attr), attr, ctxOut };
    };
    expect(test(new Uint8Array(25).fill(1, 24)).error).toBe(no('E2BIG'));
    const valid = test(words(4, data.length, 0, 0, 0, 0));
    expect([valid.error, valid.attr.retval, valid.attr.dataSizeOut]).toEqual([0, PASS, 54]);
    expect([...new Uint32Array(valid.ctxOut.buffer)].slice(0, 3)).toEqual([0, 54, 0]);
    const wrong = [
      [1, data.length, 0, 0, 0, 0],
      [4, data.length, 4, 0, 0, 0],
      [256, data.length, 0, 0, 0, 0],
      [4, data.length + 1, 0, 0, 0, 0],
      [4, data.length, 0, 0, 1, 0],
      [4, data.length, 0, 1, 1, 0],
      [4, data.length, 0, 0, 0, 1],
    ];
    for (const words_ of wrong) expect(test(words(...words_)).error).toBe(no('EINVAL'));
  });

  /** A live frame of an Ethernet header through the program that redirects by a map. */
  const live = (bpf: Bpf, program: { id: number }, more: Partial<ProgTestRunAttr> = {}) => {
    const data = new Uint8Array(14);
    const progFd = open(bpf, program);
    return bpf.progTestRun({
      progFd,
      dataIn: data,
      dataSizeIn: 14,
      flags: LIVE,
      repeat: 1,
      ...more,
    });
  };

  it.each(MAPS)('%s: programs of entries', async (_, kind) => {
    const { host, bpf } = await boot({ cpus: 2 });
    const { programs, maps, globals } = await load(host, `test_xdp_with_${kind}_helpers`);
    const [map, suffix] = kind === 'cpumap' ? ['cpu_map', 'cm'] : ['dm_ports', 'dm'];
    const entries = maps[map!]!;
    const value = kind === 'cpumap' ? { qsize: 192 } : { ifindex: 1 };
    const redirects = programs['xdp_redir_prog']!;
    const attached = redirects.kernelProgram.attach({ device: 'lo', mode: 'generic', link: false });
    const own = programs[`xdp_dummy_${suffix}`]!;
    entries.set(0, { ...value, program: own } as never);
    const out = new Uint8Array(8);
    entries.kernelMap.lookup(words(0), out);
    expect(new DataView(out.buffer).getUint32(4, true)).toBe(own.id);
    expect(live(bpf, redirects)).toBe(0);
    if (kind === 'cpumap') expect(globals.get('redirect_count')).not.toBe(0);
    attached.detach();
    expect(() => own.kernelProgram.attach({ device: 'lo', link: false })).toThrow(errno('EINVAL'));
    for (const [key, other] of [
      [0, 'xdp_dummy_prog'],
      [1, `xdp_dummy_${suffix}_frags`],
    ] as const) {
      const wrong = () => entries.set(key, { ...value, program: programs[other]! } as never);
      expect(wrong).toThrow(errno(REFUSED[kind]));
    }
  });

  it.each(MAPS)('%s: programs with fragments', async (_, kind) => {
    const { host } = await boot({ cpus: 2 });
    const { programs, maps } = await load(host, `test_xdp_with_${kind}_frags_helpers`);
    const [map, suffix] = kind === 'cpumap' ? ['cpu_map', 'cm'] : ['dm_ports', 'dm'];
    const value = kind === 'cpumap' ? { qsize: 192 } : { ifindex: 1 };
    const put = (key: number, name: string) =>
      maps[map!]!.set(key, { ...value, program: programs[name]! } as never);
    put(0, `xdp_dummy_${suffix}_frags`);
    expect(() => put(1, `xdp_dummy_${suffix}`)).toThrow(errno(REFUSED[kind]));
  });

  it('xdp_devmap_attach: egress_ifindex is for programs of entries', async () => {
    const { host } = await boot();
    await expect(load(host, 'test_xdp_devmap_helpers')).rejects.toThrow(errno('EACCES'));
  });

  it('xdp_devmap_attach: over a cable', async () => {
    const veth_src = { kind: 'veth', peer: { name: 'veth_dst' } } as const;
    const { host, bpf } = await boot({ devices: { veth_src } });
    const { programs, maps } = await load(host, 'test_xdp_with_devmap_helpers');
    const { ifindex } = host.devices['veth_src']!;
    const at = (device: string) => ({ device, mode: 'native', link: false }) as const;
    const source = programs['xdp_redir_prog']!.kernelProgram.attach(at('veth_src'));
    maps['dm_ports']!.set(0, { ifindex, program: programs['xdp_dummy_dm']! } as never);
    const far = programs['xdp_dummy_prog']!.kernelProgram.attach(at('veth_dst'));
    expect(live(bpf, programs['xdp_redir_prog']!)).toBe(0);
    expect(host.net.namespace('').device('veth_dst').statistics['rx_packets']).toBe(1);
    source.detach();
    far.detach();
  });

  it('xdp_do_redirect: redirected, sent back, and all others passed', async () => {
    const [src, dst] = ['00:11:22:33:44:55', '66:77:88:99:aa:bb'];
    const addresses = (last: number) => [`fc00::${last}/64`];
    const peer = { name: 'veth_dst', address: dst!, addresses: addresses(2) };
    const veth_src = { kind: 'veth', address: src!, addresses: addresses(1), peer } as const;
    const { host, bpf } = await boot({ devices: { veth_src } });
    const { ifindex } = host.devices['veth_src']!;
    const expectDst = src!.split(':').map((byte) => Number.parseInt(byte, 16));
    const globals = { ifindex_out: ifindex, ifindex_in: ifindex, expect_dst: expectDst };
    const loaded = await load(host, 'test_xdp_do_redirect', { globals });
    using _link = loaded.programs['xdp_count_pkts']!.kernelProgram.attach({ device: 'veth_dst' });
    const classic = { device: 'veth_src', direction: 'ingress', classic: true } as const;
    loaded.programs['tc_count_pkts']!.kernelProgram.attach(classic);
    const data = new Uint8Array(8 + 64);
    data.set(words(0x42, 0));
    data.set(expectDst, 8);
    data.set(
      dst!.split(':').map((byte) => Number.parseInt(byte, 16)),
      14,
    );
    data.set([0x86, 0xdd, 0x60, 0, 0, 0, 0, 10, 17, 2, 0xfc, 0], 20);
    data[8 + 14 + 23] = 1;
    data.set([0xfc, 0], 8 + 14 + 24);
    data[8 + 14 + 39] = 2;
    data.set([0, 1, 0, 1, 0, 10], 8 + 54);
    data[8 + 62] = 0x42;
    const count = 1000;
    const ctxIn = words(8, data.length, 0, ifindex, 0, 0);
    const attr = { ctxIn, ctxSizeIn: 24, repeat: count, batchSize: 64 };
    const frame = { dataIn: data, dataSizeIn: data.length };
    expect(live(bpf, loaded.programs['xdp_redirect']!, { ...attr, ...frame })).toBe(0);
    const seen = ['pkts_seen_xdp', 'pkts_seen_tc'].map((name) => loaded.globals.get(name));
    expect(seen).toEqual([2, count - 2]);
    const most = (size: number) =>
      live(bpf, loaded.programs['xdp_count_pkts']!, {
        dataIn: new Uint8Array(size),
        dataSizeIn: size,
      });
    expect([most(3408), most(3409)]).toEqual([0, no('EINVAL')]);
  });

  it('xdp_info: which program is there, and how', async () => {
    const { host } = await boot();
    expect(xdpAt(host)).toBe(0);
    const program = firstOf(await load(host, 'xdp_dummy')).kernelProgram;
    program.attach({ device: 'lo', mode: 'generic', link: false });
    expect(xdpAt(host)).toBe(program.id);
    const [attachment] = (host.kernel as Machine).attachments;
    expect(attachment!.place.mode).toBe('generic');
  });

  it('xdp_link: links and programs do not replace each other', async () => {
    const { host, bpf } = await boot();
    const [one, two] = [await load(host, 'test_xdp_link'), await load(host, 'test_xdp_link')];
    const programs = [one, two].map((each) => each.programs['xdp_handler']!.kernelProgram);
    const [first, second] = programs as [(typeof programs)[0], (typeof programs)[0]];
    const at = { device: 'lo' } as const;
    const direct = first!.attach({ ...at, link: false });
    expect(xdpAt(host)).toBe(first!.id);
    expect(() => first!.attach(at)).toThrow(errno('EBUSY'));
    direct.detach();
    const link = first!.attach(at);
    expect(xdpAt(host)).toBe(first!.id);
    const replace = { ...at, link: false, replace: first! };
    expect(() => second!.attach(replace)).toThrow(errno('EBUSY'));
    expect(() => second!.attach({ ...at, link: false })).toThrow(errno('EBUSY'));
    expect(() => second!.attach(at)).toThrow(errno('EBUSY'));
    link[Symbol.dispose]();
    const again = second!.attach(at);
    expect(xdpAt(host)).toBe(second!.id);
    const { links } = (host.kernel as Machine).objects;
    const linkFd = bpf.linkGetFdById({ linkId: again.id });
    expect(bpf.linkUpdate({ linkFd, newProgFd: open(bpf, first!) })).toBe(0);
    const info = () => links.get(again.id)!.info();
    expect([xdpAt(host), info()]).toEqual([first!.id, { 'xdp.ifindex': 1 }]);
    const tc = open(bpf, one.programs['tc_handler']!);
    expect(bpf.linkUpdate({ linkFd, newProgFd: tc })).toBe(no('EINVAL'));
    expect(bpf.linkDetach({ linkFd })).toBe(0);
    expect([xdpAt(host), info()]).toEqual([0, { 'xdp.ifindex': 0 }]);
  });

  it('xdp_noinline: a load balancer in many functions', async () => {
    const { host, bpf } = await boot();
    const { programs, maps } = await load(host, 'test_xdp_noinline');
    const put = (map: string, bytes: readonly (readonly [number, number])[], key: Uint8Array) => {
      const { kernelMap } = maps[map]!;
      const value = new Uint8Array(kernelMap.spec.valueSize);
      for (const [at, byte] of bytes) value[at] = byte;
      expect(kernelMap.update(key, value)).toBe(0);
    };
    const vip = new Uint8Array(maps['vip_map']!.spec.keySize);
    vip[20] = 6;
    put('vip_map', [[4, 5]], vip);
    put('ch_rings', [[0, 3]], words(11));
    put(
      'reals',
      [
        [0, 0x34],
        [1, 0x12],
      ],
      words(3),
    );
    const times = 1000;
    for (const [name, data, size] of [
      ['v4', pktV4, 54],
      ['v6', pktV6, 74],
    ] as const) {
      const progFd = open(bpf, programs[`balancer_ingress_${name}`]!);
      const dataOut = new Uint8Array(128);
      const given = { dataIn: data, dataSizeIn: data.length, repeat: times };
      const attr: ProgTestRunAttr = { progFd, ...given, dataOut, dataSizeOut: 128 };
      expect([bpf.progTestRun(attr), attr.retval, attr.dataSizeOut]).toEqual([0, 1, size]);
      expect(new DataView(dataOut.buffer).getUint32(0, true)).toBe(0x1234);
    }
    const stats = new Uint8Array(maps['stats']!.kernelMap.userValueSize);
    maps['stats']!.kernelMap.lookup(words(5), stats);
    const view = new DataView(stats.buffer);
    const sums = [view.getBigUint64(0, true), view.getBigUint64(8, true)];
    expect(sums).toEqual([BigInt(123 * times * 2), BigInt(times * 2)]);
  });

  it('xdp_perf: many times', async () => {
    const { host, bpf } = await boot();
    const progFd = open(bpf, firstOf(await load(host, 'xdp_dummy')));
    const data = { dataIn: new Uint8Array(128), dataSizeIn: 128 };
    const out = { dataOut: new Uint8Array(128), dataSizeOut: 128 };
    const attr: ProgTestRunAttr = { progFd, ...data, ...out, repeat: 1_000_000 };
    expect([bpf.progTestRun(attr), attr.retval, attr.dataSizeOut]).toEqual([0, PASS, 128]);
  });

  it('xdpwall: loads', async () => {
    const { host } = await boot();
    expect(firstOf(await load(host, 'xdpwall')).kernelProgram.verification).toBeDefined();
  });

  it('test_xdp_veth: a ping goes round by redirects', async () => {
    const address = { 1: '10.1.1.11/24', 2: undefined, 3: '10.1.1.33/24' } as const;
    const cable = (i: 1 | 2 | 3) => {
      const at = address[i] === undefined ? {} : { addresses: [address[i]!] };
      const peer = { name: `veth${i}${i}`, namespace: `ns${i}`, ...at };
      return { kind: 'veth', peer } as const;
    };
    const { host } = await boot({
      namespaces: { ns1: {}, ns2: {}, ns3: {} },
      devices: { veth1: cable(1), veth2: cable(2), veth3: cable(3) },
    });
    const maps = await load(host, 'xdp_redirect_map');
    const dummy = firstOf(await load(host, 'xdp_dummy')).kernelProgram;
    const back = firstOf(await load(host, 'xdp_tx')).kernelProgram;
    for (const i of [1, 2, 3] as const) {
      maps.maps['tx_port']!.set(i - 1, host.devices[`veth${(i % 3) + 1}`]!.ifindex);
      maps.programs[`xdp_redirect_map_${i - 1}`]!.kernelProgram.attach({ device: `veth${i}` });
      (i === 2 ? back : dummy).attach({ device: `ns${i}/veth${i}${i}` });
    }
    const near = host.namespaces['ns1']!;
    const heard: number[] = [];
    near.listen({ protocol: 'icmp' }, ({ payload }) => void heard.push(payload.length));
    near.send({ to: '10.1.1.33', protocol: 'icmp' });
    expect(heard).toHaveLength(1);
  });
});
