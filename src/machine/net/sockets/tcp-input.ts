/** What a connection makes of a segment (net/ipv4/tcp_input.c, in the order of RFC 9293). */
import { ACK, FIN, RST, type Segment, seqBefore, SYN } from './segment.ts';
import {
  CLOSE_WAIT,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT1,
  FIN_WAIT2,
  LAST_ACK,
  SYN_SENT,
} from './states.ts';
import type { Streams, TcpSocket } from './tcp.ts';

/** Segments that came before their turn and are kept. */
const EARLY_MAX = 64;

export function receiveSegment(socket: TcpSocket, segment: Segment): void {
  const { streams } = socket;
  if (!streams) return;
  if (socket.state === SYN_SENT) return answerToSyn(socket, streams, segment);
  if (!acceptable(streams, segment)) {
    if (!(segment.flags & RST)) socket.acknowledge();
    return;
  }
  if (segment.flags & RST) return reset(socket, streams, segment);
  if (segment.flags & SYN) return socket.acknowledge();
  if (!(segment.flags & ACK)) return;
  if (!acknowledge(socket, streams, segment)) return;
  data(socket, streams, segment);
}

/** tcp_rcv_synsent_state_process. */
function answerToSyn(socket: TcpSocket, streams: Streams, segment: Segment): void {
  const { flags, ack, seq } = segment;
  const answers = (flags & ACK) !== 0 && ack === streams.next;
  if (flags & RST) return answers ? socket.end('ECONNREFUSED') : undefined;
  if (!(flags & SYN) || !answers) return;
  streams.irs = seq;
  streams.expected = (seq + 1) >>> 0;
  streams.mss = Math.min(streams.mss, segment.mss);
  streams.peerWindow = segment.window;
  socket.acknowledged(ack);
  socket.state = ESTABLISHED;
  socket.established();
  socket.acknowledge();
  socket.onEvent?.('connected');
  socket.push();
}

/** tcp_sequence: some of it is in the window. */
function acceptable(streams: Streams, { seq, data, flags }: Segment): boolean {
  const length = data.length + (flags & FIN ? 1 : 0) + (flags & SYN ? 1 : 0);
  const end = (seq + length) >>> 0;
  const last = (streams.expected + Math.max(streams.window, 1)) >>> 0;
  return !seqBefore(end, streams.expected) && !seqBefore(last, seq);
}

/** RFC 5961: only a reset with the very next number counts. */
function reset(socket: TcpSocket, streams: Streams, { seq }: Segment): void {
  if (seq !== streams.expected) return socket.acknowledge();
  const error = socket.state === CLOSE_WAIT ? 'EPIPE' : 'ECONNRESET';
  socket.end(error);
}

/** False: nothing of it is to be looked at. */
function acknowledge(socket: TcpSocket, streams: Streams, { ack, window }: Segment): boolean {
  if (seqBefore(streams.next, ack)) {
    socket.acknowledge();
    return false;
  }
  if (!seqBefore(ack, streams.una)) {
    streams.peerWindow = window;
    if (ack !== streams.una) socket.acknowledged(ack);
    if (socket.isClosing && streams.una === streams.next && !streams.finWaits) {
      return finAcknowledged(socket);
    }
    socket.push();
  }
  return true;
}

function finAcknowledged(socket: TcpSocket): boolean {
  switch (socket.state) {
    case FIN_WAIT1:
      socket.state = FIN_WAIT2;
      if (socket.orphan) socket.waitForFin();
      return true;
    case CLOSING:
      socket.timeWait();
      return false;
    default:
      socket.end();
      return false;
  }
}

function data(socket: TcpSocket, streams: Streams, segment: Segment): void {
  if (segment.data.length === 0 && !(segment.flags & FIN)) return;
  if (seqBefore(streams.expected, segment.seq)) {
    if (streams.early.length < EARLY_MAX) streams.early.push(segment);
    return socket.acknowledge();
  }
  const before = streams.receivedBytes;
  let fin = take(streams, segment);
  for (let next = earliest(streams); next && !fin; next = earliest(streams)) {
    fin = take(streams, next);
  }
  if (socket.orphan && streams.receivedBytes > before) return socket.abort();
  if (fin) return peerFinished(socket, streams);
  const news = streams.receivedBytes > before;
  const heard = !news || (socket.psock?.dataReady(false) ?? true);
  socket.acknowledge();
  if (news && heard) socket.onEvent?.('readable');
}

/** Takes in what is new of a segment; whether the stream ends with it. */
function take(streams: Streams, { seq, data: bytes, flags }: Segment): boolean {
  const known = (streams.expected - seq) >>> 0;
  const fresh = bytes.subarray(Math.min(known, bytes.length)).subarray(0, streams.window);
  if (fresh.length > 0) {
    streams.received.push(fresh);
    streams.receivedBytes += fresh.length;
    streams.bytesReceived += fresh.length;
    streams.expected = (streams.expected + fresh.length) >>> 0;
  }
  const all = streams.expected === (seq + bytes.length) >>> 0;
  if (!(flags & FIN) || !all) return false;
  streams.expected = (streams.expected + 1) >>> 0;
  return true;
}

/** One that came before its turn and is next now. */
function earliest(streams: Streams): Segment | undefined {
  const at = streams.early.findIndex(({ seq }) => !seqBefore(streams.expected, seq));
  return at < 0 ? undefined : streams.early.splice(at, 1)[0];
}

/** tcp_fin. */
function peerFinished(socket: TcpSocket, streams: Streams): void {
  streams.peerDone = true;
  socket.acknowledge();
  switch (socket.state) {
    case ESTABLISHED:
      socket.state = CLOSE_WAIT;
      break;
    case FIN_WAIT1:
      socket.state = CLOSING;
      break;
    case FIN_WAIT2:
      return socket.timeWait();
    default:
      return;
  }
  socket.psock?.dataReady(true);
  if (socket.state !== LAST_ACK) socket.onEvent?.('readable');
}
