import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName, pod } from '../../src/index.ts';

const read = (name: string) => readFileSync(new URL(`programs/${name}.bpf.o`, import.meta.url));
const hooks = read('hooks');
const replacements = read('replacements');
const errno = (code: string) => expect.objectContaining({ code });
const engines: readonly EngineName[] = ['interpreter', 'wasm'];
const UDP = 17;

/** Two pods joined by a machine that forwards. */
async function started(engine: EngineName, mtu = 1500) {
  const host = await createMachine({
    engine,
    namespaces: {
      client: pod({ address: '10.0.0.2', link: 'veth' }),
      web: pod({ address: '10.0.0.3', link: 'veth' }),
    },
    devices: { lo: { addresses: ['127.0.0.1/8', '::1/128'] }, eth9: { mtu } },
  });
  const loaded = await host.load(hooks);
  for (const [, why] of loaded.refused) throw why;
  const { client, web } = host.namespaces;
  const heard: number[] = [];
  web!.listen({ protocol: 'udp' }, ({ destinationPort }) => void heard.push(destinationPort));
  const root = host.net.namespace('');
  const local: number[] = [];
  root.listen({ protocol: 'udp' }, ({ destinationPort }) => void local.push(destinationPort));
  const number = (name: string) => loaded.globals.get(name) as number;
  return { host, ...loaded, client: client!, web: web!, root, heard, local, number };
}

type Started = Awaited<ReturnType<typeof started>>;

const FAR = '10.0.9.9';

const send = ({ client }: Started, port = 7, payload = 'x', to = '10.0.0.3') =>
  client.send({ to, port, payload });

/** An IPv4 packet in pieces of 8 bytes. */
function pieces(port: number, size: number): Uint8Array[] {
  const datagram = new Uint8Array(8 + size);
  datagram.set([0x80, 0, port >> 8, port & 255, 0, 8 + size, 0, 0]);
  const all: Uint8Array[] = [];
  for (let at = 0; at < datagram.length; at += 8) {
    const part = datagram.subarray(at, at + 8);
    const more = at + 8 < datagram.length ? 0x20 : 0;
    const ip = [0x45, 0, 0, 20 + part.length, 0, 9, more, at / 8, 64, UDP, 0, 0];
    const header = Uint8Array.from([...ip, 127, 0, 0, 1, 127, 0, 0, 1]);
    let sum = 0;
    for (let i = 0; i < 20; i += 2) sum += (header[i]! << 8) | header[i + 1]!;
    sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
    header.set([sum >> 8, sum & 255], 10);
    all.push(Uint8Array.from([...new Uint8Array(12), 8, 0, ...header, ...part]));
  }
  return all;
}

function pieces6(port: number, size: number): Uint8Array[] {
  const datagram = new Uint8Array(8 + size);
  datagram.set([0x80, 0, port >> 8, port & 255, 0, 8 + size, 0, 0]);
  let sum = UDP + 2 * datagram.length + 0x8000 + port + 2;
  sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
  datagram.set([sum >> 8, sum & 255], 6);
  const loopback = [...new Uint8Array(15), 1];
  const all: Uint8Array[] = [];
  for (let at = 0; at < datagram.length; at += 8) {
    const part = datagram.subarray(at, at + 8);
    const more = at + 8 < datagram.length ? 1 : 0;
    const ip = [0x60, 0, 0, 0, 0, 8 + part.length, 44, 64, ...loopback, ...loopback];
    const fragment = [UDP, 0, 0, at | more, 0, 0, 0, 5];
    all.push(Uint8Array.from([...new Uint8Array(12), 0x86, 0xdd, ...ip, ...fragment, ...part]));
  }
  return all;
}

