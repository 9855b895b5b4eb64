/** Links of every kind, and programs that no link holds, are in the file of a machine. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, type Host, pod, resumeMachine, saveMachine } from '../../src/index.ts';
import { linkJson } from '../../src/cli/machine-link.ts';
import { BPF_FLOW_DISSECTOR } from '../../src/abi/generated/6.12/constants.ts';
import { enums } from '../../src/abi/index.ts';
import type { Machine } from '../../src/machine/index.ts';
import { netObject } from './helpers.ts';

const file = (path: string) => new Uint8Array(readFileSync(new URL(path, import.meta.url)));
const read = (name: string) => file(`programs/${name}.bpf.o`);
const machineOf = (host: Host): Machine => host.kernel as Machine;
const linksOf = (machine: Machine) =>
  [...machine.objects.links].map((link) => linkJson(machine, link));
const again = async (host: Host): Promise<Host> => resumeMachine(await saveMachine(host));
const errno = (code: string) => expect.objectContaining({ code });

/** A machine with a link of each kind; their handles, by type. */
async function linked() {
  const host = await createMachine({
    engine: 'interpreter',
    devices: { lo: { addresses: ['127.0.0.1/8'] }, eth0: {} },
    namespaces: { web: pod({ address: '10.0.0.2' }) },
  });
  const net = (await host.load(netObject(), { programs: ['by_length', 'marks'] })).programs;
  const hooks = (await host.load(read('hooks'), { programs: HOOKS })).programs;
  const sockets = (await host.load(read('sockets'))).programs;
  const sockmap = await host.load(read('sockmap'));
  const pods = (await host.load(file('../../examples/netkit-pods/pods.bpf.o'))).programs;
  const policy = (await host.load(file('../../examples/cgroup-policy/policy.bpf.o'))).programs;
  const traced = (await host.load(read('traced'))).programs;
  const target = hooks['extended']!;
  const around = { before_main: target, behind_twice: target };
  const tracers = (
    await host.load(read('tracers'), { programs: Object.keys(around), targets: around })
  ).programs;
  const replacing = (
    await host.load(read('replacements'), {
      programs: ['new_weight'],
      targets: { new_weight: target },
    })
  ).programs;
  const byType = <T extends { spec: { type: string | undefined } }>(
    programs: Record<string, T | undefined>,
    type: string,
  ) => Object.values(programs).find((one) => one!.spec.type === type)!;
  const netkit = Object.values(pods).find((one) => one!.spec.attachType?.startsWith('netkit'))!;
  const iterator = Object.values(sockmap.programs).find(
    (one) => one!.spec.attachType === 'trace_iter',
  )!;
  const map = sockmap.maps['peers']!;
  const primary = host.net.namespace('').deviceNames.find((name) => !/^(lo|eth0)$/.test(name))!;
  return {
    host,
    hooks,
    sockmap,
    links: {
      xdp: net['by_length']!.attach({ device: 'eth0' }),
      tcx: net['marks']!.attach({ device: 'eth0', direction: 'ingress' }),
      netkit: netkit.attach({ device: primary } as never),
      netfilter: hooks['filter']!.attach({
        netfilter: { family: 'ipv4', hook: 'input', priority: -7, defrag: true },
        namespace: 'web',
      } as never),
      netns: hooks['dissect']!.attach({ namespace: 'web' } as never),
      lookup: byType(sockets, 'sk_lookup').attach({ namespace: 'web' } as never),
      sockmap: byType(sockmap.programs, 'sk_msg').attach({ map } as never),
      iter: iterator.attach({ map } as never),
      cgroup: byType(policy, 'cgroup_sock_addr').attach({ cgroup: '/kube' } as never),
      raw_tracepoint: traced['on_enter']!.attach(),
      perf_event: traced['on_openat']!.attach(),
      tracing: traced['on_function']!.attach(),
      fentry: tracers['before_main']!.attach(),
      fexit: tracers['behind_twice']!.attach(),
      freplace: replacing['new_weight']!.attach(),
    },
  };
}

const HOOKS = ['filter', 'dissect', 'same', 'extended', 'route_out'];
const TYPES = enums.bpf_link_type as unknown as Record<string, number>;
/** Links of types that no program of this machine makes. */
const NONE = ['UNSPEC', 'KPROBE_MULTI', 'STRUCT_OPS', 'UPROBE_MULTI'];

