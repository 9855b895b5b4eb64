import type { VerifierEnv } from '../env.ts';
import { tnumText } from '../log/numbers.ts';
import { memMessages } from '../messages/mem.ts';
import {
  MASK,
  OFF,
  PTR_TO_ARENA,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  TYPE,
  VALUE,
} from '../state/layout.ts';

/**
 * Strict alignment takes packets to start two bytes off, so that the IP header is aligned
 * (NET_IP_ALIGN), whatever the machine does.
 */
const IP_ALIGN = 2;

/** How the words name what is not aligned. Flags matter: only these exact types have a name. */
const NAMES: Readonly<Record<number, string>> = {
  [PTR_TO_FLOW_KEYS]: 'flow keys ',
  [PTR_TO_MAP_KEY]: 'key ',
  [PTR_TO_MAP_VALUE]: 'value ',
  [PTR_TO_CTX]: 'context ',
  [PTR_TO_STACK]: 'stack ',
  [PTR_TO_SOCKET]: 'sock ',
  [PTR_TO_SOCK_COMMON]: 'sock_common ',
  [PTR_TO_TCP_SOCK]: 'tcp_sock ',
  [PTR_TO_XDP_SOCK]: 'xdp_sock ',
};

/**
 * True if (variable offset + `off`) is a multiple of `size`, a power of two. Adding a constant
 * keeps the unknown bits below the lowest unknown one known, so the low bits decide.
 */
function isAligned(w: Int32Array, r: number, off: number, size: number): boolean {
  return (((w[r + VALUE]! + off) | w[r + MASK]!) & (size - 1)) === 0;
}

/**
 * Checks that the address is a multiple of the access's size, where that is asked for: always on
 * the stack (spilled registers are tracked by aligned slots), elsewhere when the program or this
 * access is checked strictly. Mirrors check_ptr_alignment.
 */
export function checkAlignment(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  off: number,
  size: number,
  strictOnce: boolean,
): void {
  const type = w[r + TYPE]!;
  const strict = env.strictAlignment || strictOnce || type === PTR_TO_STACK;
  if (!strict || size === 1 || type === PTR_TO_ARENA) return;
  const regOff = w[r + OFF]!;
  const isPacket = type === PTR_TO_PACKET || type === PTR_TO_PACKET_META;
  if (isAligned(w, r, regOff + off + (isPacket ? IP_ALIGN : 0), size)) return;
  const varOff = tnumText(w, r + VALUE, r + MASK);
  env.reject(
    'EACCES',
    isPacket
      ? memMessages.misaligned_packet(IP_ALIGN, varOff, regOff, off, size)
      : memMessages.misaligned(NAMES[type] ?? '', varOff, regOff, off, size),
  );
}
