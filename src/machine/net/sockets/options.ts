/** Options of sockets: getsockopt(2) and setsockopt(2) (net/core/sock.c, tcp.c, ip_sockglue.c). */
import { errnos } from '../../../abi/index.ts';
import type { Socket } from './socket.ts';
import { CLOSE, LISTEN } from './states.ts';
import { TcpSocket } from './tcp.ts';
import { forgetSyn, savedSyn, synBytes } from './tcp-options.ts';

const SOL_SOCKET = 1;
const SOL_IP = 0;
const SOL_TCP = 6;
const SOL_IPV6 = 41;
const IP_TOS = 1;
const TCP_CONGESTION = 13;
const TCP_SAVED_SYN = 28;
const ECN = 3;
/** At 250 jiffies a second. */
const JIFFY_US = 4000;
const CONGESTION: readonly string[] = ['cubic', 'reno'];
/** ip_tos2prio: the priority that a type of service brings. */
const PRIORITIES: readonly number[] = [0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4];

const fail = (errno: string): number => -errnos[errno]!;

/** An option whose value is an int. */
interface Option {
  /** Default: what was set, else `initial`. */
  get?(socket: Socket): number;
  /** Keeps the value; 0 or a negative errno. Absent: it is only read. */
  set?(socket: Socket, value: number): number;
  readonly initial?: number;
  /** Programs may read and set it (bpf_getsockopt, bpf_setsockopt). */
  readonly bpf?: true;
  /** Only for bpf_setsockopt. */
  readonly writeOnly?: true;
}

const keep = (level: number, name: number) => (socket: Socket, value: number) => {
  socket.keepOption(level, name, value);
  return 0;
};

/** Kept as it is, if it is within the limits. */
const within = (level: number, name: number, least: number, most: number) => ({
  set(socket: Socket, value: number): number {
    if (value < least || value > most) return fail('EINVAL');
    return keep(level, name)(socket, value);
  },
});

const flag = (level: number, name: number) => ({
  set: (socket: Socket, value: number) => keep(level, name)(socket, value === 0 ? 0 : 1),
});

/** Linux keeps twice what is asked for, and some at least. */
const buffer = (name: number, least: number, most: number) => ({
  set: (socket: Socket, value: number) =>
    keep(SOL_SOCKET, name)(socket, Math.max(Math.min(value >>> 0, most) * 2, least)),
});

const positive = (name: number) => ({
  set: (socket: Socket, value: number) =>
    value <= 0 ? fail('EINVAL') : keep(SOL_TCP, name)(socket, value),
});

/** From TCP_TIMEOUT_MIN (2 jiffies) to a fifth of a second. */
const wait = (name: number) => ({
  set(socket: Socket, value: number): number {
    const jiffies = Math.ceil((value >>> 0) / JIFFY_US);
    return jiffies < 2 || jiffies > 50 ? fail('EINVAL') : keep(SOL_TCP, name)(socket, value);
  },
});

const ENDLESS = 0x7fffffff;
const WMEM_MAX = 212_992;

const SOCKET_OPTIONS: Readonly<Record<number, Option>> = {
  // SO_REUSEADDR, SO_TYPE, SO_ERROR
  2: {
    bpf: true,
    get: ({ options }) => (options.reuseAddress ? 1 : 0),
    set(socket, value) {
      socket.options = { ...socket.options, reuseAddress: value !== 0 };
      return 0;
    },
  },
  3: { get: ({ type }) => (type === 'tcp' ? 1 : 2) },
  4: {
    get: (socket) => {
      const error = socket.takeError();
      return error === undefined ? 0 : errnos[error]!;
    },
  },
  // SO_SNDBUF, SO_RCVBUF
  7: {
    bpf: true,
    get: (socket) =>
      socket.keptOption(SOL_SOCKET, 7) ?? (socket.type === 'tcp' ? 16_384 : WMEM_MAX),
    ...buffer(7, 4608, WMEM_MAX),
  },
  8: {
    bpf: true,
    get: (socket) =>
      socket.keptOption(SOL_SOCKET, 8) ?? (socket.type === 'tcp' ? 131_072 : WMEM_MAX),
    ...buffer(8, 2304, WMEM_MAX),
  },
  // SO_KEEPALIVE, SO_PRIORITY
  9: { bpf: true, ...flag(SOL_SOCKET, 9) },
  12: {
    bpf: true,
    get: ({ options }) => options.priority ?? 0,
    set(socket, value) {
      socket.options = { ...socket.options, priority: value };
      return 0;
    },
  },
  // SO_REUSEPORT, SO_RCVLOWAT, SO_ACCEPTCONN
  15: {
    bpf: true,
    get: ({ options }) => (options.reusePort ? 1 : 0),
    set(socket, value) {
      socket.options = { ...socket.options, reusePort: value !== 0 };
      return 0;
    },
  },
  18: {
    bpf: true,
    initial: 1,
    set: (socket, value) =>
      keep(SOL_SOCKET, 18)(socket, value < 0 ? ENDLESS : value === 0 ? 1 : value),
  },
  30: { get: ({ state }) => (state === LISTEN ? 1 : 0) },
  // SO_MARK, SO_PROTOCOL, SO_DOMAIN, SO_MAX_PACING_RATE, SO_BINDTOIFINDEX
  36: {
    bpf: true,
    get: ({ options }) => (options.mark ?? 0) | 0,
    set(socket, value) {
      socket.options = { ...socket.options, mark: value >>> 0 };
      return 0;
    },
  },
  38: { get: ({ type }) => (type === 'tcp' ? 6 : 17) },
  39: { get: ({ family }) => (family === 4 ? 2 : 10) },
  47: { bpf: true, initial: -1, set: keep(SOL_SOCKET, 47) },
  62: {
    bpf: true,
    get: ({ options }) => options.boundDevice ?? 0,
    set(socket, value) {
      if (value !== 0 && !socket.net.byIndex.has(value)) return fail('ENODEV');
      socket.options = { ...socket.options, boundDevice: value };
      return 0;
    },
  },
};

