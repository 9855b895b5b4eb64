import {
  C_CPU,
  SKB_CB,
  SKB_F_SW_HASH,
  SKB_FLAGS,
  SKB_HASH,
  SKB_INGRESS_IFINDEX,
  SKB_MARK,
  SKB_NEIGH,
  SKB_NEIGH_SET,
  SKB_NETWORK_OFFSET,
  SKB_PKT_TYPE,
  SKB_PRIORITY,
  SKB_QUEUE_MAPPING,
  SKB_TC_INDEX,
  SKB_TSTAMP,
  XDP_EGRESS_IFINDEX,
} from '../../../runtime/layout.ts';
import type { Machine } from '../../machine.ts';
import type { MachineProgram } from '../../program.ts';
import type { Device } from '../device.ts';
import type { PacketHook, Verdict } from '../hook.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Ingress, PacketColumns } from '../packets.ts';
import { PacketRing, type RingOptions } from '../ring.ts';
import { tcHook } from '../tc.ts';
import { xdpHook } from '../xdp.ts';
import { asksForHash } from '../hooks/asks-for-hash.ts';
import { putInFront } from '../xdp-frame.ts';
import type { Packet } from './packet.ts';

/** Room for the packets of single runs. */
const SINGLE: RingOptions = { capacity: 1, bytes: 1 << 19, roomy: true };
const CB_WORDS = 5;
/** Of struct bpf_redir_neigh: {u32 family, 16 bytes of address}. */
const NEIGH_SIZE = 20;

/** What a program left about where the packet goes (kinds: REDIRECT_* of layout.ts). */
export interface RedirectRecord {
  readonly kind: number;
  readonly index: number;
  /** Address of the map, for those by map. */
  readonly map: number;
  readonly flags: number;
  /** What the program put in front of the packet (bpf_xdp_adjust_meta), if anything. */
  readonly metadata: Uint8Array | undefined;
  /** struct bpf_redir_neigh of bpf_redirect_neigh, if the program gave one. */
  readonly neigh: Uint8Array | undefined;
}

/** One packet's way through one program. */
export interface Outcome {
  readonly code: number;
  readonly verdict: Verdict;
  readonly data: Uint8Array;
  /** Only for redirects. */
  readonly redirect: RedirectRecord | undefined;
  readonly fault: Error | undefined;
}

/** A copy that bpf_clone_redirect asked for. */
export interface CloneRequest {
  readonly data: Uint8Array;
  readonly ifindex: number;
  readonly flags: number;
}

const ABORTED: Verdict = { name: 'aborted', fate: 'aborted' };

/** Runs programs over single packets, in the namespace they belong to. */
export class HookRunner {
  readonly #machine: () => Machine;
  /** By depth: runs on other CPUs while one is at a call have rings of their own. */
  readonly #rings: Map<PacketHook, PacketRing>[] = [];
  #depth = 0;
  readonly #ingress = { ifindex: 0, headerSize: 0 };
  readonly #column = oneColumn();
  #namespace: NetNamespace | undefined;
  /** The packet a tc program has now. */
  packet: Packet | undefined;
  /** The hash of the flow a packet is of, if a dissector says it; 0: it does not. */
  flowHash: ((packet: Packet) => number) | undefined;
  /** Copies the program that just ran asked for. */
  clones: CloneRequest[] = [];

  constructor(machine: () => Machine) {
    this.#machine = machine;
  }

  /** Helpers see the devices, routes and neighbours of this namespace from now on. */
  enter(namespace: NetNamespace): void {
    const { host } = this.#machine().runtime;
    this.#namespace = namespace;
    host.devices = namespace.hostDevices;
    host.routes = namespace.routes;
    host.neighbours = namespace.neighbours.known;
  }

  /** The namespace programs run in now. */
  get namespace(): NetNamespace | undefined {
    return this.#namespace;
  }

