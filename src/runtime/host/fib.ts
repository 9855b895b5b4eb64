/**
 * bpf_fib_lookup and bpf_check_mtu over the routes and devices the machine has (net/core/filter.c).
 */
import { sameBytes } from '../../base/index.ts';
import { constants, errnos, structs, fieldOffsets } from '../../abi/index.ts';
import {
  SKB_GSO_SIZE,
  SKB_IFINDEX,
  SKB_LEN,
  XDP_DATA,
  XDP_DATA_END,
  XDP_INGRESS_IFINDEX,
} from '../layout.ts';
import type { HostCall, HostDevice, HostRoute, HostServices, Runtime } from '../types.ts';
import { lookupRoute, MAIN_TABLE } from './routes.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const VLAN_TAG = 4;

const {
  BPF_FIB_LOOKUP_DIRECT: DIRECT,
  BPF_FIB_LOOKUP_OUTPUT: OUTPUT,
  BPF_FIB_LOOKUP_SKIP_NEIGH: SKIP_NEIGH,
  BPF_FIB_LOOKUP_TBID: TBID,
  BPF_FIB_LOOKUP_SRC: SRC,
  BPF_FIB_LOOKUP_MARK: MARK,
} = constants;
const KNOWN_FLAGS = DIRECT | OUTPUT | SKIP_NEIGH | TBID | SRC | MARK;

const AT = fieldOffsets('bpf_fib_lookup');
const field = (name: string): number => AT[name]!;

const F = {
  family: field('family'),
  total: field('tot_len'),
  ifindex: field('ifindex'),
  metric: field('rt_metric'),
  source: field('ipv4_src'),
  destination: field('ipv4_dst'),
  vlan: field('h_vlan_proto'),
  table: field('tbid'),
  smac: field('smac'),
  dmac: field('dmac'),
};

/** One lookup: the struct in linear memory and what it runs against. */
class FibLookup {
  readonly #runtime: Runtime;
  readonly #host: HostServices;
  readonly #at: number;
  readonly #flags: number;

  constructor(runtime: Runtime, at: number, flags: number) {
    this.#runtime = runtime;
    this.#host = runtime.host;
    this.#at = at;
    this.#flags = flags;
  }

  get totalLength(): number {
    return this.#runtime.view().getUint16(this.#at + F.total, true);
  }

  get ifindex(): number {
    return this.#u32(F.ifindex);
  }

  /** BPF_FIB_LKUP_RET_* or a negative errno. */
  run(checkMtu: boolean): number {
    const family = this.#runtime.u8()[this.#at + F.family]!;
    if (family !== AF_INET && family !== AF_INET6) return -errnos['EAFNOSUPPORT']!;
    const device = this.#host.devices.get(this.ifindex);
    if (!device) return -errnos['ENODEV']!;
    if (!device.forwarding) return constants.BPF_FIB_LKUP_RET_FWD_DISABLED;
    const route = this.#route(family === AF_INET ? 4 : 16);
    const refused = refusal(route);
    return refused !== 0 ? refused : this.#follow(route!, checkMtu);
  }

  #follow(route: HostRoute, checkMtu: boolean): number {
    const device = this.#host.devices.get(route.ifindex);
    if (!device) return constants.BPF_FIB_LKUP_RET_NOT_FWDED;
    const mtu = checkMtu ? (route.mtu ?? device.mtu) : 0;
    if (checkMtu && this.totalLength > mtu) {
      this.setMtu(mtu);
      return constants.BPF_FIB_LKUP_RET_FRAG_NEEDED;
    }
    this.#setU32(F.metric, route.metric ?? 0);
    this.#setU32(F.ifindex, route.ifindex);
    const sourceError = this.#flags & SRC ? this.#setSource(route) : 0;
    if (sourceError !== 0) return sourceError;
    if (route.gateway) this.#setGateway(route.gateway);
    if (!(this.#flags & SKIP_NEIGH) && !this.#setHardware(route, device)) {
      return constants.BPF_FIB_LKUP_RET_NO_NEIGH;
    }
    this.#setU32(F.vlan, 0);
    if (mtu !== 0) this.setMtu(mtu);
    return constants.BPF_FIB_LKUP_RET_SUCCESS;
  }

  #route(size: number): HostRoute | undefined {
    const address = this.#bytes(F.destination, size);
    const out = this.#flags & OUTPUT ? this.ifindex : undefined;
    return lookupRoute(this.#host.routes, address, this.#tables(), out);
  }

  /** Which routing tables count; undefined: what the default rules say. */
  #tables(): readonly number[] | undefined {
    if (!(this.#flags & DIRECT)) return undefined;
    if (!(this.#flags & TBID)) return [MAIN_TABLE];
    const wanted = this.#u32(F.table);
    this.#setU32(F.table, 0);
    return [wanted];
  }

  #setSource(route: HostRoute): number {
    const size = route.destination.length;
    if (!route.source && size === 16) return constants.BPF_FIB_LKUP_RET_NO_SRC_ADDR;
    this.#runtime.u8().set(route.source ?? new Uint8Array(size), this.#at + F.source);
    return 0;
  }

  #setGateway(gateway: Uint8Array): void {
    const memory = this.#runtime.u8();
    if (gateway.length === 16) memory[this.#at + F.family] = AF_INET6;
    memory.set(gateway, this.#at + F.destination);
  }

  #setHardware(route: HostRoute, device: HostDevice): boolean {
    const size = (route.gateway ?? route.destination).length;
    const next = this.#bytes(F.destination, size);
    const neighbour = this.#host.neighbours.find(
      ({ ifindex, address }) => ifindex === route.ifindex && sameBytes(address, next),
    );
    if (!neighbour) return false;
    this.#runtime.u8().set(neighbour.hardware, this.#at + F.dmac);
    this.#runtime.u8().set(device.address, this.#at + F.smac);
    return true;
  }

  setMtu(mtu: number): void {
    this.#runtime.view().setUint16(this.#at + F.total, mtu, true);
  }

  #u32(offset: number): number {
    return this.#runtime.view().getUint32(this.#at + offset, true);
  }

