/** Packets as tracing programs see them: at functions and tracepoints of the kernel. */
import type { Btf } from '../../../btf/index.ts';
import { type KernelObject, KernelObjects } from '../../objects/kernel-struct.ts';
import { PacketStructs } from '../../objects/packet-structs.ts';
import { programTypeOf } from '../../program-type.ts';
import type { KernelPlaces } from '../../subsystem.ts';
import type { PacketEvent, PacketPoint } from './points.ts';
import type { Stack } from './stack.ts';

type Word = number | bigint;

const ETHERNET = 14;
const SOCKET_BUFFER = programTypeOf('sched_cls');
const REASON = 'SKB_DROP_REASON_';

/** Gives what comes by those places to programs, with the arguments Linux would give. */
export class PacketEvents implements KernelPlaces {
  readonly functions: ReadonlySet<string> = new Set<PacketPoint>(['napi_gro_receive']);
  /** Of include/trace/events/{net,skb}.h. */
  readonly tracepoints: ReadonlySet<string> = new Set<PacketPoint>([
    'kfree_skb',
    'net_dev_queue',
    'net_dev_start_xmit',
    'net_dev_xmit',
    'netif_receive_skb',
  ]);
  readonly #stack: Stack;
  readonly #objects: KernelObjects;
  readonly #structs: PacketStructs;
  readonly #polls = new WeakMap<object, KernelObject>();
  #reasons: ReadonlyMap<string, number> | undefined;
  #arrive: (place: string, args: readonly Word[]) => void = () => {};
  /** Programs at such places. */
  #programs = 0;

  constructor(stack: Stack) {
    const { runtime, settings } = stack.machine;
    this.#stack = stack;
    this.#objects = new KernelObjects(runtime, settings.rules);
    this.#structs = new PacketStructs(runtime, settings.rules);
  }

  /**
   * Nobody listens while there is no program. Throws KernelError EOPNOTSUPP on machines that know
   * no types of the kernel.
   */
  use(arrive: (place: string, args: readonly Word[]) => void): () => void {
    void this.#objects.btf;
    this.#arrive = arrive;
    this.#programs++;
    this.#stack.points.listener = (event) => this.#tell(event);
    return () => {
      if (--this.#programs === 0) this.#stack.points.listener = undefined;
    };
  }

  #tell(event: PacketEvent): void {
    const { packet, device, pulled, point } = event;
    this.#stack.runner.show(packet, device, (context) => {
      const look = (skb: bigint) => this.#arrive(point, this.#argumentsOf(event, skb));
      const header = pulled ? Math.min(ETHERNET, packet.data.length) : 0;
      this.#structs.during(SOCKET_BUFFER, context, look, header);
    });
  }

  #argumentsOf({ point, packet, device, reason }: PacketEvent, skb: bigint): readonly Word[] {
    switch (point) {
      case 'napi_gro_receive':
        return [this.#pollOf(device), skb];
      case 'net_dev_start_xmit':
        return [skb, this.#structs.device(device.ifindex)];
      case 'net_dev_xmit':
        return [skb, 0, this.#structs.device(device.ifindex), packet.data.length];
      case 'kfree_skb':
        // Where it was called: the machine has no code of the kernel. The socket: none.
        return [skb, 0, this.#reasonOf(reason!), 0];
      default:
        return [skb];
    }
  }

  /** struct napi_struct of a device. */
  #pollOf(device: PacketEvent['device']): bigint {
    let poll = this.#polls.get(device);
    if (!poll) {
      this.#polls.set(device, (poll = this.#objects.make('napi_struct')));
      this.#objects.set(poll, 'dev', this.#structs.device(device.ifindex));
    }
    return poll.pointer;
  }

  /** Other kernels have other numbers. */
  #reasonOf(word: string): number {
    const reasons = (this.#reasons ??= reasonsIn(this.#objects.btf));
    return reasons.get(word) ?? reasons.get('NOT_SPECIFIED') ?? 0;
  }
}

function reasonsIn(btf: Btf): ReadonlyMap<string, number> {
  const id = btf.find('enum', 'skb_drop_reason');
  const type = id === undefined ? undefined : btf.type(id);
  if (type?.kind !== 'enum') return new Map();
  return new Map(type.values.map(({ name, value }) => [name.replace(REASON, ''), value]));
}
