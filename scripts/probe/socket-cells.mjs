/** Programs that hold a pointer to a socket in r1 and access something through it. */
import {
  access,
  add,
  call,
  copy,
  exit,
  jumpIfZero,
  load,
  loadImm64,
  mov,
  store64,
} from './programs.mjs';

const BPF_tcp_sock = 96;
const BPF_map_lookup_elem = 1;
const SK_OF_SKB = 168;
const SK_OF_SOCK_ADDR = 64;

const tc = { type: 'sched_cls', attach: null };

/**
 * Which program, and what it does to get the pointer: parts that are followed by a jump to the end
 * where their register is zero.
 */
export const SOCKETS = {
  sock: {
    kind: { type: 'cgroup_sock_addr', attach: 'BPF_CGROUP_INET4_CONNECT' },
    steps: [{ insns: [load(8, 1, 1, SK_OF_SOCK_ADDR)] }],
  },
  sock_common: { kind: tc, steps: [{ insns: [load(8, 1, 1, SK_OF_SKB)], nonzero: 1 }] },
  tcp_sock: {
    kind: tc,
    steps: [
      { insns: [load(8, 1, 1, SK_OF_SKB)], nonzero: 1 },
      { insns: [call(BPF_tcp_sock)], nonzero: 0 },
      { insns: [copy(1, 0)] },
    ],
  },
  xdp_sock: {
    kind: { type: 'xdp', attach: null },
    steps: [
      { insns: [store64(10, -8, 0), copy(2, 10), add(2, -4), loadImm64(1, 0, 0, 1)] },
      { insns: [call(BPF_map_lookup_elem)], nonzero: 0 },
      { insns: [copy(1, 0)] },
    ],
  },
};

/** One access through the pointer; `r0 = 1; exit`. */
export function socketProgram(pointer, kind, size, offset) {
  let body = access(kind, size, 1, offset);
  for (const { insns, nonzero } of SOCKETS[pointer].steps.toReversed()) {
    const jump = nonzero === undefined ? [] : [jumpIfZero(nonzero, body.length / 8)];
    body = Buffer.concat([...insns, ...jump, body]);
  }
  return Buffer.concat([body, mov(0, 1), exit()]);
}
