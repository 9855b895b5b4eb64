/** netfilter programs: at five places of the way of IP packets (net/netfilter/nf_bpf_link.c). */
import { enums } from '../../../abi/index.ts';
import type {
  AttachOptions,
  NetfilterOptions,
  RunOptions,
  RunResult,
} from '../../../kernel/index.ts';
import { refuse } from '../../errno.ts';
import type { Machine } from '../../machine.ts';
import type { MachineProgram } from '../../program.ts';
import type { Attached, Subsystem } from '../../subsystem.ts';
import type { Device } from '../device.ts';
import { Reassembly } from '../ip/reassembly.ts';
import { ETH_IPV6, ETHERNET, put16, readIp, u16 } from '../ip/wire.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Network } from '../network.ts';
import { Packet } from '../stack/packet.ts';
import type { Stack } from '../stack/stack.ts';
import { NetfilterContext, type NetfilterState } from './netfilter-context.ts';

type HookName = NetfilterOptions['hook'];
type Family = NetfilterOptions['family'];

/** NF_INET_* and NFPROTO_* by their numbers. */
const HOOKS: readonly HookName[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
const FAMILIES = { ipv4: 2, ipv6: 10 } as const;
/** Where packets are put together (nf_defrag_ipv4, nf_defrag_ipv6), and when. */
const DEFRAGS: readonly HookName[] = ['prerouting', 'output'];
const DEFRAG_PRIORITY = -400;
/** MAX_HOOK_COUNT */
const MOST = 1024;
const NF_ACCEPT = 1;
const BPF_F_NETFILTER_IP_DEFRAG = 1;

/** At one priority a program, or the place where packets are put together. */
interface Entry {
  readonly priority: number;
  readonly program: MachineProgram | undefined;
}

/** The hooks of one namespace: every packet asks them, if there are any. */
export class NetfilterHooks {
  readonly #stack: Stack;
  readonly #net: NetNamespace;
  readonly #context: () => NetfilterContext;
  readonly #entries = new Map<string, Entry[]>();
  /** Links that want packets whole, by family. */
  readonly #defrags = { ipv4: 0, ipv6: 0 };

  constructor(stack: Stack, net: NetNamespace, context: () => NetfilterContext) {
    this.#stack = stack;
    this.#net = net;
    this.#context = context;
  }

  get empty(): boolean {
    return this.#entries.size === 0;
  }

  /** nf_register_net_hook. Throws KernelError EBUSY, E2BIG. */
  add(program: MachineProgram, options: NetfilterOptions): Entry {
    const { family, hook, priority = 0, defrag } = options;
    if (defrag) this.#defrag(family, 1);
    try {
      const entry: Entry = { priority, program };
      this.#insert(family, hook, entry);
      return entry;
    } catch (error) {
      if (defrag) this.#defrag(family, -1);
      throw error;
    }
  }

  remove(entry: Entry, { family, hook, defrag }: NetfilterOptions): void {
    this.#take(family, hook, entry);
    if (defrag) this.#defrag(family, -1);
  }

  /** Before others of the same priority; programs have one each for themselves. */
  #insert(family: Family, hook: HookName, entry: Entry): void {
    const key = `${family} ${hook}`;
    const entries = this.#entries.get(key) ?? [];
    const taken = entries.some(({ priority }) => priority === entry.priority);
    if (taken && entry.program) refuse('EBUSY', 'the priority is taken');
    if (entries.length >= MOST) refuse('E2BIG', 'too many programs at the hook');
    const next = entries.findIndex(({ priority }) => priority >= entry.priority);
    const added = entries.toSpliced(next < 0 ? entries.length : next, 0, entry);
    this.#entries.set(key, added);
  }

  #take(family: Family, hook: HookName, entry: Entry): void {
    const key = `${family} ${hook}`;
    const rest = this.#entries.get(key)?.filter((one) => one !== entry) ?? [];
    if (rest.length > 0) this.#entries.set(key, rest);
    else this.#entries.delete(key);
  }

  #defrag(family: Family, change: 1 | -1): void {
    const before = this.#defrags[family];
    this.#defrags[family] += change;
    for (const hook of DEFRAGS) {
      if (before === 0) {
        this.#insert(family, hook, { priority: DEFRAG_PRIORITY, program: undefined });
      } else if (before + change === 0) {
        const entries = this.#entries.get(`${family} ${hook}`) ?? [];
        this.#take(family, hook, entries.find(({ program }) => !program)!);
      }
    }
  }

  /** NF_HOOK: false if the packet goes no further. */
  pass(hook: HookName, packet: Packet, from: Device | undefined, out: Device | undefined): boolean {
    const family = u16(packet.data, 12) === ETH_IPV6 ? 'ipv6' : 'ipv4';
    const entries = this.#entries.get(`${family} ${hook}`);
    if (!entries) return true;
    const state = { pf: FAMILIES[family], hook: HOOKS.indexOf(hook), in: from, out };
    return entries.every(({ program }) =>
      program ? this.#accepts(program, hook, packet, state) : this.#whole(packet),
    );
  }

  #accepts(
    program: MachineProgram,
    hook: HookName,
    packet: Packet,
    state: NetfilterState,
  ): boolean {
    const context = this.#context();
    context.prepare(packet, state);
    const code = context.run(program);
    const accepted = code === NF_ACCEPT;
    const verdict = { name: accepted ? 'pass' : 'drop', fate: accepted ? 'pass' : 'drop' } as const;
    const outcome = { code, verdict, data: packet.data, redirect: undefined, fault: undefined };
    this.#stack.note(packet, program, `netfilter/${hook}`, outcome, packet.data);
    if (!accepted) this.#stack.drop(packet, 'NETFILTER_DROP');
    return accepted;
  }

  /** A piece waits for the others; the last one goes on as the whole packet. */
  #whole(packet: Packet): boolean {
    const header = readIp(packet.data);
    if (typeof header === 'string' || !header.fragment) return true;
    const whole = Reassembly.of(this.#net, this.#stack).add(packet, header);
    if (!whole) return false;
    packet.data = whole;
    packet.owned = true;
    return true;
  }
}