describe('links of a saved machine', () => {
  it('of every kind are there again', async () => {
    const { host } = await linked();
    const before = linksOf(machineOf(host));
    const known = new Set([...machineOf(host).objects.links].map(({ type }) => type));
    const missing = Object.entries(TYPES).filter(
      ([name, type]) => !known.has(type) && !/^(__)?MAX/.test(name.replace('BPF_LINK_TYPE_', '')),
    );
    const words = missing.map(([name]) => name.replace(/^(__)?(MAX_)?BPF_LINK_TYPE_?/, ''));
    expect(words.filter((word) => word !== '')).toEqual(NONE);
    const back = await again(host);
    expect(linksOf(machineOf(back))).toEqual(before);
    const twice = await again(back);
    expect(linksOf(machineOf(twice))).toEqual(before);
  });

  it('go where they were: what is traced and replaced runs so', async () => {
    const { host, hooks } = await linked();
    const run = (one: Host) =>
      [...machineOf(one).programs]
        .find(({ spec }) => spec.name === 'extended')!
        .run({ data: new Uint8Array(64) }).returnValue;
    expect(run(host)).toBe(310);
    const back = await again(host);
    expect(run(back)).toBe(310);
    for (const link of machineOf(back).objects.links) link.detach();
    expect(run(back)).toBe(110);
    expect([...machineOf(back).objects.links]).toEqual([]);
    const [mine, theirs] = [host, back].map((one) => machineOf(one).objects.programs.size);
    expect(theirs).toBe(mine);
    hooks['filter']![Symbol.dispose]();
  });

  it('that are at nothing any more say so', async () => {
    const { host, links } = await linked();
    const machine = machineOf(host);
    for (const name of ['xdp', 'tcx', 'netkit', 'netfilter', 'netns', 'sockmap', 'cgroup']) {
      machine.objects.links.get(links[name as 'xdp'].id)!.detachHook!();
    }
    const before = linksOf(machine);
    const back = machineOf(await again(host));
    expect(linksOf(back)).toEqual(before);
    const { links: objects } = back.objects;
    for (const name of ['xdp', 'netns', 'sockmap', 'cgroup'] as const) {
      const link = objects.get(links[name].id)!;
      expect(() => link.update!(link.program, undefined)).toThrow(errno('ENOLINK'));
    }
  });

  it('programs that no link holds are where they were', async () => {
    const { host, hooks, links, sockmap } = await linked();
    for (const name of ['netns', 'sockmap'] as const) links[name].detach();
    const parser = Object.values(sockmap.programs).find(
      (one) => one!.spec.attachType === 'sk_skb_stream_parser',
    )!;
    parser.attach({ map: sockmap.maps['peers']!, link: false } as never);
    const hook = (machine: Machine) =>
      machine.subsystems.map((one) => one.namespaceHook?.(BPF_FLOW_DISSECTOR)).find(Boolean)!;
    const program = machineOf(host).objects.programs.get(hooks['same']!.id)!;
    hook(machineOf(host)).attach(program, '');
    const back = machineOf(await again(host));
    expect(
      hook(back)
        .programs('')
        .map(({ id }) => id),
    ).toEqual([program.id]);
    const maps = [...back.objects.maps].flatMap((one) => [...(one.programs?.all() ?? [])]);
    expect(maps.map(([, { id }]) => id)).toEqual([parser.id]);
  });

  it('programs of routes run again', async () => {
    const { host, hooks } = await linked();
    const root = host.net.namespace('');
    const encap = { out: hooks['route_out']!.kernelProgram, headroom: 20 };
    root.addRoute({ to: '10.5.0.0/16', device: 'eth0', encap } as never);
    const back = await again(host);
    const tunnels = (one: Host) => {
      const { routes, tunnels: all } = one.net.namespace('') as never as {
        routes: readonly object[];
        tunnels: Map<object, { parts: unknown }>;
      };
      return routes.map((route) => all.get(route)?.parts);
    };
    expect(tunnels(back)).toEqual(tunnels(host));
    expect(tunnels(back).filter(Boolean)).toHaveLength(1);
  });

  it('sockets that no file holds are refused', async () => {
    const { host, sockmap } = await linked();
    const shared = { type: 'udp', address: '127.0.0.1', port: 9, reusePort: true } as const;
    const socket = host.net.namespace('').socket(shared);
    await expect(saveMachine(host)).rejects.toThrow(errno('EOPNOTSUPP'));
    socket.close();
    const alone = host.net.namespace('').socket({ type: 'udp', address: '127.0.0.1', port: 10 });
    sockmap.maps['others']!.setSocket(0, alone);
    await expect(saveMachine(host)).rejects.toThrow(/sockets in maps/);
  });
});
