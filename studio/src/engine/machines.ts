/** The machine of the screen Machine: namespaces, devices, programs at them, ways of packets. */
import {
  attachedPrograms,
  createMachine,
  eventWords,
  fateOf,
  type Host,
  type LoadedObject,
  planOrder,
} from 'beeyard';
import { type HookWord, type Placed, TOPOLOGY } from '../model/machine.ts';
import type { DeviceState, MachineState, PacketWay, PlacedProgram } from '../protocol.ts';
import { type Objects, withTypes } from './objects.ts';

/** Words are set apart by the page, not by letters. */
const PLAIN = {
  bold: (text: string) => text,
  good: (text: string) => text,
  bad: (text: string) => text,
  accent: (text: string) => text,
};

/** How `beeyard net show` names the places. */
const PLACES: Readonly<Record<string, HookWord>> = {
  xdp: 'xdp',
  'tcx/ingress': 'ingress',
  'tcx/egress': 'egress',
};
/** Nanoseconds until a neighbour that does not answer is given up. */
const PATIENCE = 10_000_000_000;

export class Machines {
  readonly #objects: Objects;
  #host: Host | undefined;
  /** By file, loaded once: programs of one object share its maps. */
  readonly #loaded = new Map<string, Promise<LoadedObject>>();

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  /** A new machine with these programs, in this order. */
  async reset(placed: readonly Placed[]): Promise<MachineState> {
    this.#host?.[Symbol.dispose]();
    this.#loaded.clear();
    this.#host = await withTypes((kernel) => createMachine({ ...TOPOLOGY, kernel }));
    for (const one of placed) await this.#attach(one);
    return this.state();
  }

  /** Rejects with KernelError, VerifierError: what Linux says. */
  async attach(placed: Placed): Promise<MachineState> {
    await this.#attach(placed);
    return this.state();
  }

  async #attach({ file, program, device, hook }: Placed): Promise<void> {
    let loading = this.#loaded.get(file);
    if (!loading) {
      loading = this.#machine.load(this.#objects.object(file));
      this.#loaded.set(file, loading);
    }
    const { programs, refused } = await loading;
    const found = programs[program];
    if (!found) throw refused.get(program) ?? new Error(`${file} has no program ${program}`);
    const way = hook === 'xdp' ? {} : { direction: hook, link: false };
    found.attach({ device, ...way });
  }

  /** Another order at a place, by the fewest commands of bpf_mprog. Throws KernelError. */
  async order(device: string, hook: HookWord, wanted: readonly number[]): Promise<MachineState> {
    if (hook === 'xdp') throw new Error('a device runs one XDP program');
    const target = this.#device(device);
    const programs = await this.#programs();
    for (const step of planOrder(target.query(hook), wanted)) {
      const { expectedRevision } = step;
      if (step.do === 'detach') {
        target.detach(hook, { program: step.program, expectedRevision });
        continue;
      }
      const place =
        step.do === 'replace'
          ? { replace: { program: step.replaces } }
          : step.after === undefined
            ? { before: true as const }
            : { after: { program: step.after } };
      const options = { device, direction: hook, link: false, expectedRevision, ...place };
      programs.get(step.program)!.attach(options);
    }
    return this.state();
  }

  /** A packet comes in by a device; what it caused is followed to its end. */
  async send(device: string, data: Uint8Array): Promise<PacketWay[]> {
    using trace = this.#machine.net.trace();
    this.#device(device).receive(data);
    this.#machine.net.advance(PATIENCE);
    return trace.packets.map((packet) => ({
      id: packet.id,
      parent: packet.parent,
      length: packet.data.length,
      ...fateOf(packet),
      last: packet.events.at(-1)?.kind ?? 'drop',
      events: packet.events.map((event) => ({
        where: `${event.namespace === '' ? 'machine' : event.namespace} / ${event.device}`,
        device: event.namespace === '' ? event.device : `${event.namespace}/${event.device}`,
        kind: event.kind,
        words: eventWords(event, PLAIN),
      })),
    }));
  }

  async #programs() {
    const loaded = await Promise.all(this.#loaded.values());
    const all = loaded.flatMap(({ programs }) => Object.values(programs));
    return new Map(all.map((one) => [one.id, one]));
  }

  async state(): Promise<MachineState> {
    const host = this.#machine;
    const files = new Map<number, string>();
    for (const [file, loading] of this.#loaded) {
      for (const { id } of Object.values((await loading.catch(() => undefined))?.programs ?? {})) {
        files.set(id, file);
      }
    }
    const attached = attachedPrograms(host).map(({ device, place, program, revision }) => {
      const hook = PLACES[place] ?? 'xdp';
      return { ...program, device, hook, revision: Number(revision), file: files.get(program.id)! };
    });
    const { namespaceNames } = host.net;
    const names = ['', ...namespaceNames.filter((name) => name !== '')];
    return {
      namespaces: names.map((name) => ({ name, devices: this.#devices(name, attached) })),
    };
  }

  #devices(namespace: string, attached: readonly PlacedProgram[]): DeviceState[] {
    const found = this.#machine.net.namespace(namespace);
    return found.deviceNames.map((name) => {
      const { kind, ifindex, mtu, address, up, statistics } = found.device(name);
      const path = namespace === '' ? name : `${namespace}/${name}`;
      const { rx_packets: received, tx_packets: sent, rx_dropped: dropped } = statistics;
      const hardware = Array.from(address, (byte) => byte.toString(16).padStart(2, '0')).join(':');
      const programs = attached.filter(({ device }) => device === path);
      return { path, name, kind, ifindex, mtu, hardware, up, received, sent, dropped, programs };
    });
  }

  #device(path: string) {
    const [name, namespace = ''] = path.split('/').reverse();
    return this.#machine.net.namespace(namespace).device(name!);
  }

  get #machine(): Host {
    if (!this.#host) throw new Error('there is no machine yet');
    return this.#host;
  }
}
