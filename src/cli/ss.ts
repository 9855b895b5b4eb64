/** `ss`: sockets of a machine, in iproute2's columns. */
import { addressText } from '../machine/net/ip/text.ts';
import type { NetNamespace } from '../machine/net/namespace.ts';
import type { Known } from '../machine/net/sockets/layer.ts';
import { Socket } from '../machine/net/sockets/socket.ts';
import { stateWord } from '../machine/net/sockets/states.ts';
import { TcpSocket } from '../machine/net/sockets/tcp.ts';
import type { UdpSocket } from '../machine/net/sockets/udp.ts';
import type { CommandCall } from './command.ts';
import type { CliIo } from './io.ts';
import { onMachine } from './machine-file.ts';
import { formatTable } from './table.ts';

/** What ss calls states. */
const STATES: Readonly<Record<string, string>> = {
  established: 'ESTAB',
  syn_sent: 'SYN-SENT',
  syn_recv: 'SYN-RECV',
  new_syn_recv: 'SYN-RECV',
  fin_wait1: 'FIN-WAIT-1',
  fin_wait2: 'FIN-WAIT-2',
  time_wait: 'TIME-WAIT',
  close: 'UNCONN',
  close_wait: 'CLOSE-WAIT',
  last_ack: 'LAST-ACK',
  listen: 'LISTEN',
  closing: 'CLOSING',
};
const COLUMNS = [
  { head: 'Netid' },
  { head: 'State' },
  { head: 'Recv-Q', right: true },
  { head: 'Send-Q', right: true },
  { head: 'Local Address:Port', right: true },
  { head: 'Peer Address:Port', right: true },
];

/** `ss [-t] [-u] [-l] [-a]`: connections; with -l those that listen, with -a all. */
export function run(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    run({ network }) {
      const names = call.flag('all-netns') ? network.namespaceNames : [call.text('netns') ?? ''];
      const all = names.flatMap((name) => socketsOf(network.namespace(name)));
      const shown = all.filter((one) => isAsked(one, call));
      const many = call.flag('all-netns');
      const columns = many ? [...COLUMNS, { head: 'Netns' }] : COLUMNS;
      const rows = shown.map((one) => [...cellsOf(one), ...(many ? [one.netns] : [])]);
      return {
        json: shown,
        text: formatTable(columns, rows, io.columns ?? 120, (text) => text, 0),
      };
    },
  });
}

type Row = ReturnType<typeof rowOf>;

function isAsked({ netid, state }: Row, call: CommandCall): boolean {
  const [tcp, udp] = [call.flag('tcp'), call.flag('udp')];
  if ((tcp || udp) && !(netid === 'tcp' ? tcp : udp)) return false;
  const listens = state === 'LISTEN' || state === 'UNCONN';
  return call.flag('all') || listens === call.flag('listening');
}

/** UDP, then listeners, then connections, in the order they came. */
function socketsOf(net: NetNamespace): Row[] {
  const { udp, listeners, connections } = net.sockets;
  const all: Known[] = [...udp.values(), ...listeners.values()].flat();
  return [...all, ...connections.values()].map((one) => rowOf(net, one));
}

function rowOf(net: NetNamespace, socket: Known) {
  const [recv_q, send_q] = queues(socket);
  return {
    netid: socket instanceof Socket ? socket.type : 'tcp',
    state: STATES[stateWord(socket.state)] ?? stateWord(socket.state),
    recv_q,
    send_q,
    local: end(socket.local, socket.localPort),
    peer: end(socket.remote, socket.remotePort),
    netns: net.name,
  };
}

/** Of a listener: connections that wait, and how many may. */
function queues(socket: Known): readonly [number, number] {
  if (!(socket instanceof Socket)) return [0, 0];
  if (!(socket instanceof TcpSocket)) return [(socket as UdpSocket).receivedBytes, 0];
  const { streams } = socket;
  if (!streams) return [socket.offered.length, socket.backlog];
  return [streams.receivedBytes, ((streams.next - streams.una) >>> 0) + streams.waitingBytes];
}

function end(address: Uint8Array, port: number): string {
  const any = address.every((byte) => byte === 0);
  const text = any && port === 0 && address.length === 16 ? '::' : addressText(address);
  const host = address.length === 16 ? `[${text}]` : text;
  return `${host}:${port === 0 ? '*' : port}`;
}

const cellsOf = ({ netid, state, recv_q, send_q, local, peer }: Row): string[] => [
  netid,
  state,
  String(recv_q),
  String(send_q),
  local,
  peer,
];