/** The subsystem of netfilter programs. */
export class Netfilter implements Subsystem {
  readonly #network: Network;
  readonly #machine: () => Machine;
  #made: NetfilterContext | undefined;

  constructor(network: Network, machine: () => Machine) {
    this.#network = network;
    this.#machine = machine;
  }

  serves(programType: string): boolean {
    return programType === 'netfilter';
  }

  get #context(): NetfilterContext {
    return (this.#made ??= new NetfilterContext(this.#machine(), this.#network.stack.runner));
  }

  hook(program: MachineProgram, { netfilter: options, namespace = '' }: AttachOptions): Attached {
    if (!options) {
      const example = "{ netfilter: { family: 'ipv4', hook: 'input' } }";
      return refuse('EINVAL', `program '${program.spec.name}' needs a hook: give ${example}`);
    }
    check(options);
    const net = this.#network.namespace(namespace);
    const { stack } = this.#network;
    const hooks = (net.netfilter ??= new NetfilterHooks(stack, net, () => this.#context));
    const entry = hooks.add(program, options);
    const detach = () => {
      hooks.remove(entry, options);
      if (hooks.empty) net.netfilter = undefined;
    };
    return {
      type: enums.bpf_link_type.BPF_LINK_TYPE_NETFILTER,
      info: infoOf(options),
      detach,
      detachable: true,
      update: () => refuse('EOPNOTSUPP', 'netfilter links keep their program'),
    };
  }

  /** bpf_prog_test_run_nf: a packet at the output hook of lo, if the context says no other. */
  run(program: MachineProgram, { data, context, repeat = 1 }: RunOptions): RunResult {
    if (!data || data.length < 20) refuse('EINVAL', 'a packet of at least 20 bytes');
    const lo = this.#network.root.device('lo');
    const state = context ? givenState(context, lo) : { pf: 2, hook: 3, in: undefined, out: lo };
    const packet = new Packet(framed(data, state), lo, true);
    this.#context.prepare(packet, state);
    const start = performance.now();
    let returnValue = 0;
    for (let i = 0; i < repeat; i++) returnValue = this.#context.run(program);
    const duration = ((performance.now() - start) * 1e6) / repeat;
    const verdict = returnValue === NF_ACCEPT ? 'accept' : 'drop';
    return { returnValue, verdict, data: undefined, context: new Uint8Array(0), duration };
  }
}

function check({ priority = 0, defrag, hook, family }: NetfilterOptions): void {
  if (FAMILIES[family] === undefined) refuse('EAFNOSUPPORT', `no family '${family}'`);
  if (!HOOKS.includes(hook)) refuse('EPROTO', `no hook '${hook}'`);
  const extreme = priority === -0x8000_0000 || priority === 0x7fff_ffff;
  if (extreme || !Number.isInteger(priority)) refuse('ERANGE', `priority ${priority}`);
  if (defrag && priority <= DEFRAG_PRIORITY) refuse('ERANGE', 'before defragmentation');
}

function infoOf({ family, hook, priority = 0, defrag }: NetfilterOptions) {
  return {
    'netfilter.pf': FAMILIES[family],
    'netfilter.hooknum': HOOKS.indexOf(hook),
    'netfilter.priority': priority,
    'netfilter.flags': defrag ? BPF_F_NETFILTER_IP_DEFRAG : 0,
  };
}

/** verify_and_copy_hook_state: struct nf_hook_state begins with the hook and the family. */
function givenState(context: Uint8Array, lo: Device): NetfilterState {
  const [hook, pf] = [context[0]!, context[1]!];
  if (context.subarray(8).some((byte) => byte !== 0)) refuse('EINVAL', 'only pf and hook');
  if (pf !== FAMILIES.ipv4 && pf !== FAMILIES.ipv6) refuse('EINVAL', 'pf');
  return { pf, hook, in: undefined, out: lo };
}

/** With an Ethernet header: packets of the output hook have none. */
function framed(data: Uint8Array, { hook, pf }: NetfilterState): Uint8Array {
  const type = pf === FAMILIES.ipv6 ? ETH_IPV6 : 0x0800;
  if (HOOKS[hook] !== 'output') {
    if (data.length < ETHERNET + (pf === FAMILIES.ipv6 ? 40 : 20)) refuse('EINVAL', 'too short');
    const given = u16(data, 12);
    if (given !== 0x0800 && given !== ETH_IPV6) refuse('EPROTO', 'neither IPv4 nor IPv6');
    if (given !== type) refuse('EINVAL', 'the other family');
    return data.slice();
  }
  const frame = new Uint8Array(ETHERNET + data.length);
  frame.set(data, ETHERNET);
  put16(frame, 12, type);
  return frame;
}
