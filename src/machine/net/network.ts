import { KernelError } from '../../base/index.ts';
import type {
  AnyDeviceOptions,
  AttachOptions,
  CaptureOptions,
  KernelNetwork,
  KernelNic,
  NamespaceOptions,
  NetworkCapture,
  NetworkTrace,
  ProgramBinding,
  RunOptions,
  RunResult,
  TraceOptions,
} from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { Machine } from '../machine.ts';
import type { DevicePlace } from '../objects/device-link.ts';
import type { MachineProgram } from '../program.ts';
import type { SavedSubsystem, Subsystem } from '../subsystem.ts';
import type { Device } from './device.ts';
import { PfDevice } from './devices/nic.ts';
import type { PacketHook } from './hook.ts';
import type { NamespacePoints } from './hooks/namespace-point.ts';
import { placeAt, placeFor } from './link-place.ts';
import { NetNamespace } from './namespace.ts';
import { ETHERNET_HEADER } from './packets.ts';
import { installSocketHelpers } from './cgroup/helpers.ts';
import { networkKinds, resumeLayout, resumeNetwork, saveNetwork } from './saved.ts';
import { testRunHooks } from './socket-buffer.ts';
import { runLive } from './live-frames.ts';
import { TestRunLoans } from './test-run.ts';
import { PacketEvents } from './stack/packet-events.ts';
import { Packet } from './stack/packet.ts';
import { Stack } from './stack/stack.ts';
import { tcHook, tcTestRun } from './tc.ts';
import { addDevice, configure, removeDevice } from './topology.ts';
import { xdpHook, xdpTestRun } from './xdp.ts';

const HOOKS: readonly PacketHook[] = [xdpHook, tcHook, ...testRunHooks];
/** How BPF_PROG_TEST_RUN presents packets to the programs of a hook. */
const TEST_RUN = new Map<PacketHook, PacketHook>([
  [xdpHook, xdpTestRun],
  [tcHook, tcTestRun],
  ...testRunHooks.map((hook) => [hook, hook] as const),
]);
const BIG_ENOUGH = 256 * 1024;
/** Programs of map entries: Linux has no test run for them. */
const NO_TEST_RUN = new Set(['xdp_devmap', 'xdp_cpumap']);

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

/** The network of a machine: its namespaces and the hooks programs attach to on their devices. */
export class Network implements Subsystem, KernelNetwork {
  readonly stack: Stack;
  /** The machine's own namespace. */
  readonly root: NetNamespace;
  /** Hooks that namespaces have. */
  readonly points: NamespacePoints[] = [];
  readonly #machine: () => Machine;
  readonly #namespaces = new Map<string, NetNamespace>();
  #cookies = 0;
  #ready = false;
  #loans: TestRunLoans | undefined;
  #places: PacketEvents | undefined;