describe.each(engines)('netfilter programs (%s)', (engine) => {
  it('see a packet at each place of its way', async () => {
    const world = await started(engine);
    const { programs, number, web } = world;
    const seen = (
      hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting',
      namespace = '',
    ) => {
      const before = number('nf_runs');
      using _ = programs['filter']!.attach({ namespace, netfilter: { family: 'ipv4', hook } });
      send(world, 7, 'abc');
      const names = ['nf_hook', 'nf_family', 'nf_length', 'nf_protocol', 'nf_port'];
      const [runs, rest] = [number('nf_runs') - before, names.map(number)];
      return { runs, rest, devices: [number('nf_in') > 0, number('nf_out') > 0] };
    };
    const packet = [2, 31, UDP, 7];
    expect(seen('prerouting')).toEqual({ runs: 1, rest: [0, ...packet], devices: [true, false] });
    expect(seen('input')).toMatchObject({ runs: 0 });
    expect(seen('forward')).toEqual({ runs: 1, rest: [2, ...packet], devices: [true, true] });
    expect(seen('output')).toMatchObject({ runs: 0 });
    expect(seen('postrouting')).toEqual({ runs: 1, rest: [4, ...packet], devices: [false, true] });
    expect(seen('output', 'client')).toMatchObject({ runs: 1, rest: [3, ...packet] });
    expect(seen('input', 'web')).toMatchObject({ runs: 1, rest: [1, ...packet] });
    expect(web.name).toBe('web');
  });

  it('drop what they do not accept, until they are detached', async () => {
    const world = await started(engine);
    const { programs, globals, heard, host } = world;
    globals.set('drop_port', 9);
    const link = programs['filter']!.attach({ netfilter: { family: 'ipv4', hook: 'forward' } });
    const trace = host.net.trace();
    send(world, 9);
    send(world, 10);
    expect(heard).toEqual([10]);
    const dropped = trace.packets
      .flatMap(({ events }) => events)
      .filter(({ kind }) => kind === 'drop');
    expect(dropped).toMatchObject([{ reason: 'NETFILTER_DROP' }]);
    link.detach();
    send(world, 9);
    expect(heard).toEqual([10, 9]);
  });

  it('run in the order of their priorities, each of its own', async () => {
    const world = await started(engine);
    const { programs, globals } = world;
    const at = (priority: number) =>
      ({ netfilter: { family: 'ipv4', hook: 'forward', priority } }) as const;
    using _late = programs['second']!.attach(at(5));
    using early = programs['first']!.attach(at(-5));
    send(world);
    expect(globals.get('order')).toBe(12n);
    expect(() => programs['filter']!.attach(at(5))).toThrow(errno('EBUSY'));
    early.detach();
    using _last = programs['first']!.attach(at(6));
    globals.set('order', 0n);
    send(world);
    expect(globals.get('order')).toBe(21n);
  });

  it('get packets whole that came in pieces, if they ask for it', async () => {
    const { programs, number, host, local, globals } = await started(engine);
    globals.set('drop_port', 9);
    const come = (all: readonly Uint8Array[]) =>
      all.forEach((data) => host.devices['lo']!.receive(data));
    const at = { family: 'ipv4', hook: 'prerouting' } as const;
    {
      using _ = programs['filter']!.attach({ netfilter: at });
      come(pieces(5, 16));
      expect([number('nf_runs'), number('nf_fragments'), local.length]).toEqual([3, 3, 1]);
    }
    using _ = programs['filter']!.attach({ netfilter: { ...at, defrag: true } });
    come(pieces(5, 16).reverse());
    expect([number('nf_runs'), number('nf_fragments'), local.length]).toEqual([4, 3, 2]);
    expect([number('nf_length'), number('nf_port')]).toEqual([44, 5]);
    using _six = programs['filter']!.attach({ netfilter: { ...at, family: 'ipv6', defrag: true } });
    come(pieces6(6, 24));
    expect([number('nf_runs'), number('nf_fragments'), local.at(-1)]).toEqual([5, 3, 6]);
    expect([number('nf_family'), number('nf_length'), number('nf_port')]).toEqual([10, 72, 6]);
  });

  it('keep their rules', async () => {
    const { programs } = await started(engine);
    const attach = (options: object) =>
      programs['filter']!.attach({
        netfilter: { family: 'ipv4', hook: 'input', ...options },
      });
    expect(() => programs['filter']!.attach()).toThrow(errno('EINVAL'));
    expect(() => attach({ priority: 0x7fffffff })).toThrow(errno('ERANGE'));
    expect(() => attach({ priority: -400, defrag: true })).toThrow(errno('ERANGE'));
    expect(() => attach({ hook: 'ingress' })).toThrow(errno('EPROTO'));
    expect(() => attach({ family: 'arp' })).toThrow(errno('EAFNOSUPPORT'));
  });
});

