import { BugError } from '../../base/index.ts';
import type { CallMeta } from '../call/meta.ts';
import type { VerifierEnv } from '../env.ts';
import type { Access } from './access.ts';

/** Mirrors check_packet_access. */
export function checkPacketAccess(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  zeroOk: boolean,
): void {
  throw new BugError(`checkPacketAccess ${env.length}${regno}${off}${size}${zeroOk}`);
}

/** Mirrors may_access_direct_pkt_data; `meta` of the call when a helper accesses. */
export function mayAccessPacket(
  env: VerifierEnv,
  meta: CallMeta | undefined,
  access: Access,
): boolean {
  throw new BugError(`mayAccessPacket ${env.length}${meta}${access}`);
}