  constructor(machine: () => Machine) {
    this.#machine = machine;
    this.stack = new Stack(machine, (path) => this.device(path));
    this.root = new NetNamespace(this.stack, '', ++this.#cookies);
    this.#namespaces.set('', this.root);
    this.stack.redirects.home = this.root;
  }

  /** Where packets come by tracing programs. */
  get places(): PacketEvents {
    return (this.#places ??= new PacketEvents(this.stack));
  }

  /** Devices of the machine's own namespace. */
  get devices(): ReadonlyMap<string, Device> {
    return this.root.devices;
  }

  get namespaceNames(): readonly string[] {
    return [...this.#namespaces.keys()];
  }

  /** Adds a device; its ifindex is the next free one unless the options say another. */
  add(name: string, options: AnyDeviceOptions = {}): Device {
    this.#prepare();
    return addDevice(this, this.root, name, options);
  }

  /** Adds a device to a namespace. */
  addTo(net: NetNamespace, name: string, options: AnyDeviceOptions): Device {
    this.#prepare();
    return addDevice(this, net, name, options);
  }

  /** Binds the network to the machine, which is made after it. */
  #prepare(): void {
    if (this.#ready) return;
    this.#ready = true;
    const { host } = this.#machine().runtime;
    host.cloneRedirect ??= (data, ifindex, flags) => {
      this.stack.runner.clones.push({ data, ifindex, flags });
      return 0;
    };
    const { runner, sockets } = this.stack;
    host.lookupSocket ??= (query) => sockets.lookup(runner.namespace ?? this.root, query);
    host.assignSocket ??= (record, flags) => sockets.assign(record, flags);
    installSocketHelpers(this.#machine(), sockets);
    this.stack.liveIn(this.root);
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

  /** A device by name: 'eth0', or 'pod1/eth0' for one in a namespace. Throws KernelError. */
  device(path: string): Device {
    const slash = path.indexOf('/');
    if (slash < 0) return this.root.device(path);
    return this.namespace(path.slice(0, slash)).device(path.slice(slash + 1));
  }

  deviceAt(ifindex: number): Device | undefined {
    return this.root.byIndex.get(ifindex);
  }

  namespace(name: string): NetNamespace {
    const found = this.#namespaces.get(name);
    if (found) return found;
    throw new KernelError('ENOENT', 2, `there is no network namespace '${name}'`);
  }

  /** A namespace without its devices' configuration: `configure` does the rest. */
  makeNamespace(name: string): NetNamespace {
    if (this.#namespaces.has(name) || name === '' || name.includes('/')) {
      const what = name === '' || name.includes('/') ? 'no name for' : 'already';
      throw new KernelError('EEXIST', 17, `'${name}' is ${what} a network namespace`);
    }
    this.#prepare();
    const made = new NetNamespace(this.stack, name, ++this.#cookies);
    this.#namespaces.set(name, made);
    addDevice(this, made, 'lo', { addresses: ['127.0.0.1/8', '::1/128'] });
    return made;
  }

  /** Namespaces that were ever made. */
  get cookies(): number {
    return this.#cookies;
  }

  set cookies(count: number) {
    this.#cookies = count;
  }

  /** One that was saved: its devices come from the file. */
  bareNamespace(name: string, cookie: number): NetNamespace {
    if (this.#namespaces.has(name)) refuse('EEXIST', `there are two namespaces '${name}'`);
    const made = new NetNamespace(this.stack, name, cookie);
    this.#namespaces.set(name, made);
    return made;
  }

  /** What of it is in a saved machine. */
  readonly saved: SavedSubsystem = {
    kinds: networkKinds,
    save: (freezer) => saveNetwork(this, freezer),
    layout: (json, thaw) => resumeLayout(this, json, thaw),
    resume: (json, thaw) => resumeNetwork(this, json, thaw),
  };

  addNamespace(name: string, options: NamespaceOptions = {}): NetNamespace {
    const made = this.makeNamespace(name);
    configure(this, new Map([[made, options]]));
    return made;
  }

  removeDevice(path: string): void {
    removeDevice(this.device(path));
  }

  removeNamespace(name: string): void {
    const found = this.namespace(name);
    if (found === this.root) throw new KernelError('EBUSY', 16, "the machine's own namespace");
    for (const device of found.devices.values()) removeDevice(device);
    this.#namespaces.delete(name);
    for (const points of this.points) points.forget(found);
  }

  nic(path: string): KernelNic {
    const device = this.device(path);
    if (device instanceof PfDevice) return device.card;
    throw new KernelError('EOPNOTSUPP', 95, `${path} is no card with virtual functions`);
  }

  trace(options: TraceOptions = {}): NetworkTrace {
    return this.stack.tracer.start(options);
  }

  capture(options: CaptureOptions = {}): NetworkCapture {
    if (options.namespace !== undefined) this.namespace(options.namespace);
    return this.stack.taps.start(options);
  }

  advance(nanoseconds: number): void {
    const { runtime } = this.#machine();
    runtime.events.advance(Number(runtime.clock) + nanoseconds);
  }

  bind(programType: string, { device: path, offload = false }: ProgramBinding): Device {
    const refuse = (why: string) => new KernelError('EINVAL', 22, why);
    const bindable = programType === 'xdp' || (programType === 'sched_cls' && offload);
    if (!bindable) throw refuse(`programs of type ${programType} are bound to no device`);
    const slash = path.indexOf('/');
    const net = this.#namespaces.get(path.slice(0, Math.max(slash, 0)));
    const device = net?.devices.get(path.slice(slash + 1));
    if (!device) throw refuse(`there is no device '${path}' to bind a program to`);
    if (!device.bindsXdp) {
      const why = `${path}: no program can be bound to a ${device.kind}`;
      throw new KernelError('EOPNOTSUPP', 95, why);
    }
    if (offload) throw refuse(`${path} does not run programs itself`);
    return device;
  }

  place(program: MachineProgram, options: AttachOptions): DevicePlace {
    const hook = this.hookOf(program);
    return placeFor(this.#deviceFor(program, hook, options), hook, program, options);
  }

  placeAt(attachType: number, ifindex: number): DevicePlace {
    const device = this.deviceAt(ifindex) ?? refuse('ENODEV', `there is no device ${ifindex}`);
    return placeAt(device, attachType);
  }

  /** Where a program is to go. Throws KernelError: EOPNOTSUPP, EINVAL, ENODEV. */
  #deviceFor(program: MachineProgram, hook: PacketHook, { device }: AttachOptions): Device {
    if (hook.testRunOnly) {
      const text = `program '${program.spec.name}': no hook for type ${program.type.name}`;
      throw new KernelError('EOPNOTSUPP', 95, text);
    }
    if (device !== undefined) return this.device(device);
    const text = `program '${program.spec.name}' attaches to a device: give { device: 'eth0' }`;
    throw new KernelError('EINVAL', 22, text);
  }

  aside<Result>(work: () => Result): Result {
    return this.stack.runner.aside(work);
  }

  run(program: MachineProgram, options: RunOptions): RunResult {
    const data = options.data ?? new Uint8Array(0);
    const hook = TEST_RUN.get(this.hookOf(program))!;
    const { attachType = '' } = program.spec;
    const refused = noTestRun(program, attachType) ?? hook.refuse?.(data);
    if (refused) throw new KernelError('EINVAL', 22, refused);
    if (data.length < ETHERNET_HEADER || data.length > BIG_ENOUGH) {
      const text = `a packet of ${data.length} bytes (from ${ETHERNET_HEADER} on)`;
      throw new KernelError('EINVAL', 22, text);
    }
    const device = this.device(options.device ?? 'lo');
    if (options.live !== undefined) return runLive(this.stack, program, device, data, options);
    const { runner } = this.stack;
    runner.clones = [];
    const loans = (this.#loans ??= new TestRunLoans(this.#machine().runtime));
    runner.enter(device.net);
    const repeat = options.repeat ?? 1;
    let code = 0;
    const start = performance.now();
    try {
      loans.lendStorage(program);
      for (let i = 0; i < repeat; i++) {
        code = this.#once(program, hook, data, device, loans, options);
      }
    } finally {
      runner.enter(this.root);
      loans.takeBack();
    }
    const duration = ((performance.now() - start) * 1e6) / repeat;
    const ring = runner.ring(hook);
    const context = ring.runtime.u8().slice(ring.contexts, ring.contexts + hook.publicSize);
    if (hook.ofSocket) loans.hideSocket(context);
    const outcome = runner.outcome(ring, code, undefined);
    const verdict = outcome.verdict.name;
    this.#sendClones(data, device);
    const after = hook.whole?.(ring.runtime, ring.contexts, outcome.data) ?? outcome.data;
    return { returnValue: code, verdict, data: after, context, duration };
  }

  #once(
    program: MachineProgram,
    hook: PacketHook,
    data: Uint8Array,
    device: Device,
    loans: TestRunLoans,
    { context, metadata = 0, linear = data.length }: RunOptions,
  ): number {
    const ring = this.stack.runner.place(hook, data.subarray(0, linear), device.ifindex, 0);
    if (hook.ofSocket) loans.lendSocket(ring.contexts);
    for (const [at, size] of context ? hook.settable : []) {
      ring.runtime.u8().set(context!.subarray(at, at + size), ring.contexts + at);
    }
    if (context) hook.settle?.(ring.runtime.u32(), ring.contexts, device.ifindex);
    hook.shape?.(ring.runtime, ring.contexts, metadata, data.subarray(linear));
    return program.code.run(ring.contexts);
  }

  /** Copies made in a test run leave the machine as others do. */
  #sendClones(data: Uint8Array, device: Device): void {
    if (this.stack.runner.clones.length === 0) return;
    this.stack.perform(() => this.stack.redirects.sendClones(new Packet(data, device)));
  }

  /** Reads a redirect record: kind, index, map (addresses and numbers as in layout.ts). */
  target(kind: number, index: number, map: number): RedirectTarget {
    const { redirects } = this.stack;
    const found = redirects.mapTarget(index, map);
    const text = redirects.words({ kind, index, map }, this.root);
    return map !== 0 ? found : { ifindex: this.root.byIndex.has(index) ? index : undefined, text };
  }
}

function noTestRun({ bound }: MachineProgram, attachType: string): string | undefined {
  if (bound) return `no test run of a program bound to ${bound.path}`;
  return NO_TEST_RUN.has(attachType) ? `no test run of ${attachType}` : undefined;
}