describe.each(engines)('flow dissectors (%s)', (engine) => {
  const packet = pieces(80, 8)[0]!;

  it('give keys in a test run', async () => {
    const { programs } = await started(engine);
    const { returnValue, data } = programs['dissect']!.run({ data: packet });
    const view = new DataView(data!.buffer, data!.byteOffset);
    expect([returnValue, data!.length]).toEqual([0, 56]);
    expect([view.getUint16(0, true), view.getUint16(2, true)]).toEqual([14, 34]);
    expect([view.getUint16(4, true), data![9], view.getUint16(14)]).toEqual([0x800, UDP, 80]);
    expect([...data!.subarray(16, 24)]).toEqual([127, 0, 0, 1, 127, 0, 0, 1]);
    const other = Uint8Array.from(packet);
    other[13] = 6;
    expect(programs['dissect']!.run({ data: other }).returnValue).toBe(129);
  });

  it('decide the hash programs ask for, and leave to the kernel what they do not know', async () => {
    const world = await started(engine);
    const { programs, number, host } = world;
    using _tc = programs['ask_hash']!.attach({ device: 'lo' });
    const hashOf = (data: Uint8Array) => {
      host.devices['lo']!.receive(data);
      return number('hash');
    };
    const changed = Uint8Array.from(packet);
    changed[35] = 99;
    const kernels = hashOf(packet);
    expect(hashOf(changed)).toBe(kernels);
    const whole = Uint8Array.from(packet);
    whole[20] = 0;
    const other = Uint8Array.from(whole);
    other[37] = 81;
    expect(hashOf(whole)).not.toBe(hashOf(other));
    {
      using _ = programs['same']!.attach({});
      expect(hashOf(whole)).toBe(hashOf(other));
    }
    using _ = programs['dissect']!.attach({});
    expect(hashOf(whole)).not.toBe(hashOf(other));
    expect(number('dissected')).toBe(2);
    const ipv6 = pieces6(1, 0)[0]!;
    expect(hashOf(ipv6)).not.toBe(0);
    expect(number('dissected')).toBe(3);
  });

  it('are in the first namespace or in others', async () => {
    const { programs, host } = await started(engine);
    const other = programs['dissect']!.attach({ namespace: 'web' });
    using _client = programs['same']!.attach({ namespace: 'client' });
    expect(() => programs['same']!.attach({ namespace: 'web' })).toThrow(errno('E2BIG'));
    expect(() => programs['same']!.attach({})).toThrow(errno('EEXIST'));
    other.detach();
    host.net.removeNamespace('client');
    using _root = programs['same']!.attach({});
    expect(() => programs['dissect']!.attach({ namespace: 'web' })).toThrow(errno('EEXIST'));
  });
});

describe.each(engines)('programs of routes (%s)', (engine) => {
  const route = (world: Started, encap: object, namespace = 'client') =>
    world.host.net.namespace(namespace).addRoute({ to: '10.0.0.3/32', device: 'eth0', encap });
  /** By way of the machine to an address of the web's that nobody else has. */
  const inside = ({ web, root }: Started, encap: object) => {
    web.addRoute({ to: `${FAR}/32`, device: 'lo', type: 'local' });
    root.addRoute({ to: `${FAR}/32`, via: '10.0.0.3', device: 'veth-web', encap });
  };

  it('see packets in, out and before the device, and drop them', async () => {
    for (const place of ['in', 'out', 'xmit'] as const) {
      const world = await started(engine);
      const { programs, globals, number, heard } = world;
      inside(world, { [place]: programs[`route_${place}`]!.kernelProgram });
      send(world, 7, 'abc', FAR);
      expect([heard, number('route_runs'), number('route_length')]).toEqual([[7], 1, 31]);
      globals.set('route_verdict', 2);
      send(world, 8, 'x', FAR);
      globals.set('route_verdict', 99);
      send(world, 9, 'x', FAR);
      expect([heard, number('route_runs')]).toEqual([[7], 3]);
    }
  });

  it('put headers in front, and the packet takes the way of the outer one', async () => {
    const world = await started(engine);
    const { programs, globals, number, host, web } = world;
    host.net.namespace('web').addRoute({ to: '172.16.0.1/32', device: 'lo', type: 'local' });
    world.root.addRoute({ to: '172.16.0.1/32', via: '10.0.0.3', device: 'veth-web' });
    const outer = [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 4, 0, 0, 10, 0, 0, 2, 172, 16, 0, 1];
    globals.set('outer', Uint8Array.from([...outer, ...new Uint8Array(8)]) as never);
    const headroom = 20;
    inside(world, { xmit: programs['encapsulate']!.kernelProgram, headroom });
    const got: Uint8Array[] = [];
    web.listen({ protocol: '4' as never }, ({ packet }) => void got.push(packet.slice()));
    send(world, 7, 'abc', FAR);
    expect(number('pushed')).toBe(0);
    expect(got).toHaveLength(1);
    expect(got[0]!.length).toBe(14 + 20 + 31);
    expect([...got[0]!.subarray(30, 34)]).toEqual([172, 16, 0, 1]);
    expect([...got[0]!.subarray(50, 54)]).toEqual([10, 0, 9, 9]);
    expect(checksum(got[0]!.subarray(14, 34))).toBe(0);
  });

  it('redirect packets that have an Ethernet header', async () => {
    const world = await started(engine);
    const { programs, globals, host, heard, root } = world;
    globals.set('target', host.devices['eth9']!.ifindex);
    inside(world, { xmit: programs['to_device']!.kernelProgram });
    send(world, 7, 'abc', FAR);
    expect(heard).toEqual([]);
    expect(root.device('eth9').statistics.tx_packets).toBe(1);
    const bare = await started(engine);
    bare.globals.set('target', bare.host.devices['eth9']!.ifindex);
    inside(bare, { xmit: bare.programs['to_device_bare']!.kernelProgram });
    send(bare, 7, 'x', FAR);
    expect([bare.heard, bare.root.device('eth9').statistics.tx_packets]).toEqual([[], 0]);
  });

  it('are of the type of their place', async () => {
    const world = await started(engine);
    const { programs } = world;
    const wrong = { in: programs['route_out']!.kernelProgram };
    expect(() => route(world, wrong)).toThrow(errno('EINVAL'));
    expect(() => route(world, {})).toThrow(errno('EINVAL'));
    const right = { out: programs['route_out']!.kernelProgram, headroom: 257 };
    expect(() => route(world, right)).toThrow(errno('ERANGE'));
  });
});

