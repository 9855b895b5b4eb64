/**
 * Programs of the kernel's selftests, unmodified, at hooks at no device, and what prog_tests/ wants
 * of them: netfilter_link_attach, ip_check_defrag, flow_dissector, lwt_redirect, lwt_reroute,
 * lwt_ip_encap, fexit_bpf2bpf (replacements), tailcalls (replacements).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  createMachine,
  type EngineName,
  type LoadOptions,
  parseObject,
  pod,
} from '../../src/index.ts';
import { constants, enums, errnos } from '../../src/abi/index.ts';
import type { ProgTestRunAttr } from '../../src/kernel/index.ts';
import { bpfSyscall, type Machine, Process } from '../../src/machine/index.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const folder = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+/.test(name))
  .map((name) => join(cache, name))
  .find((path) => existsSync(join(path, 'bpf_flow.bpf.o')));
const errno = (code: string) => expect.objectContaining({ code });

/** pkt_v4 of network_helpers.c: a TCP segment over IPv4. */
const run54 = () => {
  const dataIn = Uint8Array.from([...ETH(0x800), ...ipv4(TCP), ...TCP_HEADER]);
  return { dataIn, dataSizeIn: dataIn.length };
};

type Host = Awaited<ReturnType<typeof createMachine>>;

/** `type`: of programs whose section says none, as `ip route` gives it. */
async function load(host: Host, name: string, options: LoadOptions = {}, type?: string) {
  const object = parseObject(new Uint8Array(readFileSync(join(folder!, `${name}.bpf.o`))));
  const programs = object.programs.map((one) => (type ? { ...one, type } : one));
  const loaded = await host.load({ ...object, programs } as never, options);
  for (const [, why] of loaded.refused) throw why;
  return loaded;
}

const BIG = (value: number) => [value >> 8, value & 255];
const ETH = (...types: number[]) => [...new Uint8Array(12), ...types.flatMap(BIG)];
/** The test writes its numbers as they are in memory. */
const TCP_HEADER = [80, 0, 0x90, 0x1f, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0];
const ipv4 = (protocol: number, fragment = 0) => [
  0x45,
  0,
  0,
  5,
  0,
  0,
  ...BIG(fragment),
  0,
  protocol,
  0,
  0,
  ...new Uint8Array(8),
];
const ipv6 = (next: number, label = [0, 0, 0]) => [
  0x00,
  ...label,
  0,
  5,
  next,
  0,
  ...new Uint8Array(32),
];
const [TCP, IPIP, FRAGMENT] = [6, 4, 44];
const LABEL = [0x0b, 0xee, 0xef];

interface Keys {
  readonly flags?: number;
  readonly nhoff: number;
  readonly thoff: number;
  readonly addr: number;
  readonly n?: number;
  readonly frag?: readonly [number, number];
  readonly encap?: boolean;
  readonly ports?: boolean;
  readonly label?: number;
}

/** struct bpf_flow_keys of TCP. */
function keysOf(keys: Keys): number[] {
  const bytes = new Uint8Array(56);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, keys.nhoff, true);
  view.setUint16(2, keys.thoff, true);
  view.setUint16(4, keys.addr, true);
  bytes.set(keys.frag ?? [0, 0], 6);
  bytes[8] = keys.encap ? 1 : 0;
  bytes[9] = TCP;
  view.setUint16(10, keys.n ?? keys.addr);
  if (keys.ports ?? true) bytes.set(TCP_HEADER.slice(0, 4), 12);
  view.setUint32(48, keys.flags ?? 0, true);
  view.setUint32(52, keys.label ?? 0);
  return [...bytes];
}

const PARSE_FIRST = 1;
const STOP_AT_LABEL = 2;
const STOP_AT_ENCAP = 4;
const FIRST = [1, 1] as const;
const MORE = 0x2000;

