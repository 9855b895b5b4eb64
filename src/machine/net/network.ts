import { KernelError } from '../../base/index.ts';
import type { AttachOptions, RunOptions, RunResult } from '../../kernel/index.ts';
import {
  REDIRECT_IFINDEX,
  REDIRECT_MAP,
  REDIRECT_NEIGH,
  REDIRECT_PEER,
} from '../../runtime/layout.ts';
import type { Machine } from '../machine.ts';
import type { MachineProgram } from '../program.ts';
import type { Subsystem } from '../subsystem.ts';
import { Device, type DeviceOptions } from './device.ts';
import type { PacketHook, Verdict } from './hook.ts';
import { ETHERNET_HEADER, type Ingress, type PacketColumns } from './packets.ts';
import { PacketRing, type RingOptions } from './ring.ts';
import { testRunHooks } from './socket-buffer.ts';
import { tcHook, tcTestRun } from './tc.ts';
import { xdpHook, xdpTestRun } from './xdp.ts';

const HOOKS: readonly PacketHook[] = [xdpHook, tcHook, ...testRunHooks];
/** How BPF_PROG_TEST_RUN presents packets to the programs of a hook. */
const TEST_RUN = new Map<PacketHook, PacketHook>([
  [xdpHook, xdpTestRun],
  [tcHook, tcTestRun],
  ...testRunHooks.map((hook) => [hook, hook] as const),
]);
/** Room for the packets of single runs. */
const SINGLE: RingOptions = { capacity: 1, bytes: 1 << 19, roomy: true };
/** Interface numbers count up from the loopback device's. */
const LOOPBACK = 1;
const BIG_ENOUGH = 256 * 1024;

/** One packet's way through one program. */
export interface Passage {
  readonly code: number;
  readonly verdict: Verdict;
  readonly data: Uint8Array;
  readonly target: RedirectTarget | undefined;
  readonly fault: Error | undefined;
}

/** Where a program redirected a packet to. */
export interface RedirectTarget {
  /** ifindex of the device, or undefined if it is no device. */
  readonly ifindex: number | undefined;
  /** Words for people: 'eth1', 'devmap tx_ports[3]', … */
  readonly text: string;
}

/** The hook that runs programs of a type (bpftool's word), if they see packets. */
export function packetHook(programType: string): PacketHook | undefined {
  return HOOKS.find((hook) => hook.programTypes.includes(programType));
}

/** The network of a machine: its devices and the hooks programs attach to on them. */
export class Network implements Subsystem {
  readonly devices = new Map<string, Device>();
  readonly #machine: () => Machine;
  readonly #rings = new Map<PacketHook, PacketRing>();

  constructor(machine: () => Machine) {
    this.#machine = machine;
  }

  /** Adds a device; its ifindex is the next free one unless the options say another. */
  add(name: string, options: DeviceOptions = {}): Device {
    const used = new Set([...this.devices.values()].map((one) => one.ifindex));
    let ifindex = options.ifindex ?? LOOPBACK;
    while (used.has(ifindex)) ifindex++;
    const device = new Device(this, name, ifindex);
    this.devices.set(name, device);
    const { host } = this.#machine().runtime;
    host.devices.set(ifindex, device.hostDevice(options));
    host.cloneRedirect ??= (packet, target) => this.#cloned(packet, target);
    return device;
  }

  serves(programType: string): boolean {
    return packetHook(programType) !== undefined;
  }

  /** The hook for a program. Throws KernelError for types that see no packets. */
  hookOf(program: MachineProgram): PacketHook {
    const hook = packetHook(program.type.name);
    if (hook) return hook;
    const text = `program '${program.spec.name}' of type ${program.type.name} sees no packets`;
    throw new KernelError('EINVAL', 22, text);
  }

  device(name: string): Device {
    const device = this.devices.get(name);
    if (device) return device;
    const known = [...this.devices.keys()].join(', ');
    throw new KernelError('ENODEV', 19, `no device '${name}' (there are: ${known})`);
  }

  deviceAt(ifindex: number): Device | undefined {
    for (const device of this.devices.values()) if (device.ifindex === ifindex) return device;
    return undefined;
  }

  attach(program: MachineProgram, options: AttachOptions): () => void {
    const hook = this.hookOf(program);
    if (hook.testRunOnly) {
      const text = `program '${program.spec.name}': no hook for type ${program.type.name}`;
      throw new KernelError('EOPNOTSUPP', 95, text);
    }
    if (options.device === undefined) {
      const text = `program '${program.spec.name}' attaches to a device: give { device: 'eth0' }`;
      throw new KernelError('EINVAL', 22, text);
    }
    return this.device(options.device).attach(program, hook, options.direction);
  }

