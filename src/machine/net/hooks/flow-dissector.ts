/** Flow dissector programs: they say which flow a packet is of (net/core/flow_dissector.c). */
import { constants, structs, fieldOffsets } from '../../../abi/index.ts';
import type { AttachOptions, RunOptions, RunResult } from '../../../kernel/index.ts';
import { SKB_NETWORK_OFFSET } from '../../../runtime/layout.ts';
import { refuse } from '../../errno.ts';
import type { Machine } from '../../machine.ts';
import { newMemory } from '../../objects/kernel-struct.ts';
import type { MachineProgram } from '../../program.ts';
import type { Attached, NamespaceHook, Subsystem } from '../../subsystem.ts';
import type { PacketHook, Verdict } from '../hook.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Network } from '../network.ts';
import { ETHERNET_HEADER } from '../packets.ts';
import type { Packet } from '../stack/packet.ts';
import { tcTestRun } from '../tc.ts';
import { flowKeysHash } from './flow-keys.ts';
import { NamespacePoints } from './namespace-point.ts';

const { BPF_OK, BPF_FLOW_DISSECTOR, BPF_FLOW_DISSECTOR_CONTINUE } = constants;
const KEYS = structs['bpf_flow_keys']!;
const AT = fieldOffsets('bpf_flow_keys');
const [NHOFF, THOFF, N_PROTO, FLAGS] = [AT['nhoff']!, AT['thoff']!, AT['n_proto']!, AT['flags']!];
/** Where the context has the pointer to the keys. */
const CONTEXT_KEYS = fieldOffsets('__sk_buff')['flow_keys']!;
const MOST = 0xffff;

const VERDICTS: Readonly<Record<number, Verdict>> = {
  [BPF_OK]: { name: 'pass', fate: 'pass' },
  [BPF_FLOW_DISSECTOR_CONTINUE]: { name: 'next', fate: 'pass' },
};

/** The packet from its Ethernet header on, and nothing else of a socket buffer. */
const hook: PacketHook = {
  ...tcTestRun,
  programTypes: ['flow_dissector'],
  settable: [],
  verdict: (code) => VERDICTS[code] ?? { name: 'drop', fate: 'drop' },
};

/** The keys a program left, and what it said (BPF_OK, BPF_DROP, …). */
export interface Dissection {
  readonly result: number;
  /** struct bpf_flow_keys */
  readonly keys: Uint8Array;
}

/** The hook of flow dissector programs, per namespace; the machine's own rules all others. */
export class FlowDissector implements Subsystem {
  readonly #network: Network;
  readonly #machine: () => Machine;
  readonly #points: NamespacePoints;
  #keys: { readonly address: number; readonly pointer: bigint } | undefined;