const FLOWS: readonly (readonly [string, readonly number[], number, Keys])[] = [
  ['ipv4', [...ETH(0x800), ...ipv4(TCP), ...TCP_HEADER], 0, { nhoff: 14, thoff: 34, addr: 0x800 }],
  [
    'ipv6',
    [...ETH(0x86dd), ...ipv6(TCP), ...TCP_HEADER],
    0,
    { nhoff: 14, thoff: 54, addr: 0x86dd },
  ],
  [
    '802.1q-ipv4',
    [...ETH(0x8100, 0, 0x800), ...ipv4(TCP), ...TCP_HEADER],
    0,
    { nhoff: 18, thoff: 38, addr: 0x800 },
  ],
  [
    '802.1ad-ipv6',
    [...ETH(0x88a8, 0, 0x8100, 0, 0x86dd), ...ipv6(TCP), ...TCP_HEADER],
    0,
    { nhoff: 22, thoff: 62, addr: 0x86dd },
  ],
  [
    'ipv4-frag',
    [...ETH(0x800), ...ipv4(TCP, MORE), ...TCP_HEADER],
    PARSE_FIRST,
    { nhoff: 14, thoff: 34, addr: 0x800, frag: FIRST, flags: PARSE_FIRST },
  ],
  [
    'ipv4-no-frag',
    [...ETH(0x800), ...ipv4(TCP, MORE), ...TCP_HEADER],
    0,
    { nhoff: 14, thoff: 34, addr: 0x800, frag: FIRST, ports: false },
  ],
  [
    'ipv6-frag',
    [...ETH(0x86dd), ...ipv6(FRAGMENT), TCP, ...new Uint8Array(7), ...TCP_HEADER],
    PARSE_FIRST,
    { nhoff: 14, thoff: 62, addr: 0x86dd, frag: FIRST, flags: PARSE_FIRST },
  ],
  [
    'ipv6-no-frag',
    [...ETH(0x86dd), ...ipv6(FRAGMENT), TCP, ...new Uint8Array(7), ...TCP_HEADER],
    0,
    { nhoff: 14, thoff: 62, addr: 0x86dd, frag: FIRST, ports: false },
  ],
  [
    'ipv6-flow-label',
    [...ETH(0x86dd), ...ipv6(TCP, LABEL), ...TCP_HEADER],
    0,
    { nhoff: 14, thoff: 54, addr: 0x86dd, label: 0xbeeef },
  ],
  [
    'ipv6-no-flow-label',
    [...ETH(0x86dd), ...ipv6(TCP, LABEL), ...TCP_HEADER],
    STOP_AT_LABEL,
    { nhoff: 14, thoff: 54, addr: 0x86dd, label: 0xbeeef, flags: STOP_AT_LABEL, ports: false },
  ],
  [
    'ipv6-empty-flow-label',
    [...ETH(0x86dd), ...ipv6(TCP), ...TCP_HEADER],
    STOP_AT_LABEL,
    { nhoff: 14, thoff: 54, addr: 0x86dd, flags: STOP_AT_LABEL },
  ],
  [
    'ipip-encap',
    [...ETH(0x800), ...ipv4(IPIP), ...ipv4(TCP), ...TCP_HEADER],
    0,
    { nhoff: 14, thoff: 54, addr: 0x800, encap: true },
  ],
];

