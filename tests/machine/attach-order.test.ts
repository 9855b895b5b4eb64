// What tc_links and tc_opts of the kernel's selftests expect, and XDP, in our own words.
import { describe, expect, it } from 'vitest';
import { constants, enums, errnos } from '../../src/abi/index.ts';
import { bootMachine, bpfSyscall, type Network, Process } from '../../src/machine/index.ts';

const { BPF_F_BEFORE, BPF_F_AFTER, BPF_F_LINK, BPF_F_REPLACE } = constants;
const { BPF_TCX_INGRESS, BPF_NETKIT_PRIMARY, BPF_NETKIT_PEER, BPF_XDP } = enums.bpf_attach_type;
const { BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_XDP } = enums.bpf_prog_type;
const ETH0 = 2;
const no = (name: string): number => -errnos[name]!;

/** mov r0, CODE; exit */
function returning(code: number): Uint8Array {
  const insns = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
  new DataView(insns.buffer).setInt32(4, code, true);
  return insns;
}

async function boot() {
  const { machine, network } = await bootMachine({
    devices: { eth0: {}, nk0: { kind: 'netkit', peer: 'nk1', primary: true } },
  });
  const process = new Process(machine);
  const bpf = bpfSyscall(process);
  const load = (code: number, progType: number = BPF_PROG_TYPE_SCHED_CLS, expected = 0): number =>
    bpf.progLoad({
      progType,
      insnCnt: 2,
      insns: returning(code),
      license: 'MIT',
      expectedAttachType: expected,
    });
  const program = (fd: number) => process.get(fd, 'prog');
  return { machine, network, process, bpf, load, program };
}

const order = (network: Network) =>
  network
    .device('eth0')
    .query('ingress')
    .programs.map(({ program, link }) => (link ? `${program}/${link}` : `${program}`))
    .join(' ');

const tcx = (attachBpfFd: number, more: object = {}) => {
  return { targetFd: ETH0, attachType: BPF_TCX_INGRESS, attachBpfFd, ...more };
};
const link = (progFd: number, flags = 0, relativeFd = 0) => {
  return { progFd, targetFd: ETH0, attachType: BPF_TCX_INGRESS, flags, tcx: { relativeFd } };
};

describe('programs and links in one order', () => {
  it('go before and after each other, whoever holds them', async () => {
    const { network, bpf, load } = await boot();
    const [a, b, c, d] = [load(-1), load(-1), load(-1), load(-1)];
    expect(bpf.progAttach(tcx(a))).toBe(0);
    const first = bpf.linkCreate(link(b, BPF_F_BEFORE, a));
    expect(order(network)).toBe('2/1 1');
    expect(
      bpf.progAttach(tcx(c, { attachFlags: BPF_F_AFTER | BPF_F_LINK, relativeFd: first })),
    ).toBe(0);
    expect(bpf.linkCreate(link(d, BPF_F_BEFORE))).toBeGreaterThan(0);
    expect(order(network)).toBe('4/2 2/1 3 1');
    expect(network.device('eth0').query('ingress').revision).toBe(5n);
  });

  it('are not replaced or detached by the other way', async () => {
    const { network, bpf, load } = await boot();
    const [a, b] = [load(-1), load(-1)];
    const linkFd = bpf.linkCreate(link(a));
    expect(bpf.progDetach(tcx(a))).toBe(no('EBUSY'));
    const replace = { attachFlags: BPF_F_REPLACE, replaceBpfFd: a };
    expect(bpf.progAttach(tcx(b, replace))).toBe(no('EBUSY'));
    expect(bpf.linkCreate(link(a))).toBe(no('EEXIST'));
    expect(bpf.linkUpdate({ linkFd, newProgFd: b })).toBe(0);
    expect(order(network)).toBe('2/1');
    expect(bpf.linkDetach({ linkFd })).toBe(0);
    expect(bpf.linkUpdate({ linkFd, newProgFd: a })).toBe(no('ENOLINK'));
    expect(bpf.progDetach(tcx(0))).toBe(no('ENOENT'));
  });

  it('lose their device: links stay, and lead nowhere', async () => {
    const { machine, network, bpf, load } = await boot();
    const [a, b] = [load(-1), load(-1)];
    const linkFd = bpf.linkCreate(link(a));
    expect(bpf.progAttach(tcx(b))).toBe(0);
    const before = machine.objects.programs.get(2)!.holders;
    network.removeDevice('eth0');
    expect(machine.objects.programs.get(2)!.holders).toBe(before - 1);
    expect(bpf.linkUpdate({ linkFd, newProgFd: b })).toBe(no('ENOLINK'));
    expect(machine.objects.links.get(1)!.info()).toMatchObject({ 'tcx.ifindex': 0 });
    expect(bpf.progAttach(tcx(b))).toBe(no('ENODEV'));
  });

  it('of netkit come through the primary only, and an empty one goes on counting', async () => {
    const { network, bpf, load } = await boot();
    const nk0 = network.device('nk0').ifindex;
    const nk1 = network.device('nk1').ifindex;
    const a = load(-1, BPF_PROG_TYPE_SCHED_CLS, BPF_NETKIT_PRIMARY);
    const at = (targetFd: number, more: object = {}) => {
      return { targetFd, attachType: BPF_NETKIT_PRIMARY, attachBpfFd: a, ...more };
    };
    expect(bpf.progAttach(at(nk1))).toBe(no('EACCES'));
    expect(bpf.progAttach(at(ETH0))).toBe(no('ENXIO'));
    expect(bpf.progAttach(at(77))).toBe(no('ENODEV'));
    expect(bpf.progAttach(at(nk0, { attachType: BPF_NETKIT_PEER }))).toBe(0);
    expect(bpf.progAttach(at(nk0))).toBe(0);
    expect(bpf.progDetach(at(nk0))).toBe(0);
    expect(bpf.progDetach(at(nk0))).toBe(no('ENOENT'));
    expect(bpf.progAttach(at(nk0, { expectedRevision: 1n }))).toBe(no('ESTALE'));
    expect(bpf.progAttach(at(nk0, { expectedRevision: 3n }))).toBe(0);
  });
});

