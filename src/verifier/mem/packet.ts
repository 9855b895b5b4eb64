import { programRules } from '../../abi/index.ts';
import type { CallMeta } from '../call/meta.ts';
import type { VerifierEnv } from '../env.ts';
import { typeText } from '../log/print-state.ts';
import { memMessages } from '../messages/mem.ts';
import { packetMessages } from '../messages/packet.ts';
import { RANGE, regAt, SMIN, TYPE } from '../state/layout.ts';
import { READ, REFUSED, socketRules, accessFieldSize } from '../../abi/context/index.ts';
import type { Access } from './access.ts';
import { boundsMessage, fits } from './region.ts';

/** sizeof(struct bpf_flow_keys) */
const FLOW_KEYS_SIZE = 56;

function checkNotNegative(env: VerifierEnv, regno: number): void {
  if (env.regs[regAt(regno) + SMIN + 1]! < 0) {
    env.reject('EACCES', memMessages.min_negative(regno));
  }
}

/**
 * Checks an access to the packet against the bytes proven to be there; they count from after the
 * variable offset. Mirrors check_packet_access.
 */
export function checkPacketAccess(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  zeroOk: boolean,
): void {
  checkNotNegative(env, regno);
  const range = env.regs[regAt(regno) + RANGE]!;
  if (range < 0) env.reject('EINVAL', packetMessages.outside(regno));
  if (!fits(off, size, range, zeroOk)) {
    env.say(boundsMessage(env, regno, off, size, range));
    env.reject('EACCES', packetMessages.outside(regno));
  }
}

/**
 * True if the program may access the packet this way, itself or (with the `meta` of a call) by a
 * helper. Mirrors may_access_direct_pkt_data.
 */
export function mayAccessPacket(
  env: VerifierEnv,
  meta: CallMeta | undefined,
  access: Access,
): boolean {
  const rules = programRules(env.programType)?.packet;
  if (!rules) return false;
  if (rules.helpers === 'always') {
    if (access === 'write') env.seenDirectWrite = true;
    return true;
  }
  if (access === 'write' && !rules.write) return false;
  if (meta) return meta.packetAccess;
  env.seenDirectWrite = true;
  return true;
}

/** Mirrors check_flow_keys_access. */
export function checkFlowKeysAccess(env: VerifierEnv, off: number, size: number): void {
  if (off < 0 || off + size > FLOW_KEYS_SIZE) {
    env.reject('EACCES', packetMessages.flow_keys(off, size));
  }
}

/** A load through a pointer to a socket. Mirrors check_sock_access. */
export function checkSocketLoad(
  env: VerifierEnv,
  insn: number,
  regno: number,
  off: number,
  size: number,
): void {
  checkNotNegative(env, regno);
  const type = env.regs[regAt(regno) + TYPE]!;
  const result = socketRules(type)!.access(off, size, READ, env.bpfCapable);
  if (result === REFUSED) {
    env.reject('EACCES', packetMessages.socket(regno, typeText(type), off, size));
  }
  env.aux.contextFieldSize[insn] = accessFieldSize(result);
}
