/** Who of a group gets a packet or a connection (reuseport_select_sock, reuseport_migrate_sock). */
import { objectPointer, socketPointer } from '../../../runtime/index.ts';
import { errnos, fieldOffsets } from '../../../abi/index.ts';
import type { RunResult } from '../../../kernel/index.ts';
import { KernelError } from '../../../base/index.ts';
import {
  REUSE_CTX_SIZE,
  REUSE_DATA,
  REUSE_DATA_END,
  REUSE_HASH,
  REUSE_HEADERS,
  REUSE_LEN,
  REUSE_MIGRATING,
  REUSE_NETWORK,
  REUSE_SELECTED,
  REUSE_SK,
} from '../../../runtime/layout.ts';
import type { Runtime } from '../../../runtime/types.ts';
import type { Machine } from '../../machine.ts';
import type { MachineProgram } from '../../program.ts';
import type { Subsystem } from '../../subsystem.ts';
import type { Tuple } from '../sockets/address.ts';
import { PROTOCOLS } from '../sockets/ends.ts';
import type { Known, Sockets } from '../sockets/layer.ts';
import { Socket } from '../sockets/socket.ts';
import { runFilter } from '../sockmap/skb.ts';
import type { ReuseportGroup } from './group.ts';

const SK_PASS = 1;
const AT = fieldOffsets('sk_reuseport_md');
/** ETH_P_IP, ETH_P_IPV6 as the bytes of the frame, read as a little-endian number. */
const ETHER = { 4: 0x0008, 16: 0xdd86 } as const;
const NOTHING: Uint8Array = new Uint8Array(0);
const no = (word: string): number => -errnos[word]!;

/** A packet for a socket: the frame, where its IP and transport headers and its data begin. */
export interface Arrived {
  readonly data: Uint8Array;
  readonly network: number;
  readonly transport: number;
  readonly payload: number;
  readonly end: number;
}

/** The hook of sk_reuseport programs. */
export class ReuseportHook implements Subsystem {
  readonly #machine: () => Machine;
  readonly #sockets: Sockets;
  #context = 0;
  #frame = 0;
  #room = 0;
  /** The group that is asked for, and one of its sockets. */
  #group: ReuseportGroup | undefined;
  #first: Socket | undefined;

  constructor(machine: () => Machine, sockets: Sockets) {
    this.#machine = machine;
    this.#sockets = sockets;
  }