  #setU32(offset: number, value: number): void {
    this.#runtime.view().setUint32(this.#at + offset, value, true);
  }

  #bytes(offset: number, size: number): Uint8Array {
    return this.#runtime.u8().slice(this.#at + offset, this.#at + offset + size);
  }
}

/** BPF_FIB_LKUP_RET_* of a route that leads nowhere, or 0. */
function refusal(route: HostRoute | undefined): number {
  switch (route?.type) {
    case 'unicast':
      return 0;
    case 'blackhole':
      return constants.BPF_FIB_LKUP_RET_BLACKHOLE;
    case 'unreachable':
      return constants.BPF_FIB_LKUP_RET_UNREACHABLE;
    case 'prohibit':
      return constants.BPF_FIB_LKUP_RET_PROHIBIT;
    default:
      return constants.BPF_FIB_LKUP_RET_NOT_FWDED;
  }
}

/** The lookup a call asks for, or undefined when its size or flags are wrong. */
function lookupOf(call: HostCall): FibLookup | undefined {
  const [at, size, flags] = [call.u32(1), call.i32(2), call.u32(3)];
  if (size < structs['bpf_fib_lookup']!.size || flags & ~KNOWN_FLAGS) return undefined;
  return new FibLookup(call.runtime, at, flags);
}

export function xdpFibLookup(call: HostCall): void {
  call.returnInt(lookupOf(call)?.run(true) ?? -errnos['EINVAL']!);
}

/** Without a length in the struct, the packet's own length is checked against the device found. */
export function skbFibLookup(call: HostCall): void {
  const lookup = lookupOf(call);
  if (!lookup) return call.returnInt(-errnos['EINVAL']!);
  const checkMtu = lookup.totalLength !== 0;
  const result = lookup.run(checkMtu);
  if (result !== 0 || checkMtu) return call.returnInt(result);
  const device = call.runtime.host.devices.get(lookup.ifindex)!;
  lookup.setMtu(device.mtu);
  const fits = skbFits(call, device);
  call.returnInt(fits ? result : constants.BPF_FIB_LKUP_RET_FRAG_NEEDED);
}

function skbFits(call: HostCall, device: HostDevice): boolean {
  const words = call.runtime.u32();
  const skb = call.u32(0) >>> 2;
  const limit = device.mtu + device.headerSize + VLAN_TAG;
  return words[skb + SKB_LEN / 4]! <= limit || words[skb + SKB_GSO_SIZE / 4] !== 0;
}

/**
 * check_mtu(ctx, ifindex, &mtu_len, len_diff, flags) for a packet of `length` bytes on `current`.
 */
function checkMtu(call: HostCall, length: number, current: number): number {
  const { runtime } = call;
  const device = runtime.host.devices.get(call.u32(1) || current);
  if (!device) return -errnos['ENODEV']!;
  const words = runtime.u32();
  const at = call.u32(2) >>> 2;
  const given = words[at]!;
  const size = (given !== 0 ? given + device.headerSize : length) + call.i32(3);
  words[at] = device.mtu;
  const fits = size <= device.mtu + device.headerSize;
  return fits ? constants.BPF_MTU_CHK_RET_SUCCESS : constants.BPF_MTU_CHK_RET_FRAG_NEEDED;
}

export function xdpCheckMtu(call: HostCall): void {
  if (call.u64(4) !== 0n) return call.returnInt(-errnos['EINVAL']!);
  const words = call.runtime.u32();
  const xdp = call.u32(0) >>> 2;
  const length = words[xdp + XDP_DATA_END / 4]! - words[xdp + XDP_DATA / 4]!;
  call.returnInt(checkMtu(call, length, words[xdp + XDP_INGRESS_IFINDEX / 4]!));
}

export function skbCheckMtu(call: HostCall): void {
  const words = call.runtime.u32();
  const segments = (call.u32(4) & constants.BPF_MTU_CHK_SEGS) !== 0;
  const unknown = (call.u64(4) & ~BigInt(constants.BPF_MTU_CHK_SEGS)) !== 0n;
  if (unknown || (segments && (call.i32(3) !== 0 || words[call.u32(2) >>> 2] !== 0))) {
    return call.returnInt(-errnos['EINVAL']!);
  }
  const skb = call.u32(0) >>> 2;
  const result = checkMtu(call, words[skb + SKB_LEN / 4]!, words[skb + SKB_IFINDEX / 4]!);
  const gso = words[skb + SKB_GSO_SIZE / 4]!;
  if (result !== constants.BPF_MTU_CHK_RET_FRAG_NEEDED || gso === 0) return call.returnInt(result);
  const mtu = words[call.u32(2) >>> 2]!;
  const tooBig = segments && gso + SEGMENT_HEADERS > mtu;
  call.returnInt(
    tooBig ? constants.BPF_MTU_CHK_RET_SEGS_TOOBIG : constants.BPF_MTU_CHK_RET_SUCCESS,
  );
}

/** IPv4 and TCP header without options, which each segment repeats. */
const SEGMENT_HEADERS = 40;