const TCP_OPTIONS: Readonly<Record<number, Option>> = {
  // TCP_NODELAY, TCP_MAXSEG
  1: { bpf: true, ...flag(SOL_TCP, 1) },
  2: {
    bpf: true,
    get(socket) {
      const asked = socket.keptOption(SOL_TCP, 2);
      const idle = socket.state === CLOSE || socket.state === LISTEN;
      if (asked !== undefined && asked !== 0 && idle) return asked;
      return (socket instanceof TcpSocket ? socket.streams?.mss : undefined) ?? 536;
    },
    set(socket, value) {
      if (value !== 0 && (value < 88 || value > 32_767)) return fail('EINVAL');
      return keep(SOL_TCP, 2)(socket, value);
    },
  },
  // TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT
  4: { bpf: true, initial: 7200, ...within(SOL_TCP, 4, 1, 32_767) },
  5: { bpf: true, initial: 75, ...within(SOL_TCP, 5, 1, 32_767) },
  6: { bpf: true, initial: 9, ...within(SOL_TCP, 6, 1, 127) },
  7: { bpf: true, initial: 6, ...within(SOL_TCP, 7, 1, 127) },
  // TCP_USER_TIMEOUT, TCP_NOTSENT_LOWAT, TCP_SAVE_SYN
  18: { bpf: true, ...within(SOL_TCP, 18, 0, ENDLESS) },
  25: { bpf: true, set: keep(SOL_TCP, 25) },
  27: { bpf: true, ...within(SOL_TCP, 27, 0, 2) },
  // TCP_BPF_IW, TCP_BPF_SNDCWND_CLAMP, TCP_BPF_DELACK_MAX, TCP_BPF_RTO_MIN (microseconds)
  1001: { bpf: true, writeOnly: true, ...positive(1001) },
  1002: { bpf: true, writeOnly: true, ...positive(1002) },
  1003: { bpf: true, writeOnly: true, ...wait(1003) },
  1004: { bpf: true, writeOnly: true, ...wait(1004) },
  // TCP_BPF_SOCK_OPS_CB_FLAGS
  1008: {
    bpf: true,
    get: (socket) => (socket instanceof TcpSocket ? socket.callbacks : 0),
    set: (socket, value) => (socket as TcpSocket).setCallbacks(value),
  },
};

const IP_OPTIONS: Readonly<Record<number, Option>> = {
  [IP_TOS]: {
    bpf: true,
    set(socket, value) {
      const old = socket.keptOption(SOL_IP, IP_TOS) ?? 0;
      const tos = socket.type === 'tcp' ? (value & ~ECN & 255) | (old & ECN) : value & 255;
      if (tos === old) return 0;
      socket.options = { ...socket.options, priority: PRIORITIES[(tos & 0x1e) >> 1]! };
      return keep(SOL_IP, IP_TOS)(socket, tos);
    },
  },
  // IP_TTL
  2: {
    get: (socket) => socket.keptOption(SOL_IP, 2) ?? 64,
    set: (socket, value) =>
      value === -1 ? keep(SOL_IP, 2)(socket, 64) : within(SOL_IP, 2, 1, 255).set(socket, value),
  },
};

const IPV6_OPTIONS: Readonly<Record<number, Option>> = {
  // IPV6_V6ONLY, IPV6_TCLASS
  26: {
    get: ({ options }) => (options.v6only ? 1 : 0),
    set(socket, value) {
      if (socket.localPort !== 0) return fail('EINVAL');
      socket.options = { ...socket.options, v6only: value !== 0 };
      return 0;
    },
  },
  67: { bpf: true, ...within(SOL_IPV6, 67, -1, 255) },
};

