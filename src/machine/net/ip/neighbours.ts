import { sameBytes } from '../../../base/index.ts';
import type { HostNeighbour } from '../../../runtime/types.ts';
import type { PendingEvent } from '../../../runtime/events.ts';
import type { Thaw } from '../../objects/kept.ts';
import type { Device } from '../device.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Packet } from '../stack/packet.ts';
import type { Stack } from '../stack/stack.ts';
import { addressKey, addressText } from './text.ts';

/** mcast_solicit and retrans_time of net/core/neighbour.c. */
const PROBES = 3;
const PROBE_EVERY = 1_000_000_000;
/** unres_qlen_bytes: what may wait for an answer. */
const QUEUE_BYTES = 212_992;

interface Entry {
  readonly device: Device;
  readonly address: Uint8Array;
  hardware: Uint8Array | undefined;
  /** Packets that wait for the answer. */
  waiting: Packet[];
  bytes: number;
  probes: number;
  timer: PendingEvent | undefined;
}

/** What is kept in a file. */
export interface NeighbourParts {
  readonly known: readonly HostNeighbour[];
  readonly entries: ReadonlyMap<string, Entry>;
}

/** The neighbours of a namespace (net/core/neighbour.c): known ones, and those being asked for. */
export class Neighbours {
  /** Resolved ones, as helpers see them. */
  known: readonly HostNeighbour[] = [];
  readonly #stack: Stack;
  readonly #net: NetNamespace;
  readonly #entries = new Map<string, Entry>();

  constructor(stack: Stack, net: NetNamespace) {
    this.#stack = stack;
    this.#net = net;
  }

  /** What is kept in a file. */
  get parts(): NeighbourParts {
    return { known: this.known, entries: this.#entries };
  }

  resume({ known, entries }: NeighbourParts, thaw: Thaw): void {
    this.known = known;
    for (const [key, entry] of entries) {
      this.#entries.set(key, entry);
      thaw.armMember(entry, 'timer', () => this.#stack.perform(() => this.#probe(entry)));
    }
  }

  /** The hardware address of a neighbour, if it is known. */
  resolved(device: Device, address: Uint8Array): Uint8Array | undefined {
    return this.#entries.get(keyOf(device, address))?.hardware;
  }

  /** The packet waits until the neighbour has answered, or is dropped when it does not. */
  wait(packet: Packet, device: Device, address: Uint8Array): void {
    const key = keyOf(device, address);
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = makeEntry(device, address);
      this.#entries.set(key, entry);
    }
    if (packet.trail) {
      const step = { kind: 'neighbour', state: 'asked', address: addressText(address) } as const;
      this.#stack.tracer.add(packet, step, device);
    }
    packet.device = device;
    entry.waiting.push(packet);
    entry.bytes += packet.data.length;
    while (entry.bytes > QUEUE_BYTES) {
      const oldest = entry.waiting.shift()!;
      entry.bytes -= oldest.data.length;
      this.#stack.drop(oldest, 'NEIGH_QUEUEFULL');
    }
    if (!entry.timer) this.#probe(entry);
  }

  #probe(entry: Entry): void {
    if (entry.probes === PROBES) return this.#fail(entry);
    entry.probes++;
    const { events } = this.#stack;
    const again = Number(this.#stack.now) + PROBE_EVERY;
    entry.timer = events.at(again, () => this.#stack.perform(() => this.#probe(entry)));
    this.#stack.ip.askFor(this.#net, entry.device, entry.address, entry.waiting[0]);
  }

  /** Nobody answers: who sent the packets is told. */
  #fail(entry: Entry): void {
    this.#entries.delete(keyOf(entry.device, entry.address));
    entry.timer = undefined;
    for (const packet of entry.waiting) this.#stack.ip.hostUnreachable(packet);
  }

  /** What a neighbour says of itself. With `create` also when nobody asked. */
  learn(device: Device, address: Uint8Array, hardware: Uint8Array, create: boolean): void {
    const key = keyOf(device, address);
    let entry = this.#entries.get(key);
    if (!entry) {
      if (!create) return;
      entry = makeEntry(device, address);
      this.#entries.set(key, entry);
    }
    entry.timer?.cancel();
    entry.timer = undefined;
    entry.probes = 0;
    entry.hardware = hardware.slice();
    const { ifindex } = device;
    const others = this.known.filter(
      (one) => one.ifindex !== ifindex || !sameBytes(one.address, address),
    );
    this.known = [...others, { ifindex, address, hardware: entry.hardware }];
    const { waiting } = entry;
    entry.waiting = [];
    entry.bytes = 0;
    for (const packet of waiting) this.#release(packet, entry);
  }

  #release(packet: Packet, { device, address, hardware }: Entry): void {
    if (packet.trail) {
      const text = addressText(address);
      const step = { kind: 'neighbour', state: 'resolved', address: text } as const;
      this.#stack.tracer.add(packet, step, device);
    }
    this.#stack.ip.toNeighbour(packet, device, hardware!);
  }

  /** A device is gone. */
  forget(ifindex: number): void {
    this.known = this.known.filter((one) => one.ifindex !== ifindex);
    for (const [key, entry] of this.#entries) {
      if (entry.device.ifindex !== ifindex) continue;
      entry.timer?.cancel();
      for (const packet of entry.waiting) this.#stack.drop(packet, 'NEIGH_DEAD');
      this.#entries.delete(key);
    }
  }
}

function makeEntry(device: Device, address: Uint8Array): Entry {
  const nothing = { hardware: undefined, waiting: [], bytes: 0, probes: 0, timer: undefined };
  return { device, address: address.slice(), ...nothing };
}

const keyOf = (device: Device, address: Uint8Array) => `${device.ifindex}/${addressKey(address)}`;