  get #runtime(): Runtime {
    return this.#machine().runtime;
  }

  /** Gives the helper its body. */
  install(): void {
    const { host } = this.#runtime;
    host.selectReuseport = (context, map, key) => this.#choose(context, map, key);
  }

  serves(programType: string): boolean {
    return programType === 'sk_reuseport';
  }

  run({ spec }: MachineProgram): RunResult {
    throw new KernelError('ENOTSUPP', 524, `program '${spec.name}': such have no test run`);
  }

  /** The socket of a group for a packet; 'drop': a program wants nobody to get it. */
  select(
    first: Socket,
    tuple: Tuple,
    hash: number,
    arrived: Arrived | undefined,
  ): Socket | 'drop' | undefined {
    const { group } = first;
    if (!group || group.members.length === 0) return undefined;
    const { program } = group;
    if (!program || !arrived) return group.byHash(hash);
    const chosen =
      program.type.name === 'sk_reuseport'
        ? this.#run(program, group, first, tuple, hash, arrived, undefined)
        : this.#byFilter(program, group, first, arrived);
    return chosen ?? group.byHash(hash);
  }

  /** A program of packet filters gives the number of a socket; it sees the data alone. */
  #byFilter(
    program: MachineProgram,
    { members }: ReuseportGroup,
    first: Socket,
    { data, payload, end }: Arrived,
  ): Socket | undefined {
    const index = runFilter(program, first, data.subarray(payload, end)) >>> 0;
    return members[index];
  }

  /** Who takes a connection over whose listener was closed. */
  migrate(
    from: Socket,
    migrating: Known & Tuple,
    hash: number,
    arrived: Arrived | undefined,
  ): Socket | undefined {
    const { group } = from;
    if (!group || group.members.length === 0 || !group.migrates) return undefined;
    const chosen = this.#run(group.program!, group, from, migrating, hash, arrived, migrating);
    return chosen === 'drop' ? undefined : (chosen ?? group.byHash(hash));
  }

  /** bpf_run_sk_reuseport */
  #run(
    program: MachineProgram,
    group: ReuseportGroup,
    first: Socket,
    tuple: Tuple,
    hash: number,
    arrived: Arrived | undefined,
    migrating: Known | undefined,
  ): Socket | 'drop' | undefined {
    const before = [this.#group, this.#first] as const;
    [this.#group, this.#first] = [group, first];
    const at = this.#describe(first, tuple, hash, arrived, migrating);
    const code = first.net.stack.runner.run(program, at);
    [this.#group, this.#first] = before;
    if (code !== SK_PASS) return 'drop';
    const number = this.#runtime.u32()[(at + REUSE_SELECTED) >>> 2]!;
    const chosen = number === 0 ? undefined : this.#sockets.byNumber(number);
    return chosen instanceof Socket ? chosen : undefined;
  }

  #describe(
    first: Socket,
    { local }: Tuple,
    hash: number,
    arrived: Arrived | undefined,
    migrating: Known | undefined,
  ): number {
    const runtime = this.#runtime;
    this.#context ||= runtime.allocate(REUSE_CTX_SIZE, 16);
    const record = this.#sockets.recordOf(first);
    const moving = migrating ? objectPointer(this.#sockets.recordOf(migrating)) : 0n;
    const frame = arrived ? arrived.data.subarray(0, arrived.end) : NOTHING;
    this.#makeRoom(frame.length);
    const at = this.#context;
    runtime.u8().fill(0, at, at + REUSE_CTX_SIZE);
    runtime.u8().set(frame, this.#frame);
    const view = runtime.view();
    const transport = arrived?.transport ?? 0;
    const put = (field: string, value: number) => view.setUint32(at + AT[field]!, value, true);
    view.setBigUint64(at + REUSE_DATA, BigInt(this.#frame + transport), true);
    view.setBigUint64(at + REUSE_DATA_END, BigInt(this.#frame + frame.length), true);
    view.setUint32(at + REUSE_LEN, frame.length - transport, true);
    put('eth_protocol', arrived ? ETHER[local.length as 4 | 16] : 0);
    put('ip_protocol', PROTOCOLS[first.type]);
    put('bind_inany', first.group?.bindAny ? 1 : 0);
    view.setUint32(at + REUSE_HASH, hash, true);
    view.setBigUint64(at + REUSE_SK, socketPointer(runtime, record), true);
    view.setBigUint64(at + REUSE_MIGRATING, moving, true);
    view.setUint32(at + REUSE_NETWORK, transport - (arrived?.network ?? 0), true);
    view.setUint32(at + REUSE_HEADERS, transport, true);
    return at;
  }

  #makeRoom(size: number): void {
    if (size <= this.#room && this.#frame !== 0) return;
    if (this.#frame !== 0) this.#runtime.release(this.#frame);
    this.#room = Math.max(2048, size);
    this.#frame = this.#runtime.allocate(this.#room, 16);
  }

  /** sk_select_reuseport: 0 or a negative errno. */
  #choose(context: number, map: number, key: number): number {
    const { exports } = this.#runtime;
    const known = this.#runtime.mapAt(map);
    const lookup = known && exports[`${known.prefix}_lookup`];
    if (!known || !lookup) return no('ENOENT');
    const found = (lookup as unknown as (map: number, key: number) => bigint)(map, key);
    const socket = this.#sockets.at(Number(BigInt.asUintN(32, found)));
    if (!socket) return no('ENOENT');
    const { group } = socket instanceof Socket ? socket : { group: undefined };
    if (!group) return no(known.prefix === ARRAY ? 'ENOENT' : 'EINVAL');
    if (group !== this.#group) return no(this.#otherGroup(socket as Socket));
    const words = this.#runtime.u32();
    words[(context + REUSE_SELECTED) >>> 2] = (socket as Socket).owner.number;
    return 0;
  }

  #otherGroup(socket: Socket): string {
    const first = this.#first!;
    if (first.type !== socket.type) return 'EPROTOTYPE';
    return first.family === socket.family ? 'EBADFD' : 'EAFNOSUPPORT';
  }
}

/** The map whose sockets are in groups, always. */
const ARRAY = 'reuseport_sockarray';