/** The table of a level; a socket of another protocol or family has none. */
function levelOf(socket: Socket, level: number): Readonly<Record<number, Option>> | undefined {
  switch (level) {
    case SOL_SOCKET:
      return SOCKET_OPTIONS;
    case SOL_TCP:
      return socket.type === 'tcp' ? TCP_OPTIONS : undefined;
    case SOL_IP:
      return IP_OPTIONS;
    case SOL_IPV6:
      return socket.family === 6 ? IPV6_OPTIONS : undefined;
    default:
      return undefined;
  }
}

const int = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);

/** 0 or a negative errno. */
export function setOption(socket: Socket, level: number, name: number, value: Uint8Array): number {
  const options = levelOf(socket, level);
  if (options === TCP_OPTIONS && name === TCP_CONGESTION) return setCongestion(socket, value);
  const short = level === SOL_IP && value.length > 0 && value.length < 4;
  // SOL_SOCKET looks at the length before it looks at the name.
  if (level === SOL_SOCKET && value.length < 4) return fail('EINVAL');
  const option = options?.[name];
  if (!option?.set || name >= 1000) return fail('ENOPROTOOPT');
  if (value.length < 4 && !short) return fail('EINVAL');
  return option.set(socket, short ? value[0]! : int(value));
}

function setCongestion(socket: Socket, value: Uint8Array): number {
  if (value.length < 1) return fail('EINVAL');
  const end = value.indexOf(0);
  const word = new TextDecoder().decode(value.subarray(0, Math.min(15, end < 0 ? 16 : end)));
  if (!CONGESTION.includes(word)) return fail('ENOENT');
  socket.keepOption(SOL_TCP, TCP_CONGESTION, CONGESTION.indexOf(word));
  return 0;
}

/** The value, as much as there is room for, or a negative errno. */
export function getOption(
  socket: Socket,
  level: number,
  name: number,
  room: number,
): Uint8Array | number {
  const options = levelOf(socket, level);
  if (options === TCP_OPTIONS && name === TCP_CONGESTION) return congestionOf(socket, room);
  if (options === TCP_OPTIONS && name === TCP_SAVED_SYN) return synForUser(socket, room);
  // IP is who answers last for a level that nobody knows.
  if (!options && socket.family === 4) return fail('EOPNOTSUPP');
  const option = options?.[name];
  if (!option || name >= 1000) return fail('ENOPROTOOPT');
  const value = valueOf(socket, level, name, option);
  const bytes = new Uint8Array(Int32Array.of(value).buffer);
  if (level === SOL_IP && room > 0 && room < 4 && value >= 0 && value <= 255) {
    return bytes.slice(0, 1);
  }
  return bytes.slice(0, Math.min(room, 4));
}

function valueOf(socket: Socket, level: number, name: number, option: Option): number {
  return option.get?.(socket) ?? socket.keptOption(level, name) ?? option.initial ?? 0;
}

/** TCP_CA_NAME_MAX bytes. */
function congestionOf(socket: Socket, room: number): Uint8Array {
  const word = CONGESTION[socket.keptOption(SOL_TCP, TCP_CONGESTION) ?? 0]!;
  const bytes = new Uint8Array(Math.min(room, 16));
  bytes.set(new TextEncoder().encode(word).subarray(0, bytes.length));
  return bytes;
}

/** TCP_SAVED_SYN: a user takes it away; without one the value is empty. */
function synForUser(socket: Socket, room: number): Uint8Array | number {
  const syn = savedSyn(socket);
  if (!syn) return new Uint8Array(0);
  const bytes = synBytes(syn);
  if (room < bytes.length) return fail('EINVAL');
  forgetSyn(socket);
  return bytes;
}

function synForProgram(socket: Socket, room: number): Uint8Array | number {
  const syn = savedSyn(socket);
  if (!syn || room < 1 || room > synBytes(syn).length) return fail('EINVAL');
  return synBytes(syn).subarray(0, room);
}

/** What bpf_setsockopt lets through: 0 or a negative errno. */
export function setOptionByProgram(
  socket: Socket,
  level: number,
  name: number,
  value: Uint8Array,
): number {
  const options = levelOf(socket, level);
  if (options === TCP_OPTIONS && name === TCP_CONGESTION) {
    return value.length < 2 ? fail('EINVAL') : setCongestion(socket, value);
  }
  const option = options?.[name];
  if (!option?.bpf || !option.set || value.length !== 4) return fail('EINVAL');
  return option.set(socket, int(value));
}

/** What bpf_getsockopt gives of `room` bytes, or a negative errno. */
export function getOptionByProgram(
  socket: Socket,
  level: number,
  name: number,
  room: number,
): Uint8Array | number {
  const options = levelOf(socket, level);
  if (options === TCP_OPTIONS && name === TCP_CONGESTION) {
    return room < 2 ? fail('EINVAL') : congestionOf(socket, room - 1);
  }
  if (options === TCP_OPTIONS && name === TCP_SAVED_SYN) return synForProgram(socket, room);
  const option = options?.[name];
  if (!option?.bpf || option.writeOnly || room !== 4) return fail('EINVAL');
  return new Uint8Array(Int32Array.of(valueOf(socket, level, name, option)).buffer);
}
