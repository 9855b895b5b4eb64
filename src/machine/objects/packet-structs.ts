/** The kernel's structs behind contexts, for programs that trace other programs. */
import { contextMember, type KernelProfile, type ProgramTypeDef } from '../../abi/index.ts';
import { contextPointer } from '../../runtime/host/pointers.ts';
import * as l from '../../runtime/layout.ts';
import type { Runtime } from '../../runtime/index.ts';
import { KernelDevices } from './kernel-devices.ts';
import { type KernelObject, KernelObjects, MemoryWindow } from './kernel-struct.ts';

/** What is in front of a struct, with the address of its context (STRUCT_CONTEXT). */
const BEFORE = 64;
/** struct skb_shared_info, which ends every frame. */
const SHARED_INFO = 320;
/** XDP_FLAGS_HAS_FRAGS of struct xdp_buff. */
const HAS_FRAGS = 1;

/** A struct and what it points to. */
interface Made {
  readonly struct: KernelObject;
  /** The packet's bytes, and the room around them. */
  readonly bytes: MemoryWindow;
  /** XDP: the queue. */
  readonly queue: KernelObject | undefined;
}

/** One kind of context: its struct in the kernel, and who writes that. */
interface Kind {
  readonly name: string;
  readonly free: Made[];
  readonly write: (made: Made, context: number, pulled: number) => void;
}

/** Structs that say what a context says, as long as a program looks at them. */
export class PacketStructs {
  readonly #runtime: Runtime;
  readonly #rules: KernelProfile | undefined;
  readonly #objects: KernelObjects;
  readonly #devices: KernelDevices;
  readonly #kinds = new Map<ProgramTypeDef, Kind>();

  constructor(runtime: Runtime, rules: KernelProfile | undefined) {
    this.#runtime = runtime;
    this.#rules = rules;
    this.#objects = new KernelObjects(runtime, rules);
    this.#devices = new KernelDevices(this.#objects);
  }

  /**
   * `look` gets a pointer to the struct of the context at that address. A machine that knows no
   * types of the kernel has none, and programs there get the context itself. `pulled`: bytes of
   * header that a socket buffer no longer begins with.
   */
  during<T>(type: ProgramTypeDef, context: number, look: (pointer: bigint) => T, pulled = 0): T {
    const kind = this.#kindOf(type);
    if (!kind) return look(contextPointer(context));
    const made = kind.free.pop() ?? this.#make(kind);
    this.#runtime.view().setUint32(made.struct.address - l.STRUCT_CONTEXT, context, true);
    kind.write(made, context, pulled);
    try {
      return look(made.struct.pointer);
    } finally {
      kind.free.push(made);
    }
  }

  #kindOf(type: ProgramTypeDef): Kind | undefined {
    const rules = this.#rules;
    if (!rules) return undefined;
    let kind = this.#kinds.get(type);
    if (!kind) {
      const { name } = contextMember(rules.btf(), type.id, 'kern');
      if (name === '') return undefined;
      this.#kinds.set(type, (kind = { name, free: [], write: this.#writerOf(name) }));
    }
    return kind;
  }

  #make({ name }: Kind): Made {
    const queue = name === 'xdp_buff' ? this.#objects.make('xdp_rxq_info') : undefined;
    const bytes = new MemoryWindow(this.#runtime);
    return { struct: this.#objects.make(name, BEFORE), bytes, queue };
  }

  #writerOf(name: string): Kind['write'] {
    if (name === 'xdp_buff') return (made, context) => this.#writeFrame(made, context);
    if (name === 'sk_buff') {
      return (made, context, pulled) => this.#writeBuffer(made, context, pulled);
    }
    // Of others only the type is known: all of it reads as 0.
    return () => {};
  }

  #writeFrame({ struct, bytes, queue }: Made, context: number): void {
    const view = this.#runtime.view();
    const word = (at: number) => view.getUint32(context + at, true);
    const set = (path: string, value: number | bigint) => this.#objects.set(struct, path, value);
    const start = word(l.XDP_HARD_START);
    bytes.show(start, word(l.XDP_HARD_END));
    set('data', bytes.pointerTo(word(l.XDP_DATA)));
    set('data_end', bytes.pointerTo(word(l.XDP_DATA_END)));
    set('data_meta', bytes.pointerTo(word(l.XDP_DATA_META)));
    set('data_hard_start', bytes.pointerTo(start));
    set('frame_sz', word(l.XDP_HARD_END) - start + SHARED_INFO);
    set('flags', word(l.XDP_FRAGS_LENGTH) > 0 ? HAS_FRAGS : 0);
    set('rxq', queue!.pointer);
    this.#objects.set(queue!, 'queue_index', word(l.XDP_RX_QUEUE_INDEX));
    this.#objects.set(queue!, 'dev', this.device(word(l.XDP_INGRESS_IFINDEX)));
  }

  #writeBuffer({ struct, bytes }: Made, context: number, pulled: number): void {
    const view = this.#runtime.view();
    const word = (at: number) => view.getUint32(context + at, true);
    const set = (path: string, value: number | bigint) => this.#objects.set(struct, path, value);
    const head = word(l.SKB_HARD_START);
    const data = word(l.SKB_DATA) - head;
    const network = data + word(l.SKB_NETWORK_OFFSET);
    for (const [path, at] of SAME) set(path, word(at));
    set('tstamp', view.getBigUint64(context + l.SKB_TSTAMP, true));
    bytes.show(head, word(l.SKB_HARD_END));
    set('head', bytes.pointerTo(head));
    set('data', bytes.pointerTo(head + data + pulled));
    if (pulled !== 0) set('len', word(l.SKB_LEN) - pulled);
    set('mac_header', data);
    set('tail', data + word(l.SKB_LEN));
    set('end', word(l.SKB_HARD_END) - head);
    set('network_header', network);
    const transport = word(l.SKB_TRANSPORT_OFFSET);
    set('transport_header', transport === 0 ? network : data + transport);
    set('dev', this.device(word(l.SKB_IFINDEX)));
  }

  /** struct net_device of the namespace that runs now; 0: there is none. */
  device(ifindex: number): bigint {
    const device = this.#runtime.host.devices.get(ifindex);
    return device ? this.#devices.pointerTo(device, { ...device, ifindex }) : 0n;
  }
}

/** Members of struct sk_buff that struct __sk_buff has as they are. */
const SAME: readonly (readonly [string, number])[] = [
  ['len', l.SKB_LEN],
  ['mark', l.SKB_MARK],
  ['queue_mapping', l.SKB_QUEUE_MAPPING],
  ['protocol', l.SKB_PROTOCOL],
  ['vlan_tci', l.SKB_VLAN_TCI],
  ['vlan_proto', l.SKB_VLAN_PROTO],
  ['priority', l.SKB_PRIORITY],
  ['skb_iif', l.SKB_INGRESS_IFINDEX],
  ['tc_index', l.SKB_TC_INDEX],
  ['hash', l.SKB_HASH],
];
