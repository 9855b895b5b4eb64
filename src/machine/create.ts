import { type KernelProfile, loadKernelProfile, type OwnKfunc } from '../abi/index.ts';
import type { Engine } from '../engine/index.ts';
import type { GracePeriodPolicy, MapHash, MemoryOptions } from '../runtime/index.ts';
import { installKfuncs, withKfuncs } from './own-kfuncs.ts';
import { Machine } from './machine.ts';
import type {
  AnyDeviceOptions,
  NamespaceOptions,
  NeighbourOptions,
  RouteOptions,
} from '../kernel/index.ts';
import type { NetNamespace } from './net/namespace.ts';
import { Network } from './net/network.ts';
import { SocketIterators } from './net/sockets/iterate.ts';
import { FlowDissector } from './net/hooks/flow-dissector.ts';
import { Netfilter } from './net/hooks/netfilter.ts';
import { SkLookup } from './net/sockets/steer.ts';
import { configure } from './net/topology.ts';
import { SystemCalls } from './syscall.ts';
import type { TimerListener } from './timers.ts';

export type EngineName = 'wasm' | 'interpreter';

export interface MachineOptions<Device extends string = string, Namespace extends string = string>
  extends TimerListener {
  /** Possible CPUs, 1 to 64. Default 1. */
  readonly cpus?: number;
  /** Of all randomness. Default 0: two machines with the same inputs do the same. */
  readonly seed?: number;
  /**
   * How hash, percpu_hash, lru_hash, lru_percpu_hash and hash_of_maps hash keys. Default: as Linux
   * does, 'jhash'; only then do keys come in Linux's order.
   */
  readonly mapHash?: MapHash;
  /** Network devices by name; every machine has `lo` too. */
  readonly devices?: Readonly<Partial<Record<Device, AnyDeviceOptions>>>;
  /** Network namespaces by name, each with devices and routes of its own (`pod` makes some). */
  readonly namespaces?: Readonly<Partial<Record<Namespace, NamespaceOptions>>>;
  /** Routes of the machine's own namespace. */
  readonly routes?: readonly RouteOptions[];
  /** Neighbours it knows from the start. */
  readonly neighbours?: readonly NeighbourOptions[];
  /** 'wasm' (default) compiles programs, 'interpreter' steps through them. */
  readonly engine?: EngineName | Engine;
  /**
   * Most programs of a WebAssembly module, 1 to 4096. Programs of one `load` share modules; 1: each
   * has its own. Default 16.
   */
  readonly codePack?: number;
  /**
   * When grace periods end. Default: they have no length, and what is freed is free at once; with a
   * policy the allocator of Linux is modelled. With `memory` or `detectReuse` alone: 'eager'.
   */
  readonly gracePeriods?: GracePeriodPolicy;
  /** Limits and failures of allocations by programs and commands. */
  readonly memory?: MemoryOptions;
  /** Report elements that are reused while a reader that got them is still there. */
  readonly detectReuse?: boolean;
  /**
   * Programs of several CPUs may run at once, see `host.concurrently`: behind each call that one
   * makes others may run. Default false: programs are atomic.
   */
  readonly concurrent?: boolean;
  /** Memory other threads can join. */
  readonly shared?: boolean;
  /** Count executions per instruction. */
  readonly profile?: boolean;
  /** Loop iterations one run of an unverified program may make. */
  readonly fuel?: number;
  /** Receives what programs print with bpf_printk, line by line. */
  readonly onTrace?: (line: string) => void;
  /**
   * Default true: programs must pass Linux 6.12's verifier to be loaded. With false they load
   * unseen, and every access is checked while they run.
   */
  readonly verify?: boolean;
  /**
   * The kernel whose rules hold. Default: `loadKernelProfile()`. In browsers
   * `loadKernelProfile({ types: 'slim' })` is a thirteenth of it.
   */
  readonly kernel?: KernelProfile;
  /** Kernel functions of your own, which programs may call. */
  readonly kfuncs?: readonly OwnKfunc[];
}

/** A machine with its network. */
export interface NetworkedMachine {
  readonly machine: Machine;
  readonly network: Network;
}

/** Makes a simulated kernel. */
export async function bootMachine(options: MachineOptions = {}): Promise<NetworkedMachine> {
  const engine =
    typeof options.engine === 'object' ? options.engine : await engineNamed(options.engine);
  let machine: Machine | undefined;
  const network = new Network(() => machine!);
  const calls = new SystemCalls(() => machine!);
  const kernel =
    options.verify === false ? undefined : (options.kernel ?? (await loadKernelProfile()));
  const rules = withKfuncs(kernel, options.kfuncs ?? []);
  const iterators = new SocketIterators(network, () => machine!);
  const steering = new SkLookup(network, () => machine!);
  const dissector = new FlowDissector(network, () => machine!);
  const netfilter = new Netfilter(network, () => machine!);
  const { rdma, sockets } = network.stack;
  const ofSockets = [sockets.maps, sockets.groups, steering];
  const subsystems = [network, rdma, calls, ...ofSockets, dissector, netfilter, iterators];
  machine = new Machine({ ...options, rules, engine, subsystems });
  iterators.install();
  sockets.maps.install();
  sockets.groups.install();
  if (rules) installKfuncs(machine.runtime, rules, options.kfuncs ?? []);
  buildNetwork(network, options);
  return { machine, network };
}

/** All namespaces first: pairs reach from one into another. */
function buildNetwork(network: Network, options: MachineOptions): void {
  const { devices = {}, namespaces = {}, routes = [], neighbours = [] } = options;
  network.add('lo', devices['lo']);
  const { lo: _lo, ...others } = devices as Record<string, AnyDeviceOptions>;
  const own: NamespaceOptions = { devices: others, routes, neighbours };
  const made = new Map<NetNamespace, NamespaceOptions>([[network.root, own]]);
  for (const [name, given] of Object.entries(namespaces)) {
    made.set(network.makeNamespace(name), given ?? {});
  }
  configure(network, made);
}

/** Loads only the engine that is asked for. */
export async function engineNamed(name: EngineName = 'wasm'): Promise<Engine> {
  if (name === 'interpreter') {
    return (await import('../engine/interpreter/index.ts')).interpreterEngine;
  }
  return (await import('../engine/wasm/index.ts')).wasmEngine;
}
