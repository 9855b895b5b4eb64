import { KernelError } from '../../base/index.ts';
import type { KernelDevice, ReceiveResult, SentPacket } from '../../kernel/index.ts';
import type { HostDevice } from '../../runtime/types.ts';
import type { MachineProgram } from '../program.ts';
import type { PacketHook } from './hook.ts';
import type { Network, Passage } from './network.ts';
import { ETHERNET_HEADER } from './packets.ts';

export interface DeviceOptions {
  /** Interface number; by default they count up from 2 (`lo` is 1). */
  readonly ifindex?: number;
  /** Default 1500. */
  readonly mtu?: number;
  /** Hardware address, 6 bytes; by default 02:00:00:00:00:NN with the interface number. */
  readonly address?: Uint8Array;
  /** Whether packets that came in here may be forwarded (bpf_fib_lookup). Default true. */
  readonly forwarding?: boolean;
}

type Direction = 'ingress' | 'egress';

/** tcx: go on with the next program. */
const NEXT = 'next';

/** A network device: packets come in from its wire and go out to it. */
export class Device implements KernelDevice {
  readonly name: string;
  readonly ifindex: number;
  readonly sent: SentPacket[] = [];
  readonly #network: Network;
  /** At most one XDP program at a time. */
  #xdp: MachineProgram | undefined;
  readonly #tc: Record<Direction, MachineProgram[]> = { ingress: [], egress: [] };

  constructor(network: Network, name: string, ifindex: number) {
    this.#network = network;
    this.name = name;
    this.ifindex = ifindex;
  }

  /** What helpers see of the device. */
  hostDevice(options: DeviceOptions): HostDevice {
    return {
      mtu: options.mtu ?? 1500,
      headerSize: ETHERNET_HEADER,
      address: options.address ?? Uint8Array.of(2, 0, 0, 0, this.ifindex >> 8, this.ifindex),
      forwarding: options.forwarding ?? true,
    };
  }

  /** Attaches a program; returns the way to take it off again. */
  attach(program: MachineProgram, hook: PacketHook, direction?: Direction): () => void {
    if (hook.exclusive) {
      if (this.#xdp) throw new KernelError('EBUSY', 16, `${this.name} has an XDP program already`);
      this.#xdp = program;
      return () => {
        this.#xdp = undefined;
      };
    }
    const list = this.#tc[direction ?? directionOf(program)];
    list.push(program);
    return () => {
      list.splice(list.indexOf(program), 1);
    };
  }

  receive(packet: Uint8Array, options: { readonly queue?: number } = {}): ReceiveResult {
    const queue = options.queue ?? 0;
    let data = packet;
    let last: Passage | undefined;
    if (this.#xdp) {
      last = this.#network.pass(this.#xdp, data, this.ifindex, queue);
      data = last.data;
      if (last.verdict.fate === 'tx') this.sent.push({ data, from: this.name });
      if (last.verdict.fate !== 'pass') return this.#result(last, data);
    }
    return this.#result(this.#runTc('ingress', data, queue) ?? last, data);
  }

  transmit(packet: Uint8Array): ReceiveResult {
    const result = this.#result(this.#runTc('egress', packet, 0), packet);
    if (result.verdict === 'pass') this.sent.push({ data: result.data, from: this.name });
    return result;
  }

  /** Programs in order until one decides; undefined if there is none. */
  #runTc(direction: Direction, packet: Uint8Array, queue: number): Passage | undefined {
    let last: Passage | undefined;
    for (const program of this.#tc[direction]) {
      last = this.#network.pass(program, last?.data ?? packet, this.ifindex, queue);
      if (last.verdict.name !== NEXT) break;
    }
    return last;
  }

  #result(last: Passage | undefined, packet: Uint8Array): ReceiveResult {
    const data = last?.data ?? packet;
    if (last?.verdict.fate === 'redirect') this.#network.deliver(last.target, data, this.name);
    const name = last?.verdict.name ?? 'pass';
    return {
      verdict: name === NEXT ? 'pass' : name,
      verdictCode: last?.code,
      data,
      target: last?.target?.text,
      fault: last?.fault,
    };
  }
}

/** Which way a program goes whose attachment does not say it. */
export function directionOf(program: MachineProgram): Direction {
  return /egress/.test(program.spec.section) ? 'egress' : 'ingress';
}