describe('classic filters beside tcx', () => {
  it('run when tcx says NEXT, or what nobody knows, by priority', async () => {
    const { machine, network, load, program } = await boot();
    const device = 'eth0';
    const eth0 = network.device(device);
    const ran = (): string => {
      using trace = network.trace();
      eth0.receive(new Uint8Array(60));
      const events = trace.packets[0]!.events;
      return events
        .flatMap((one) => (one.kind === 'program' ? [`${one.hook} ${one.verdict}`] : []))
        .join(', ');
    };
    const [next, pass, unknown, drop] = [load(-1), load(0), load(9), load(2)].map(program);
    machine.attach(drop!, { device, classic: { priority: 20 } });
    machine.attach(next!, { device, classic: { priority: 10 } });
    expect(ran()).toBe('tc/ingress next, tc/ingress drop');
    const first = machine.attach(unknown!, { device });
    machine.attach(pass!, { device });
    expect(ran()).toBe('tcx/ingress unknown 9, tc/ingress next, tc/ingress drop');
    first.detach();
    expect(ran()).toBe('tcx/ingress pass');
  });

  it('keep the revision of an empty tcx', async () => {
    const { machine, network, load, program } = await boot();
    const [a, b] = [load(-1), load(-1)].map(program);
    machine.attach(a!, { device: 'eth0', classic: true });
    const held = machine.attach(b!, { device: 'eth0', link: false });
    held.detach();
    expect(network.device('eth0').query('ingress').revision).toBe(3n);
  });
});

describe('XDP', () => {
  const CHAIN = { device: 'eth0', chain: true } as const;

  it('has one program in one mode, as in Linux', async () => {
    const { machine, bpf, load, program } = await boot();
    const [a, b] = [load(2, BPF_PROG_TYPE_XDP), load(1, BPF_PROG_TYPE_XDP)];
    const xdp = (progFd: number, flags = 0) => {
      return { progFd, targetFd: ETH0, attachType: BPF_XDP, flags };
    };
    expect(bpf.linkCreate(xdp(a, 2 | 4))).toBe(no('EINVAL'));
    const native = bpf.linkCreate(xdp(a, 4));
    expect(bpf.linkCreate(xdp(b))).toBe(no('EBUSY'));
    expect(bpf.linkCreate(xdp(b, 2))).toBe(no('EEXIST'));
    expect(bpf.linkUpdate({ linkFd: native, newProgFd: b })).toBe(0);
    expect(bpf.linkDetach({ linkFd: native })).toBe(0);
    const place = machine.placeOf(program(a), { device: 'eth0' });
    machine.attachments.attach(program(a), place, { flags: 1 });
    const again = (flags: number, fd: number) => () =>
      machine.attachments.attach(program(b), place, { flags, replaces: program(fd) });
    expect(again(1, a)).toThrow('EBUSY');
    expect(again(16, b)).toThrow('EEXIST');
    again(16, a)();
    expect(place.point.members.map((one) => one.program.id)).toEqual([program(b).id]);
  });

  it('has a chain, which goes on after what its members say', async () => {
    const { machine, network, load, program } = await boot();
    const [a, b, c] = [2, 1, 2].map((code) => program(load(code, BPF_PROG_TYPE_XDP)));
    machine.attach(b!, { ...CHAIN, chain: { continueOn: ['drop'] } });
    const link = machine.attach(a!, { ...CHAIN, before: b! });
    machine.attach(c!, CHAIN);
    expect(() => machine.attach(c!, { device: 'eth0' })).toThrow('EBUSY');
    using trace = network.trace();
    expect(network.device('eth0').receive(new Uint8Array(60)).verdict).toBe('pass');
    const ran = trace.packets[0]!.events.filter(({ kind }) => kind === 'program');
    expect(ran.map((one) => 'verdict' in one && one.verdict)).toEqual(['pass', 'drop', 'pass']);
    link.detach();
    expect(network.device('eth0').xdp.native.members.length).toBe(2);
  });
});
