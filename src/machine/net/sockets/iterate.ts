/** Iterators over sockets: iter/tcp and iter/udp (net/ipv4/tcp_ipv4.c, udp.c; bpf_iter.c). */
import { objectPointer } from '../../../runtime/index.ts';
import { constants, errnos } from '../../../abi/index.ts';
import { joinBytes, KernelError } from '../../../base/index.ts';
import type { AttachOptions, RunResult } from '../../../kernel/index.ts';
import type { HostCall, Runtime } from '../../../runtime/types.ts';
import { refuse } from '../../errno.ts';
import type { Machine } from '../../machine.ts';
import { MachineMap } from '../../map.ts';
import type { MachineProgram } from '../../program.ts';
import type { Attached, ProgramHook, Subsystem } from '../../subsystem.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Network } from '../network.ts';
import { KernelSockets, structOf } from './kernel-view.ts';
import type { Known } from './layer.ts';
import { Socket } from './socket.ts';
import { CLOSE, NEW_SYN_RECV } from './states.ts';

/** The page of an iterator's file (bpf_seq_read). */
const PAGE = 32_768;
/** struct bpf_iter_meta: seq, session_id, seq_num. Behind it the seq_file, then the context. */
const META_SEQ_NUM = 16;
const SEQ_FILE = 32;
const CONTEXT = 64;
const ROOM = 128;
/** The longest key of a map of sockets. */
const KEY_ROOM = 512;

type Target = 'tcp' | 'udp' | 'sockmap';
const TARGETS: ReadonlySet<string> = new Set<Target>(['tcp', 'udp', 'sockmap']);

/** What one run is about: a socket, or a key of a map of sockets with or without one. */
interface Item {
  readonly socket: Known | undefined;
  readonly key?: Uint8Array;
}

/** One pass over the sockets of a list of namespaces. */
interface Session {
  readonly program: MachineProgram;
  readonly pages: Uint8Array[];
  page: number[];
  overflowed: boolean;
}

export class SocketIterators implements Subsystem {
  readonly #network: Network;
  readonly #machine: () => Machine;
  #structs: KernelSockets | undefined;
  /** Where the socket stands that the program has now, and the context before it. */
  #scratch = 0;
  #current: Known | undefined;
  #session: Session | undefined;
  #sessions = 0;
  /** Structs of sockets that bpf_skc_to_* made. */
  readonly #views = new Map<number, Known>();
  readonly #viewOf = new WeakMap<Known, number>();

  constructor(network: Network, machine: () => Machine) {
    this.#network = network;
    this.#machine = machine;
  }

  serves(programType: string, { attachType, attachTarget }: ProgramHook): boolean {
    const known = TARGETS.has(attachTarget ?? '');
    return programType === 'tracing' && attachType === 'trace_iter' && known;
  }

  run({ spec }: MachineProgram): RunResult {
    const text = `program '${spec.name}': iterators are attached and read`;
    throw new KernelError('EINVAL', 22, text);
  }

  /** Linux: the namespace of who opens the file. `netns: 'all'`: every one that is there then. */
  hook(program: MachineProgram, options: AttachOptions): Attached {
    const { namespace = '', netns } = options;
    this.prepare();
    if (program.spec.attachTarget === 'sockmap') return this.#overMap(program, options);
    const network = this.#network;
    network.namespace(namespace);
    const spaces = () =>
      netns === 'all'
        ? network.namespaceNames.map((name) => network.namespace(name))
        : [network.namespace(namespace)];
    const info = { target_name: program.spec.attachTarget! };
    const read = () => this.#read(program, (session) => this.#walk(session, spaces()));
    return { type: constants.BPF_LINK_TYPE_ITER, info, detach() {}, read };
  }

