/** struct bpf_nf_ctx and what it points to, for one packet at a time (nf_bpf_link.c). */
import { NF_PACKET, NF_SKB, NF_STATE, SKB_CTX_SIZE, SKB_DATA } from '../../../runtime/layout.ts';
import type { Machine } from '../../machine.ts';
import { KernelDevices } from '../../objects/kernel-devices.ts';
import { type KernelObject, KernelObjects } from '../../objects/kernel-struct.ts';
import type { MachineProgram } from '../../program.ts';
import type { Device } from '../device.ts';
import { ETHERNET_HEADER } from '../packets.ts';
import { fromNetworkHeader } from '../socket-buffer.ts';
import type { Packet } from '../stack/packet.ts';
import type { HookRunner } from '../stack/runner.ts';

/** Where in netfilter a packet is: numbers of NFPROTO_* and NF_INET_*. */
export interface NetfilterState {
  readonly pf: number;
  readonly hook: number;
  readonly in: Device | undefined;
  readonly out: Device | undefined;
}

const NFPROTO_IPV6 = 10;

/** Runs netfilter programs over packets. */
export class NetfilterContext {
  readonly #machine: Machine;
  readonly #runner: HookRunner;
  readonly #objects: KernelObjects;
  readonly #address: number;
  readonly #state: KernelObject;
  readonly #skb: KernelObject;
  readonly #devices: KernelDevices;

  /** Throws KernelError EOPNOTSUPP for a machine that knows no types of the kernel. */
  constructor(machine: Machine, runner: HookRunner) {
    this.#machine = machine;
    this.#runner = runner;
    this.#objects = new KernelObjects(machine.runtime, machine.settings.rules);
    this.#devices = new KernelDevices(this.#objects);
    this.#state = this.#objects.make('nf_hook_state');
    this.#skb = this.#objects.make('sk_buff');
    this.#address = machine.runtime.allocate(NF_PACKET + SKB_CTX_SIZE, 64);
  }

  /** Puts a packet there; `run` is for this one until the next. */
  prepare(packet: Packet, state: NetfilterState): void {
    this.#runner.enterFor(packet);
    const { runtime } = this.#machine;
    const ring = this.#runner.place(fromNetworkHeader, packet.data, packet.device.ifindex, 0);
    const bytes = runtime.u8();
    const record = this.#address + NF_PACKET;
    bytes.copyWithin(record, ring.contexts, ring.contexts + SKB_CTX_SIZE);
    const view = runtime.view();
    view.setBigUint64(this.#address + NF_STATE, this.#state.pointer, true);
    view.setBigUint64(this.#address + NF_SKB, this.#skb.pointer, true);
    this.#writeState(state);
    this.#writeBuffer(packet, state, view.getUint32(record + SKB_DATA, true));
  }

  /** r0 of the program: NF_DROP or NF_ACCEPT. */
  run({ code }: MachineProgram): number {
    return code.run(this.#address);
  }

  #writeState({ pf, hook, in: from, out }: NetfilterState): void {
    const set = (path: string, value: number | bigint) =>
      this.#objects.set(this.#state, path, value);
    set('pf', pf);
    set('hook', hook);
    set('in', this.#device(from));
    set('out', this.#device(out));
  }

  /** The packet from its network header on; what it has no meaning for is zero. */
  #writeBuffer(packet: Packet, state: NetfilterState, data: number): void {
    const { data: frame, mark, priority, hash, ingressIfindex, type, device } = packet;
    const set = (path: string, value: number | bigint) => this.#objects.set(this.#skb, path, value);
    const length = frame.length - ETHERNET_HEADER;
    const headers = state.pf === NFPROTO_IPV6 ? 40 : (frame[ETHERNET_HEADER]! & 15) * 4;
    const protocol = state.pf === NFPROTO_IPV6 ? 0xdd86 : 0x0008;
    set('len', length);
    set('mark', mark);
    set('priority', priority);
    set('hash', hash);
    set('skb_iif', ingressIfindex);
    set('pkt_type', type);
    set('protocol', protocol);
    set('network_header', ETHERNET_HEADER);
    set('transport_header', ETHERNET_HEADER + headers);
    set('head', data - ETHERNET_HEADER);
    set('data', data);
    set('tail', ETHERNET_HEADER + length);
    set('end', ETHERNET_HEADER + length);
    set('dev', this.#device(state.in ?? state.out ?? device));
  }

  #device(device: Device | undefined): bigint {
    return device ? this.#devices.pointerTo(device, device) : 0n;
  }
}