  ring(hook: PacketHook): PacketRing {
    const rings = (this.#rings[this.#depth] ??= new Map<PacketHook, PacketRing>());
    let ring = rings.get(hook);
    if (!ring) rings.set(hook, (ring = new PacketRing(this.#machine().runtime, hook, SINGLE)));
    return ring;
  }

  /** Other packets meanwhile: the one that is with a program stays as it is. */
  aside<Result>(work: () => Result): Result {
    const { packet, clones, namespace } = this;
    const { host } = this.#machine().runtime;
    const { rxMetadata } = host;
    this.#depth++;
    this.packet = undefined;
    try {
      return work();
    } finally {
      this.#depth--;
      this.packet = packet;
      this.clones = clones;
      if (namespace) this.enter(namespace);
      host.rxMetadata = rxMetadata;
    }
  }

  /** Puts a packet into the hook's ring with its context. */
  place(hook: PacketHook, data: Uint8Array, ifindex: number, queue: number): PacketRing {
    const ring = this.ring(hook);
    const { runtime } = ring;
    this.#ingress.ifindex = ifindex;
    this.#column.bytes = data;
    this.#column.length[0] = data.length;
    ring.clear();
    ring.place(runtime.u8(), runtime.u32(), this.#column, 0, this.#ingress as Ingress, queue, 0);
    return ring;
  }

  /** XDP: `egress` is the interface a devmap's program sees. */
  xdp(program: MachineProgram, packet: Packet, egress = 0): Outcome {
    const { device } = packet;
    this.enterFor(packet);
    // Only programs bound to the device may ask.
    this.#machine().runtime.host.rxMetadata = program.bound && device.rxMetadata(packet);
    const ring = this.place(xdpHook, packet.data, device.ifindex, packet.queue);
    if (packet.metadata) putInFront(ring.runtime, ring.contexts, packet.metadata);
    if (egress !== 0) ring.runtime.u32()[(ring.contexts + XDP_EGRESS_IFINDEX) >>> 2] = egress;
    return this.#run(program, ring, packet.cpu);
  }

  /** tc, tcx, netkit: what programs change of the socket buffer stays with the packet. */
  skb(program: MachineProgram, packet: Packet): Outcome {
    this.enterFor(packet);
    const hash = this.flowHash && asksForHash(program) ? this.flowHash(packet) : 0;
    const ring = this.place(tcHook, packet.data, packet.device.ifindex, packet.queue);
    const word = ring.contexts >>> 2;
    writeFields(ring.runtime.u32(), word, packet);
    if (hash !== 0) {
      ring.runtime.u32()[word + SKB_HASH / 4] = hash;
      ring.runtime.u32()[word + SKB_FLAGS / 4]! |= SKB_F_SW_HASH;
    }
    this.packet = packet;
    const outcome = this.#run(program, ring, packet.cpu);
    this.packet = undefined;
    readFields(ring.runtime.u32(), word, packet);
    packet.data = outcome.data;
    packet.owned = true;
    return outcome;
  }

  /**
   * Programs of routes: the packet is what is left, from wherever it begins now; `network`: where
   * its network header is in that.
   */
  routed(
    program: MachineProgram,
    packet: Packet,
    hook: PacketHook,
  ): { readonly outcome: Outcome; readonly network: number } {
    this.enterFor(packet);
    const ring = this.place(hook, packet.data, packet.device.ifindex, packet.queue);
    const word = ring.contexts >>> 2;
    const cb = packet.cb;
    writeFields(ring.runtime.u32(), word, packet);
    this.packet = packet;
    const outcome = this.#run(program, ring, packet.cpu);
    this.packet = undefined;
    const words = ring.runtime.u32();
    readFields(words, word, packet);
    packet.cb = cb;
    packet.owned = true;
    return { outcome, network: words[word + SKB_NETWORK_OFFSET / 4]! };
  }

  /** `look` gets the address of the packet's context, as a tc program would have it. */
  show(packet: Packet, device: Device, look: (context: number) => void): void {
    this.aside(() => {
      this.enter(device.net);
      const ring = this.place(tcHook, packet.data, device.ifindex, packet.queue);
      writeFields(ring.runtime.u32(), ring.contexts >>> 2, packet);
      look(ring.contexts);
    });
  }

  /** Runs a program over the context at an address. A program that does what it may not: 0. */
  run(program: MachineProgram, context: number): number {
    try {
      return program.code.run(context);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ProgramFault') throw error;
      return 0;
    }
  }

  /** Helpers see the namespace of the packet's device. */
  enterFor(packet: Packet): void {
    const { net } = packet.device;
    const { host } = this.#machine().runtime;
    // Routes and neighbours are new lists when they change.
    const stale = host.routes !== net.routes || host.neighbours !== net.neighbours.known;
    if (stale || this.#namespace !== net) this.enter(net);
  }

  #run(program: MachineProgram, ring: PacketRing, cpu: number): Outcome {
    const { cpuBlock } = ring.runtime;
    const words = ring.runtime.u32();
    words[(cpuBlock + C_CPU) >>> 2] = cpu;
    try {
      return this.outcome(ring, program.code.run(ring.contexts), undefined);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ProgramFault') throw error;
      return this.outcome(ring, ring.hook.faultCode, error);
    } finally {
      ring.runtime.u32()[(cpuBlock + C_CPU) >>> 2] = ring.runtime.cpu;
    }
  }

  /** Reads what the program left. */
  outcome(ring: PacketRing, code: number, fault: Error | undefined): Outcome {
    const { runtime, hook, contexts } = ring;
    const u32 = runtime.u32();
    hook.finish?.(u32, runtime.u8(), contexts);
    const start = u32[(contexts + hook.dataField) >>> 2]!;
    const end = u32[(contexts + hook.dataEndField) >>> 2]!;
    const verdict = fault ? ABORTED : hook.verdict(code);
    const redirect = verdict.fate === 'redirect' ? readRedirect(ring) : undefined;
    return { code, verdict, data: runtime.u8().slice(start, end), redirect, fault };
  }
}

function readRedirect(ring: PacketRing): RedirectRecord {
  const { runtime, hook, contexts } = ring;
  const u32 = runtime.u32();
  const word = (contexts + hook.redirectField) >>> 2;
  const isSkb = hook.contextSize > SKB_NEIGH;
  const hasNeigh = isSkb && u32[(contexts + SKB_NEIGH_SET) >>> 2] !== 0;
  const at = contexts + SKB_NEIGH;
  return {
    kind: u32[word]!,
    index: u32[word + 1]!,
    map: u32[word + 2]!,
    flags: u32[word + 3]!,
    metadata: readMetadata(ring),
    neigh: hasNeigh ? runtime.u8().slice(at, at + NEIGH_SIZE) : undefined,
  };
}

function readMetadata({ runtime, hook, contexts }: PacketRing): Uint8Array | undefined {
  if (hook.metadataField === undefined) return undefined;
  const words = runtime.u32();
  const start = words[(contexts + hook.metadataField) >>> 2]!;
  const end = words[(contexts + hook.dataField) >>> 2]!;
  return start < end ? runtime.u8().slice(start, end) : undefined;
}

function writeFields(u32: Uint32Array, word: number, packet: Packet): void {
  u32[word + SKB_MARK / 4] = packet.mark;
  u32[word + SKB_PRIORITY / 4] = packet.priority;
  u32[word + SKB_PKT_TYPE / 4] = packet.type;
  u32[word + SKB_INGRESS_IFINDEX / 4] = packet.ingressIfindex;
  u32[word + SKB_TC_INDEX / 4] = packet.tcIndex;
  u32[word + SKB_HASH / 4] = packet.hash;
  u32[word + SKB_TSTAMP / 4] = packet.timestampLow;
  u32[word + SKB_TSTAMP / 4 + 1] = packet.timestampHigh;
  if (packet.cb) u32.set(packet.cb, word + SKB_CB / 4);
}

function readFields(u32: Uint32Array, word: number, packet: Packet): void {
  packet.mark = u32[word + SKB_MARK / 4]!;
  packet.priority = u32[word + SKB_PRIORITY / 4]!;
  packet.type = u32[word + SKB_PKT_TYPE / 4]!;
  packet.tcIndex = u32[word + SKB_TC_INDEX / 4]!;
  packet.hash = u32[word + SKB_HASH / 4]!;
  packet.queue = u32[word + SKB_QUEUE_MAPPING / 4]!;
  packet.timestampLow = u32[word + SKB_TSTAMP / 4]!;
  packet.timestampHigh = u32[word + SKB_TSTAMP / 4 + 1]!;
  const cb = word + SKB_CB / 4;
  let used = 0;
  for (let i = 0; i < CB_WORDS; i++) used |= u32[cb + i]!;
  if (used !== 0 || packet.cb) packet.cb = u32.slice(cb, cb + CB_WORDS);
}

function oneColumn(): PacketColumns & { bytes: Uint8Array } {
  return {
    count: 1,
    bytes: new Uint8Array(0),
    start: Uint32Array.of(0),
    length: Uint32Array.of(0),
    interfaceId: Uint32Array.of(0),
    time: new Uint32Array(2),
  };
}