  run(program: MachineProgram, options: RunOptions): RunResult {
    const data = options.data ?? new Uint8Array(0);
    const hook = TEST_RUN.get(this.hookOf(program))!;
    const refused = hook.refuse?.(data);
    if (refused) throw new KernelError('EINVAL', 22, refused);
    if (data.length < ETHERNET_HEADER || data.length > BIG_ENOUGH) {
      const text = `a packet of ${data.length} bytes (from ${ETHERNET_HEADER} on)`;
      throw new KernelError('EINVAL', 22, text);
    }
    const ifindex = this.device(options.device ?? 'lo').ifindex;
    const repeat = options.repeat ?? 1;
    const start = performance.now();
    for (let i = 1; i < repeat; i++) this.#once(program, hook, data, ifindex, 0, options.context);
    const code = this.#once(program, hook, data, ifindex, 0, options.context);
    const duration = ((performance.now() - start) * 1e6) / repeat;
    const ring = this.#ring(hook);
    const context = ring.runtime.u8().slice(ring.contexts, ring.contexts + hook.publicSize);
    const passage = this.#passage(ring, code, undefined);
    const verdict = passage.verdict.name;
    return { returnValue: code, verdict, data: passage.data, context, duration };
  }

  /** One packet through one program; a fault is a verdict here, not an exception. */
  pass(program: MachineProgram, data: Uint8Array, ifindex: number, queue: number): Passage {
    const hook = this.hookOf(program);
    const ring = this.#ring(hook);
    try {
      return this.#passage(ring, this.#once(program, hook, data, ifindex, queue), undefined);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ProgramFault') throw error;
      return this.#passage(ring, hook.faultCode, error);
    }
  }

  #once(
    program: MachineProgram,
    hook: PacketHook,
    data: Uint8Array,
    ifindex: number,
    queue: number,
    context?: Uint8Array,
  ): number {
    const ring = this.#ring(hook);
    const { runtime } = this.#machine();
    const ingress: Ingress = { ifindex, headerSize: 0 };
    ring.clear();
    ring.place(runtime.u8(), runtime.u32(), oneColumn(data), 0, ingress, queue, 0);
    for (const [at, size] of context ? hook.settable : []) {
      runtime.u8().set(context!.subarray(at, at + size), ring.contexts + at);
    }
    return program.code.run(ring.contexts);
  }

  #ring(hook: PacketHook): PacketRing {
    let ring = this.#rings.get(hook);
    if (!ring) {
      ring = new PacketRing(this.#machine().runtime, hook, SINGLE);
      this.#rings.set(hook, ring);
    }
    return ring;
  }

  #passage(ring: PacketRing, code: number, fault: Error | undefined): Passage {
    const { runtime, hook, contexts } = ring;
    const u32 = runtime.u32();
    hook.finish?.(u32, runtime.u8(), contexts);
    const start = u32[(contexts + hook.dataField) >>> 2]!;
    const end = u32[(contexts + hook.dataEndField) >>> 2]!;
    const verdict: Verdict = fault ? { name: 'aborted', fate: 'aborted' } : hook.verdict(code);
    const word = (contexts + hook.redirectField) >>> 2;
    const target =
      verdict.fate === 'redirect'
        ? this.target(u32[word]!, u32[word + 1]!, u32[word + 2]!)
        : undefined;
    return { code, verdict, data: runtime.u8().slice(start, end), target, fault };
  }

  /** Reads a redirect record: kind, index, map (addresses and numbers as in layout.ts). */
  target(kind: number, index: number, map: number): RedirectTarget {
    switch (kind) {
      case REDIRECT_IFINDEX:
      case REDIRECT_PEER:
      case REDIRECT_NEIGH:
        return this.#deviceTarget(index, '');
      case REDIRECT_MAP:
        return this.#mapTarget(index, map);
      default:
        return { ifindex: undefined, text: 'nowhere (no redirect helper was called)' };
    }
  }

  #deviceTarget(ifindex: number, via: string): RedirectTarget {
    const name = this.deviceAt(ifindex)?.name ?? `ifindex ${ifindex}`;
    return { ifindex, text: via ? `${name} (${via})` : name };
  }

  /** Device maps hold interface numbers in the first word of a value; others name their slot. */
  #mapTarget(index: number, address: number): RedirectTarget {
    const map = this.#machine().mapAt(address);
    if (!map) return { ifindex: undefined, text: `slot ${index} of a map` };
    const slot = `${map.spec.name}[${index}]`;
    const value = new Uint8Array(map.userValueSize);
    const key = new Uint8Array(map.spec.keySize);
    new DataView(key.buffer).setUint32(0, index, true);
    const isDevice = map.spec.type?.startsWith('devmap') === true;
    if (!isDevice || map.lookup(key, value) !== 0) return { ifindex: undefined, text: slot };
    return this.#deviceTarget(new DataView(value.buffer).getUint32(0, true), slot);
  }

  /** bpf_clone_redirect: the copy leaves by the device, as if redirected. */
  #cloned(packet: Uint8Array, ifindex: number): number {
    this.deviceAt(ifindex)?.sent.push({ data: packet, from: 'bpf_clone_redirect' });
    return 0;
  }

  /** Hands a redirected packet to the device it is for. */
  deliver(target: RedirectTarget | undefined, data: Uint8Array, from: string): void {
    if (target?.ifindex === undefined) return;
    this.deviceAt(target.ifindex)?.sent.push({ data, from });
  }
}

function oneColumn(data: Uint8Array): PacketColumns {
  return {
    count: 1,
    bytes: data,
    start: Uint32Array.of(0),
    length: Uint32Array.of(data.length),
    interfaceId: Uint32Array.of(0),
    time: new Uint32Array(2),
  };
}