function checksum(header: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += (header[i]! << 8) | header[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

describe.each(engines)('extensions (%s)', (engine) => {
  async function extending() {
    const host = await createMachine({ engine });
    const { programs } = await host.load(hooks, { programs: ['extended', 'ask_hash'] });
    const target = programs['extended']!;
    const targets = { new_weight: target, new_twice: target, new_main: target };
    const loaded = await host.load(replacements, { targets });
    for (const [, why] of loaded.refused) throw why;
    const run = (program = target) =>
      program.run({ data: new Uint8Array(64) } as never).returnValue;
    return { host, target, loaded, run, programs };
  }

  it('take the place of functions while they are attached', async () => {
    const { loaded, run } = await extending();
    const { new_weight, new_twice } = loaded.programs;
    expect(run()).toBe(110);
    const weight = new_weight!.attach();
    expect(run()).toBe(310);
    expect(loaded.globals.get('length')).toBe(64);
    const twice = new_twice!.attach();
    expect(run()).toBe(312);
    weight.detach();
    expect(run()).toBe(112);
    twice.detach();
    expect(run()).toBe(110);
    expect(loaded.globals.get('calls')).toBe(4);
  });

  it('take the place of the program itself', async () => {
    const { loaded, run } = await extending();
    const main = loaded.programs['new_main']!.attach();
    expect(run()).toBe(77);
    main.detach();
    expect(run()).toBe(110);
  });

  it('are there for packets and tail calls as well', async () => {
    const { loaded, host, target } = await extending();
    using _tc = target.attach({ device: 'lo' });
    using _ = loaded.programs['new_weight']!.attach();
    host.devices['lo']!.receive(new Uint8Array(60));
    expect(loaded.globals.get('calls')).toBe(1);
  });

  it('replace a function once, and need a target from the second time on', async () => {
    const { loaded, host, target, run } = await extending();
    const { new_weight, new_twice } = loaded.programs;
    const first = new_weight!.attach();
    const again = { target: target.kernelProgram, targetFunction: 'weight' };
    expect(() => new_weight!.attach()).toThrow(errno('EINVAL'));
    expect(() => new_weight!.attach(again)).toThrow(errno('EBUSY'));
    const twin = (await host.load(hooks, { programs: ['extended'] })).programs['extended']!;
    using _twin = new_weight!.attach({ ...again, target: twin.kernelProgram });
    expect([run(), run(twin)]).toEqual([310, 310]);
    first.detach();
    expect([run(), run(twin)]).toEqual([110, 310]);
    const wrong = { target: twin.kernelProgram, targetFunction: 'weight' };
    expect(() => new_twice!.attach(wrong)).toThrow(errno('EINVAL'));
    const none = { target: twin.kernelProgram, targetFunction: 'nothing' };
    expect(() => new_twice!.attach(none)).toThrow(errno('EINVAL'));
  });

  it('are refused with another prototype, and hold their target', async () => {
    const { host, target, loaded } = await extending();
    const targets = { wrong: target };
    await expect(host.load(replacements, { programs: ['wrong'], targets })).rejects.toThrow(
      /wrong|arg/,
    );
    using _ = loaded.programs['new_weight']!.attach();
    target[Symbol.dispose]();
    expect(target.kernelProgram).toMatchObject({ alive: true });
  });
});