  /** sock_map_iter_attach_target. It holds the map. */
  #overMap(program: MachineProgram, { map: given }: AttachOptions): Attached {
    const map = given && 'kernelMap' in given ? given.kernelMap : given;
    if (!map) return refuse('EBADF', `iterator '${program.spec.name}': give { map }`);
    if (!(map instanceof MachineMap) || !map.programs) refuse('EINVAL', 'no map of sockets');
    map.holdUser();
    const info = { target_name: 'sockmap', map_id: map.id };
    const read = () => this.#read(program, (session) => this.#walkMap(session, map));
    return { type: constants.BPF_LINK_TYPE_ITER, info, detach: () => map.dropUser(), read };
  }

  get #runtime(): Runtime {
    return this.#machine().runtime;
  }

  /** Makes room for the structs, and gives the helpers their bodies. */
  prepare(): void {
    if (this.#structs) return;
    const { runtime, settings } = this.#machine();
    this.#structs = new KernelSockets(runtime, settings.rules);
    this.#scratch = runtime.allocateScratch(ROOM + this.#structs.size + KEY_ROOM, 64);
    runtime.host.seqWrite = (bytes) => this.#write(bytes);
  }

  /** What helpers and kernel functions need before anything is attached. */
  install(): void {
    const { runtime } = this.#machine();
    this.#network.stack.sockets.resolve = (pointer) => this.#socketAt(pointer);
    runtime.host.socketCookie = (pointer) => this.#cookie(pointer);
    runtime.host.kernelSocket = (pointer, struct) => this.#cast(pointer, struct);
    runtime.setHostKfunc('bpf_sock_destroy', 1, (call) => this.#destroy(call));
  }

  #read(program: MachineProgram, walk: (session: Session) => void): Uint8Array {
    const session: Session = { program, pages: [], page: [], overflowed: false };
    const before = [this.#session, this.#current] as const;
    this.#session = session;
    this.#sessions++;
    try {
      this.#network.stack.perform(() => walk(session));
    } finally {
      [this.#session, this.#current] = before;
    }
    session.pages.push(Uint8Array.from(session.page));
    return joinBytes(session.pages);
  }

  #walk(session: Session, spaces: readonly NetNamespace[]): void {
    const target = session.program.spec.attachTarget as Target;
    const { runner } = this.#network.stack;
    const home = runner.namespace;
    let number = 0;
    for (const net of spaces) {
      runner.enter(net);
      for (const socket of socketsOf(net, target)) {
        if (!isHashed(socket)) continue;
        this.#show(session, { socket }, number++);
      }
    }
    this.#current = undefined;
    this.#once(session, undefined, number - 1);
    if (home) runner.enter(home);
  }

  /** Every index of a sockmap, also without a socket; every element of a sockhash. */
  #walkMap(session: Session, map: MachineMap): void {
    let number = 0;
    for (const key of keysOf(map)) {
      const socket = this.#network.stack.sockets.byNumber(map.socketAt(key));
      this.#show(session, { socket, key }, number++);
    }
    this.#current = undefined;
    this.#once(session, undefined, number - 1);
  }

  /** One socket; again on a new page if what the program wrote had no room. */
  #show(session: Session, item: Item, number: number): void {
    const began = session.page.length;
    this.#current = item.socket;
    this.#once(session, item, number);
    if (!session.overflowed) return;
    if (began === 0) throw new KernelError('E2BIG', 7, 'one socket fills more than a page');
    session.pages.push(Uint8Array.from(session.page.slice(0, began)));
    session.page = [];
    session.overflowed = false;
    this.#once(session, item, number);
    if (session.overflowed) throw new KernelError('E2BIG', 7, 'one socket fills more than a page');
  }

  #once({ program }: Session, item: Item | undefined, number: number): void {
    const at = this.#scratch;
    const socket = item?.socket;
    if (socket) this.#structs!.write(at + ROOM, socket, 0);
    const view = this.#runtime.view();
    view.setBigUint64(at, objectPointer(at + SEQ_FILE), true);
    view.setBigUint64(at + 8, BigInt(this.#sessions), true);
    view.setBigUint64(at + META_SEQ_NUM, BigInt.asUintN(64, BigInt(number)), true);
    view.setBigUint64(at + CONTEXT, objectPointer(at), true);
    const pointer = socket ? objectPointer(at + ROOM) : 0n;
    if (program.spec.attachTarget === 'sockmap') this.#describeEntry(at, item?.key, pointer);
    else this.#describeSocket(at, socket, pointer);
    if (program.code.run(at + CONTEXT) === 0) return;
    const text = `program '${program.spec.name}' wants the same socket again`;
    throw new KernelError('EAGAIN', 11, text);
  }

  /** struct bpf_iter__tcp, bpf_iter__udp. */
  #describeSocket(at: number, socket: Known | undefined, pointer: bigint): void {
    const view = this.#runtime.view();
    view.setBigUint64(at + CONTEXT + 8, pointer, true);
    view.setBigUint64(at + CONTEXT + 16, BigInt(socket ? uidOf(socket) : 0), true);
    // Buckets of the kernel's table are not modelled: the port stands for one.
    view.setBigUint64(at + CONTEXT + 24, BigInt(socket?.localPort ?? 0), true);
  }

  /** struct bpf_iter__sockmap: the struct of the map itself is not modelled. */
  #describeEntry(at: number, key: Uint8Array | undefined, socket: bigint): void {
    const view = this.#runtime.view();
    const place = at + ROOM + this.#structs!.size;
    if (key) this.#runtime.u8().set(key, place);
    view.setBigUint64(at + CONTEXT + 8, 0n, true);
    view.setBigUint64(at + CONTEXT + 16, key ? objectPointer(place) : 0n, true);
    view.setBigUint64(at + CONTEXT + 24, socket, true);
  }

  #write(bytes: Uint8Array): boolean {
    const session = this.#session;
    if (!session || session.page.length + bytes.length > PAGE) {
      if (session) session.overflowed = true;
      return false;
    }
    for (const byte of bytes) session.page.push(byte);
    return true;
  }

  /** The socket a pointer means: the one at hand, a struct of the kernel, or a bpf_sock. */
  #socketAt(pointer: number): Known | undefined {
    if (pointer !== 0 && pointer === this.#scratch + ROOM) return this.#current;
    return this.#views.get(pointer) ?? this.#network.stack.sockets.at(pointer);
  }

  #cookie(pointer: number): number {
    const socket = this.#socketAt(pointer);
    return socket ? this.#network.stack.sockets.ownerOf(socket).number : 0;
  }

  /** bpf_skc_to_*: a struct of IPv6 begins with that of IPv4. */
  #cast(pointer: number, struct: string): number {
    const socket = this.#socketAt(pointer);
    const is = socket && structOf(socket);
    if (!socket || (is !== struct && is?.replace('6', '') !== struct)) return 0;
    if (pointer === this.#scratch + ROOM || this.#views.has(pointer)) return pointer;
    this.prepare();
    const { sockets } = this.#network.stack;
    let at = this.#viewOf.get(socket);
    if (at === undefined) {
      at = this.#runtime.allocateScratch(this.#structs!.size, 64);
      this.#viewOf.set(socket, at);
      this.#views.set(at, socket);
      const made = at;
      sockets.whenForgotten(socket, () => {
        this.#views.delete(made);
        this.#runtime.release(made);
      });
    }
    this.#structs!.write(at, socket, sockets.ownerOf(socket).number);
    return at;
  }

  /** bpf_sock_destroy. */
  #destroy(call: HostCall): void {
    const socket = this.#socketAt(call.u32(0));
    if (!socket) return call.returnInt(-errnos['EOPNOTSUPP']!);
    if (!isHashed(socket)) return call.returnInt(-errnos['ENOENT']!);
    this.#network.stack.perform(() => socket.abort());
    call.returnInt(0);
  }
}