  constructor(network: Network, machine: () => Machine) {
    this.#network = network;
    this.#machine = machine;
    const changed = () => this.#follow();
    const check = (net: NetNamespace) => this.#check(net);
    this.#points = new NamespacePoints({
      attachType: BPF_FLOW_DISSECTOR,
      maxLinks: 1,
      check,
      changed,
    });
    network.points.push(this.#points);
  }

  serves(programType: string): boolean {
    return programType === 'flow_dissector';
  }

  hook(program: MachineProgram, { namespace = '' }: AttachOptions): Attached {
    return this.#points.link(this.#network.namespace(namespace), program);
  }

  namespaceHook(attachType: number): NamespaceHook | undefined {
    if (attachType !== BPF_FLOW_DISSECTOR) return undefined;
    const net = (name: string) => this.#network.namespace(name);
    return {
      attach: (program, name) => this.#points.attach(net(name), program),
      detach: (program, name) => this.#points.detach(net(name), program),
      programs: (name) => this.#points.programs(net(name)),
      direct: () => this.#points.direct(),
    };
  }

  /** flow_dissector_bpf_prog_attach_check: the machine's own namespace, or others. */
  #check(net: NetNamespace): void {
    const { root } = this.#network;
    const used = [...this.#points.used()];
    const others = net === root ? used.some((one) => one !== root) : used.includes(root);
    if (others) refuse('EEXIST', 'a dissector is in another namespace that rules this one out');
  }

  /** Programs that ask for a packet's hash get it from the dissector, if there is one. */
  #follow(): void {
    const { runner } = this.#network.stack;
    const used = !this.#points.used().next().done;
    runner.flowHash = used ? (packet) => this.#hash(packet) : undefined;
  }

  #hash(packet: Packet): number {
    const { net } = packet.device;
    const [ofAll] = this.#points.programs(this.#network.root);
    const program = ofAll ?? this.#points.programs(net)[0];
    if (!program) return 0;
    const { result, keys } = this.dissect(program, packet.data, ETHERNET_HEADER, 0);
    if (result === BPF_FLOW_DISSECTOR_CONTINUE) return 0;
    return flowKeysHash(keys, result === BPF_OK, this.#machine().runtime.options.seed ?? 0);
  }

  /** bpf_flow_dissect. `data`: from the Ethernet header on. */
  dissect(program: MachineProgram, data: Uint8Array, nhoff: number, flags: number): Dissection {
    const { runtime } = this.#machine();
    const { address, pointer } = (this.#keys ??= newMemory(runtime, KEYS.size));
    const ring = this.#network.stack.runner.place(hook, data, 0, 0);
    const view = runtime.view();
    view.setBigUint64(ring.contexts + CONTEXT_KEYS, pointer, true);
    view.setUint32(ring.contexts + SKB_NETWORK_OFFSET, nhoff, true);
    runtime.u8().fill(0, address, address + KEYS.size);
    view.setUint16(address + NHOFF, nhoff, true);
    view.setUint16(address + THOFF, nhoff, true);
    view.setUint16(address + N_PROTO, (data[12]! << 8) | data[13]!);
    view.setUint32(address + FLAGS, flags, true);
    const result = program.code.run(ring.contexts);
    return { result, keys: clamped(runtime.u8().slice(address, address + KEYS.size), nhoff, data) };
  }

  /** bpf_prog_test_run_flow_dissector: what the keys are is the packet that comes out. */
  run(program: MachineProgram, { data, context, repeat = 1 }: RunOptions): RunResult {
    if (!data || data.length < ETHERNET_HEADER) refuse('EINVAL', 'a packet from 14 bytes on');
    if (context && !isFlagsOnly(context)) refuse('EINVAL', 'only flags can be given');
    const flags = context ? viewOf(context).getUint32(FLAGS, true) : 0;
    const start = performance.now();
    let found: Dissection | undefined;
    for (let i = 0; i < repeat; i++) found = this.dissect(program, data, ETHERNET_HEADER, flags);
    const duration = ((performance.now() - start) * 1e6) / repeat;
    const { result: returnValue, keys } = found!;
    const { name: verdict } = hook.verdict(returnValue);
    return { returnValue, verdict, data: keys, context: context ?? new Uint8Array(0), duration };
  }
}

const viewOf = (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function isFlagsOnly(context: Uint8Array): boolean {
  return (
    context.length === KEYS.size &&
    context.every((byte, i) => byte === 0 || (i >= FLAGS && i < FLAGS + 4))
  );
}

/** Offsets stay in the packet, whatever the program wrote. */
function clamped(keys: Uint8Array, nhoff: number, { length }: Uint8Array): Uint8Array {
  const view = viewOf(keys);
  const end = Math.min(length, MOST);
  const clamp = (value: number, low: number) => Math.min(Math.max(value, low), end);
  const network = clamp(view.getUint16(NHOFF, true), nhoff);
  view.setUint16(NHOFF, network, true);
  view.setUint16(THOFF, clamp(view.getUint16(THOFF, true), network), true);
  return keys;
}
