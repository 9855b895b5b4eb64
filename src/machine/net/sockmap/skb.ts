/** sk_skb programs: a piece of a stream, or a datagram, as a socket buffer (struct __sk_buff). */
import { structs } from '../../../abi/index.ts';
import type { Runtime } from '../../../runtime/types.ts';
import {
  REDIRECT_SOCKET,
  REGION_OBJECT,
  SKB_DATA,
  SKB_DATA_END,
  SKB_LEN,
  SKB_NETWORK_OFFSET,
  SKB_PROTOCOL,
  SKB_REDIRECT,
  SKB_SOCKET_COOKIE,
  TAG_BASE,
} from '../../../runtime/layout.ts';
import type { MachineProgram } from '../../program.ts';
import type { PacketHook } from '../hook.ts';
import { mapped } from '../sockets/address.ts';
import type { Socket } from '../sockets/socket.ts';
import { tcTestRun } from '../tc.ts';

const AF_INET = 2;
const AF_INET6 = 10;
/** ETH_P_IP, ETH_P_IPV6 as the bytes of the frame, read as a little-endian number. */
const PROTOCOLS = { 4: 0x0008, 6: 0xdd86 } as const;
const BPF_F_INGRESS = 1;
const SK_PASS = 1;
const TAG = BigInt.asUintN(32, BigInt(TAG_BASE + REGION_OBJECT)) << 32n;

const AT: Readonly<Record<string, number>> = Object.fromEntries(
  structs['__sk_buff']!.fields.map(({ name, offset }) => [name, offset]),
);

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
  const put = (field: string, value: number) => view.setUint32(at + AT[field]!, value, true);
  const { local, remote, family } = socket;
  put('family', family === 4 ? AF_INET : AF_INET6);
  view.setUint32(at + SKB_PROTOCOL, PROTOCOLS[family], true);
  view.setUint32(at + SKB_NETWORK_OFFSET, 0, true);
  const bytes = runtime.u8();
  if (remote.length === 4) bytes.set(remote, at + AT['remote_ip4']!);
  if (local.length === 4) bytes.set(local, at + AT['local_ip4']!);
  if (family === 6) bytes.set(mapped(remote), at + AT['remote_ip6']!);
  if (family === 6) bytes.set(mapped(local), at + AT['local_ip6']!);
  // The kernel's 16 bits, in the upper half of the word.
  view.setUint16(at + AT['remote_port']! + 2, socket.remotePort);
  put('local_port', socket.localPort);
  view.setBigUint64(at + AT['sk']!, TAG | BigInt(record), true);
}

/** Runs a packet filter over data of a socket: how many bytes of it it wants, or what it chose. */
export function runFilter(program: MachineProgram, socket: Socket, data: Uint8Array): number {
  const { runner, sockets } = socket.net.stack;
  const { contexts, runtime } = runner.place(filterHook, data, 0, 0);
  describe(runtime, contexts, socket, sockets.recordOf(socket));
  return runner.run(program, contexts);
}

const filterHook: PacketHook = { ...skbHook, programTypes: ['socket_filter'] };