/** Keys as they are now: programs may change the map meanwhile. */
function keysOf(map: MachineMap): readonly Uint8Array[] {
  const { keySize } = map.spec;
  const keys: Uint8Array[] = [];
  let key: Uint8Array | undefined;
  for (;;) {
    const next = new Uint8Array(keySize);
    if (map.nextKey(key, next) !== 0) return keys;
    keys.push(next);
    key = next;
  }
}

/** Sockets of a namespace as they are now: listeners, then connections, in the order they came. */
function socketsOf(net: NetNamespace, target: Target): readonly Known[] {
  const { udp, listeners, connections } = net.sockets;
  if (target === 'udp') return [...udp.values()].flat();
  return [...[...listeners.values()].flat(), ...connections.values()];
}

/** Whether it is still in a table: a program may have ended it meanwhile. */
function isHashed(socket: Known): boolean {
  if (socket instanceof Socket && socket.type === 'udp') return socket.localPort !== 0;
  if (!(socket instanceof Socket)) return socket.net.sockets.connection(socket) === socket;
  return socket.state !== CLOSE;
}

function uidOf(socket: Known): number {
  if (socket.state === NEW_SYN_RECV && 'listener' in socket)
    return socket.listener.options.uid ?? 0;
  return socket instanceof Socket ? (socket.options.uid ?? 0) : 0;
}
