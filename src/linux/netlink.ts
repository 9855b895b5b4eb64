/** XDP without links: rtnetlink(7), what `ip link set dev eth0 xdp` speaks. */
import { errnoName, succeed } from '../abi/index.ts';
import { joinBytes, KernelError } from '../base/index.ts';
import { type Libc, SYSCALL } from './libc.ts';
import { viewOf } from './memory.ts';
import { closeFd, textOf } from './system.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_NETLINK = 270;
/** Answers repeat only the header of what they are about, and say why in words. */
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;

const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLM_F_ACK_TLVS = 0x200;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSGERR_ATTR_MSG = 1;
const NLA_F_NESTED = 0x8000;
const HEADER = 16;
/** struct ifinfomsg */
const IFINFO = 16;

const IFLA_IFNAME = 3;
const IFLA_XDP = 43;
const IFLA_XDP_FD = 1;
const IFLA_XDP_FLAGS = 3;
/** IFLA_XDP_*_PROG_ID and what bpftool calls the mode. */
const MODES: readonly (readonly [attribute: number, mode: string])[] = [
  [5, 'driver'],
  [6, 'generic'],
  [7, 'offload'],
];
/** The kernel's answers to a dump fit: it asks for as much. */
const ROOM = 1 << 16;

const NOTHING = new Uint8Array(0);

type Attributes = ReadonlyMap<number, Uint8Array>;

/** A program at a device. */
export interface DeviceXdp {
  readonly device: string;
  readonly ifindex: number;
  /** 'driver', 'generic', 'offload' */
  readonly mode: string;
  readonly programId: number;
}

/**
 * Puts the program with a file descriptor at a device; -1 takes off what is there. `flags`:
 * XDP_FLAGS_*. Throws KernelError EBUSY, EEXIST, EOPNOTSUPP, with the kernel's words if it has any.
 */
export function setXdp(libc: Libc, at: { ifindex: number; fd: number; flags: number }): void {
  const inside = [attribute(IFLA_XDP_FD, word(at.fd))];
  if (at.flags !== 0) inside.push(attribute(IFLA_XDP_FLAGS, word(at.flags)));
  const body = [linkMessage(at.ifindex), attribute(IFLA_XDP | NLA_F_NESTED, joinBytes(inside))];
  ask(libc, RTM_SETLINK, NLM_F_ACK, joinBytes(body));
}

/** XDP programs of all devices of this network namespace, with links and without. */
export function xdpOfDevices(libc: Libc): DeviceXdp[] {
  return ask(libc, RTM_GETLINK, NLM_F_DUMP, linkMessage(0)).flatMap((body) => {
    const all = attributesOf(body.subarray(IFINFO));
    const xdp = attributesOf(all.get(IFLA_XDP) ?? NOTHING);
    const device = textOf(all.get(IFLA_IFNAME) ?? NOTHING);
    const ifindex = viewOf(body).getInt32(4, true);
    return MODES.flatMap(([attribute, mode]) => {
      const id = xdp.get(attribute);
      return id ? [{ device, ifindex, mode, programId: viewOf(id).getUint32(0, true) }] : [];
    });
  });
}

/** Bodies of the answers. Throws KernelError. */
function ask(libc: Libc, type: number, flags: number, body: Uint8Array): Uint8Array[] {
  const kind = SOCK_RAW | SOCK_CLOEXEC;
  const socket = succeed(libc.call(SYSCALL.socket, AF_NETLINK, kind, 0), 'there is no rtnetlink');
  try {
    const on = word(1);
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) {
      libc.call(SYSCALL.setsockopt, socket, SOL_NETLINK, option, libc.address(on), on.length);
    }
    const message = request(type, flags, body);
    const sent = libc.call(SYSCALL.sendto, socket, libc.address(message), message.length);
    succeed(sent, 'rtnetlink was not asked');
    return answers(libc, socket);
  } finally {
    closeFd({ libc }, socket);
  }
}

function request(type: number, flags: number, body: Uint8Array): Uint8Array {
  const message = new Uint8Array(HEADER + body.length);
  const view = viewOf(message);
  view.setUint32(0, message.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | flags, true);
  message.set(body, HEADER);
  return message;
}

function answers(libc: Libc, socket: number): Uint8Array[] {
  const bodies: Uint8Array[] = [];
  for (;;) {
    const room = new Uint8Array(ROOM);
    const size = libc.call(SYSCALL.recvfrom, socket, libc.address(room), ROOM);
    succeed(size, 'rtnetlink did not answer');
    for (const { type, flags, body } of messagesOf(room.subarray(0, size))) {
      if (type === NLMSG_ERROR) throwRefusal(flags, body);
      if (type === NLMSG_DONE || type === NLMSG_ERROR) return bodies;
      bodies.push(body);
    }
  }
}

function* messagesOf(bytes: Uint8Array) {
  const view = viewOf(bytes);
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const size = Math.max(HEADER, view.getUint32(at, true));
    const [type, flags] = [view.getUint16(at + 4, true), view.getUint16(at + 6, true)];
    yield { type, flags, body: bytes.subarray(at + HEADER, at + size) };
    at += roundUp(size);
  }
}

/** struct nlmsgerr: 0 is the answer to what was done. */
function throwRefusal(flags: number, body: Uint8Array): void {
  const error = viewOf(body).getInt32(0, true);
  if (error === 0) return;
  const said = flags & NLM_F_ACK_TLVS ? attributesOf(body.subarray(4 + HEADER)) : undefined;
  const text = textOf(said?.get(NLMSGERR_ATTR_MSG) ?? NOTHING) || 'rtnetlink refuses it';
  throw new KernelError(errnoName(error), -error, text);
}

function linkMessage(ifindex: number): Uint8Array {
  const bytes = new Uint8Array(IFINFO);
  viewOf(bytes).setInt32(4, ifindex, true);
  return bytes;
}

/** struct nlattr with what is in it, to a multiple of 4. */
function attribute(type: number, payload: Uint8Array): Uint8Array {
  const size = 4 + payload.length;
  const bytes = new Uint8Array(roundUp(size));
  viewOf(bytes).setUint16(0, size, true);
  viewOf(bytes).setUint16(2, type, true);
  bytes.set(payload, 4);
  return bytes;
}

function attributesOf(bytes: Uint8Array): Attributes {
  const found = new Map<number, Uint8Array>();
  const view = viewOf(bytes);
  for (let at = 0; at + 4 <= bytes.length; ) {
    const size = Math.max(4, view.getUint16(at, true));
    found.set(view.getUint16(at + 2, true) & ~NLA_F_NESTED, bytes.subarray(at + 4, at + size));
    at += roundUp(size);
  }
  return found;
}

const roundUp = (size: number): number => Math.ceil(size / 4) * 4;
const word = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
