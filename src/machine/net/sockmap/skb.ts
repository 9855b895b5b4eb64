/** sk_skb programs: a piece of a stream, or a datagram, as a socket buffer (struct __sk_buff). */
import { socketPointer } from '../../../runtime/index.ts';
import { writeEnds } from '../sockets/ends.ts';
import { fieldOffsets } from '../../../abi/index.ts';
import type { Runtime } from '../../../runtime/types.ts';
import {
  REDIRECT_SOCKET,
  SKB_DATA,
  SKB_DATA_END,
  SKB_LEN,
  SKB_NETWORK_OFFSET,
  SKB_PROTOCOL,
  SKB_REDIRECT,
  SKB_SOCKET_COOKIE,
} from '../../../runtime/layout.ts';
import type { MachineProgram } from '../../program.ts';
import type { PacketHook } from '../hook.ts';
import type { Socket } from '../sockets/socket.ts';
import { tcTestRun } from '../tc.ts';

/** ETH_P_IP, ETH_P_IPV6 as the bytes of the frame, read as a little-endian number. */
const PROTOCOLS = { 4: 0x0008, 6: 0xdd86 } as const;
const BPF_F_INGRESS = 1;
const SK_PASS = 1;

const AT = fieldOffsets('__sk_buff');

/** Data without headers: what BPF_PROG_TEST_RUN takes for a frame has none here. */
const skbHook: PacketHook = {
  ...tcTestRun,
  programTypes: ['sk_skb'],
  verdict: (code) =>
    code === SK_PASS ? { name: 'pass', fate: 'pass' } : { name: 'drop', fate: 'drop' },
};

/** What a program made of a piece of data. */
export interface SkbOutcome {
  readonly code: number;
  /** Number of the socket it goes to, if the program named one. */
  readonly redirect: number;
  readonly ingress: boolean;
  /** Program's changes included. */
  readonly data: Uint8Array;
}

/** Runs a parser or verdict program of a socket over a piece of data. Undefined: no room for it. */
export function runSkb(
  program: MachineProgram,
  socket: Socket,
  data: Uint8Array,
): SkbOutcome | undefined {
  const { runner, sockets } = socket.net.stack;
  const { contexts, runtime, count } = runner.place(skbHook, data, 0, 0);
  if (count === 0) return undefined;
  const record = sockets.recordOf(socket);
  describe(runtime, contexts, socket, record);
  const view = runtime.view();
  const start = view.getUint32(contexts + SKB_DATA, true);
  // Bytes of a stream lie in pages: programs see none of them before they pull.
  if (socket.type === 'tcp') view.setUint32(contexts + SKB_DATA_END, start, true);
  view.setBigUint64(contexts + SKB_SOCKET_COOKIE, BigInt(socket.owner.number), true);
  const code = runner.run(program, contexts);
  const words = runtime.u32();
  const from = words[(contexts + SKB_DATA) >>> 2]!;
  const redirect = (contexts + SKB_REDIRECT) >>> 2;
  const named = words[redirect] === REDIRECT_SOCKET;
  return {
    code,
    redirect: named ? words[redirect + 1]! : 0,
    ingress: named && (words[redirect + 3]! & BPF_F_INGRESS) !== 0,
    data: runtime.u8().slice(from, from + words[(contexts + SKB_LEN) >>> 2]!),
  };
}

/** The socket's side of the context. */
function describe(runtime: Runtime, at: number, socket: Socket, record: number): void {
  const view = runtime.view();
  view.setUint32(at + SKB_PROTOCOL, PROTOCOLS[socket.family], true);
  view.setUint32(at + SKB_NETWORK_OFFSET, 0, true);
  writeEnds(runtime, at, AT, socket);
  view.setBigUint64(at + AT['sk']!, socketPointer(runtime, record), true);
}

/** Runs a packet filter over data of a socket: how many bytes of it it wants, or what it chose. */
export function runFilter(program: MachineProgram, socket: Socket, data: Uint8Array): number {
  const { runner, sockets } = socket.net.stack;
  const { contexts, runtime } = runner.place(filterHook, data, 0, 0);
  describe(runtime, contexts, socket, sockets.recordOf(socket));
  return runner.run(program, contexts);
}

const filterHook: PacketHook = { ...skbHook, programTypes: ['socket_filter'] };