describe.skipIf(!folder).each(['wasm', 'interpreter'] as const)('selftests (%s)', (engine) => {
  const dissector = async () => {
    const host = await createMachine({ engine });
    const loaded = await load(host, 'bpf_flow');
    const table = loaded.maps['jmp_table'] as never as {
      kernelMap: { setObject(key: Uint8Array, program: unknown): number };
    };
    const parts = Object.entries(loaded.programs).filter(([name]) => name !== '_dissect');
    parts.forEach(([, program], i) => {
      const result = table.kernelMap.setObject(Uint8Array.of(i, 0, 0, 0), program!.kernelProgram);
      expect(result).toBe(0);
    });
    return { host, program: loaded.programs['_dissect']! };
  };

  it('flow_dissector: every packet gives the keys it should', async () => {
    const { program } = await dissector();
    for (const [name, data, flags, keys] of FLOWS) {
      const context = new Uint8Array(56);
      context[48] = flags;
      const result = program.run({
        data: Uint8Array.from(data),
        ...(flags !== 0 && { context }),
      });
      expect([name, result.returnValue, [...result.data!]]).toEqual([name, 0, keysOf(keys)]);
    }
  });

  it('flow_dissector: ipip-no-encap, and what is left to the kernel', async () => {
    const { program } = await dissector();
    const context = new Uint8Array(56);
    context[48] = STOP_AT_ENCAP;
    const data = Uint8Array.from([...ETH(0x800), ...ipv4(IPIP), ...ipv4(TCP), ...TCP_HEADER]);
    const { returnValue, data: keys } = program.run({ data, context });
    expect([returnValue, keys![8], keys![9], keys![2]]).toEqual([0, 1, IPIP, 34]);
    // 127.0.0.127 is the address the program has no mind to look at.
    data.set([127, 0, 0, 127], 26);
    expect(program.run({ data }).returnValue).toBe(129);
  });

  // On Linux a test run has no socket buffer, and the program loads nothing and says BPF_OK.
  it('flow_dissector_load_bytes: known gap, there is a packet to load from', async () => {
    const host = await createMachine({ engine });
    // r0 = bpf_skb_load_bytes(ctx, 0, fp - 1, 1); r0 = r0 == 0 ? BPF_DROP : BPF_OK
    const insns = [
      [0xb7, 2, 0, 0],
      [0xbf, 0xa3, 0, 0],
      [0x07, 3, 0, -1],
      [0xb7, 4, 0, 1],
      [0x85, 0, 0, 26],
      [0x55, 0, 2, 0],
      [0xb7, 0, 0, 2],
      [0x95, 0, 0, 0],
      [0xb7, 0, 0, 0],
      [0x95, 0, 0, 0],
    ].flatMap(([op, registers, off, imm]) =>
      [op!, registers!, off!, 0].concat(...new Uint8Array(Int32Array.of(imm!).buffer)),
    );
    const bpf = bpfSyscall(new Process(host.kernel as Machine));
    const progType = enums.bpf_prog_type.BPF_PROG_TYPE_FLOW_DISSECTOR;
    const code = Uint8Array.from(insns);
    const progFd = bpf.progLoad({ progType, insnCnt: 10, insns: code, license: 'GPL' });
    const attr: ProgTestRunAttr = { progFd, ...run54(), dataOut: new Uint8Array(56) };
    attr.dataSizeOut = 56;
    expect(bpf.progTestRun(attr)).toBe(0);
    const { BPF_DROP } = constants;
    expect([attr.dataSizeOut, attr.retval]).toEqual([56, BPF_DROP]);
  });

  it('netfilter_link_attach', async () => {
    const host = await createMachine({ engine });
    const program = (await load(host, 'test_netfilter_link_attach')).programs[
      'nf_link_attach_test'
    ]!;
    const attach = (netfilter: object) => program.attach({ netfilter } as never);
    expect(() => attach({ family: 'inet', hook: 'input' })).toThrow(errno('EAFNOSUPPORT'));
    const ipv4 = { family: 'ipv4', hook: 'postrouting', priority: -10000 };
    const link = attach(ipv4);
    expect(() => attach(ipv4)).toThrow(errno('EBUSY'));
    link.detach();
    using _again = attach(ipv4);
    const six = { family: 'ipv6', hook: 'forward', priority: 10001, defrag: true };
    using _ = attach(six);
    expect(() => attach({ ...ipv4, priority: 0x7fffffff })).toThrow(errno('ERANGE'));
  });

  it.each([
    ['allzero', {}, 'EAFNOSUPPORT'],
    ['invalid-pf', { pf: 11 }, 'EAFNOSUPPORT'],
    ['invalid-hooknum', { pf: 2, hooknum: 42 }, 'EPROTO'],
    ['invalid-priority-min', { pf: 2, priority: -(2 ** 31) }, 'ERANGE'],
    ['invalid-priority-max', { pf: 2, priority: 2 ** 31 - 1 }, 'ERANGE'],
    ['invalid-flags', { pf: 2, flags: 2 ** 32 - 1 }, 'EOPNOTSUPP'],
    ['invalid-inet-not-supported', { pf: 1, priority: 1 }, 'EAFNOSUPPORT'],
  ])('netfilter_link_attach: %s', async (_name, netfilter, code) => {
    const host = await createMachine({ engine });
    const task = new Process(host.kernel as Machine);
    const bpf = bpfSyscall(task);
    const { programs } = await load(host, 'test_netfilter_link_attach');
    const progFd = bpf.progGetFdById({ progId: programs['nf_link_attach_test']!.id });
    const attachType = enums.bpf_attach_type.BPF_NETFILTER;
    const result = bpf.linkCreate({ progFd, targetFd: 0, attachType, netfilter });
    expect(result).toBe(-errnos[code]!);
  });

  it('ip_check_defrag: no piece gets past reassembly', async () => {
    const host = await createMachine({
      engine,
      namespaces: { one: pod({ address: ['10.0.0.2', 'fd00::2'], link: 'veth', mtu: 1280 }) },
      devices: { lo: { addresses: ['10.9.0.1/32', 'fd09::1/128'] } },
    });
    const { programs, globals } = await load(host, 'ip_check_defrag');
    const root = host.net.namespace('');
    const heard: number[] = [];
    root.listen({ protocol: 'udp' }, ({ payload }) => void heard.push(payload.length));
    const attach = (family: string) =>
      programs['defrag']!.attach({
        netfilter: { family, hook: 'prerouting', priority: 42, defrag: true },
      } as never);
    using _four = attach('ipv4');
    using _six = attach('ipv6');
    const payload = 'x'.repeat(3000);
    const { one } = host.namespaces;
    one!.send({ to: '10.9.0.1', port: 9, payload, dontFragment: false });
    one!.send({ to: 'fd09::1', port: 9, payload, dontFragment: false });
    expect([heard, globals.get('shootdowns')]).toEqual([[3000, 3000], 0]);
  });

  const routed = async (name: string, section: string) => {
    const host = await createMachine({
      engine,
      devices: {
        lo: { addresses: ['10.0.0.1/32'] },
        link_err: { ifindex: 50 },
        link_other: { ifindex: 51 },
      },
    });
    const { programs } = await load(host, name, {}, 'lwt_xmit');
    const xmit = Object.values(programs).find((one) => one!.spec.section === section)!;
    const root = host.net.namespace('');
    const encap = { xmit: xmit.kernelProgram };
    const neighbour = { device: 'link_err', hardware: '02:00:00:00:00:09' };
    for (const last of [0, 50, 51]) root.addNeighbour({ ...neighbour, address: `10.0.1.${last}` });
    root.addRoute({ to: '10.0.1.0/24', device: 'link_err', encap });
    const ping = (to: string) => root.send({ to, protocol: 'icmp', from: '10.0.0.1' });
    const count = (device: string, what: 'tx_packets' | 'rx_packets' = 'tx_packets') =>
      root.device(device).statistics[what];
    return { host, root, ping, count };
  };

  it('lwt_redirect: out of the device of the last byte, with an Ethernet header only', async () => {
    const out = await routed('test_lwt_redirect', 'redir_egress');
    out.ping('10.0.1.51');
    expect([out.count('link_err'), out.count('link_other')]).toEqual([0, 1]);
    const bare = await routed('test_lwt_redirect', 'redir_egress_nomac');
    bare.ping('10.0.1.51');
    expect([bare.count('link_err'), bare.count('link_other')]).toEqual([0, 0]);
    const into = await routed('test_lwt_redirect', 'redir_ingress');
    const trace = into.host.net.trace();
    into.ping('10.0.1.51');
    const events = trace.packets.flatMap(({ events: all }) => all);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'redirect', ingress: true }));
  });

  it('lwt_redirect: to a device that is down', async () => {
    for (const section of ['redir_egress', 'redir_egress_nomac']) {
      const { root, count, ping } = await routed('test_lwt_redirect', section);
      root.device('link_other').up = false;
      ping('10.0.1.51');
      expect([count('link_err'), count('link_other')]).toEqual([0, 0]);
    }
  });

  it('lwt_reroute: another way once, and no circle', async () => {
    const { ping, count } = await routed('test_lwt_reroute', 'lwt_xmit');
    ping('10.0.1.0');
    expect(count('link_err')).toBe(1);
    ping('10.0.1.50');
    expect(count('link_err')).toBe(2);
  });

  it('lwt_ip_encap: GRE over IPv4', async () => {
    const { root, host, ping } = await routed('test_lwt_ip_encap', 'encap_gre');
    root.addRoute({ to: '172.16.16.100/32', device: 'link_other' });
    root.addNeighbour({
      address: '172.16.16.100',
      device: 'link_other',
      hardware: '02:00:00:00:00:08',
    });
    const capture = host.net.capture();
    ping('10.0.1.9');
    const sent = capture.packets.filter(({ device }) => device === 'link_other');
    expect(sent).toHaveLength(1);
    const { data } = sent[0]!;
    expect([data[23], ...data.subarray(26, 34)]).toEqual([47, 172, 16, 1, 100, 172, 16, 16, 100]);
    expect([...data.subarray(34, 38)]).toEqual([0, 0, 8, 0]);
    expect(data[38]! >> 4).toBe(4);
  });

  const replaced = async (engineName: EngineName, name: string, programs: readonly string[]) => {
    const host = await createMachine({ engine: engineName });
    const target = (await load(host, name, programs.length > 0 ? { programs } : {})).programs;
    return { host, target: Object.values(target)[0]! };
  };

  it('fexit_bpf2bpf: a function is replaced, and one by another name', async () => {
    const { host, target } = await replaced(engine, 'test_pkt_access', []);
    const name = 'security_new_get_constant';
    const loaded = await load(host, 'freplace_get_constant', { targets: { [name]: target } });
    using _ = loaded.programs[name]!.attach();
    target.run({ data: new Uint8Array(100) } as never);
    expect(loaded.globals.get('test_get_constant')).toBe(1n);
  });

  it('fexit_bpf2bpf: the program itself is replaced', async () => {
    const { host, target } = await replaced(engine, 'test_pkt_access', []);
    const name = 'new_test_pkt_access';
    const loaded = await load(host, 'freplace_global_func', { targets: { [name]: target } });
    using _ = loaded.programs[name]!.attach();
    expect(target.run({ data: new Uint8Array(100) } as never).returnValue).toBe(1);
  });

  it('fexit_bpf2bpf: what may not be replaced', async () => {
    const { host, target } = await replaced(engine, 'test_pkt_access', []);
    const refused = async (object: string, program: string, name: string) => {
      const targets = { [program]: { program: target, function: name } };
      await expect(load(host, object, { targets })).rejects.toThrow();
    };
    await refused('freplace_get_constant', 'security_new_get_constant', 'test_pkt_access_subprog1');
    await refused('freplace_get_constant', 'security_new_get_constant', 'no_such_function');
  });

  it('tailcalls: a replacement that calls its target by tail call is refused', async () => {
    const { host, target } = await replaced(engine, 'tc_bpf2bpf', ['entry_tc']);
    const targets = { entry_freplace: { program: target, function: 'subprog_tc' } };
    const loaded = await load(host, 'tailcall_freplace', { targets });
    const table = loaded.maps['jmp_table'] as never as {
      kernelMap: {
        setObject(key: Uint8Array, program: unknown): number;
        delete(key: Uint8Array): number;
      };
    };
    const zero = new Uint8Array(4);
    const put = () => table.kernelMap.setObject(zero, target.kernelProgram);
    const ext = loaded.programs['entry_freplace']!;
    const link = ext.attach();
    expect(put()).toBe(-16);
    target.run({ data: new Uint8Array(100) } as never);
    expect(loaded.globals.get('count')).toBe(1);
    link.detach();
    expect(put()).toBe(0);
    const again = { target: target.kernelProgram, targetFunction: 'subprog_tc' };
    expect(() => ext.attach(again)).toThrow(errno('EBUSY'));
    expect(table.kernelMap.delete(zero)).toBe(0);
    using _ = ext.attach(again);
  });
});
