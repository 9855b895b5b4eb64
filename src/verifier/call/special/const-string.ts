import { constants, mapRules } from '../../../abi/index.ts';
import type { VerifierEnv } from '../../env.ts';
import { checkMapAccess } from '../../mem/map-value.ts';
import { callMessages } from '../../messages/call.ts';
import { MAP, OFF, PTR_TO_MAP_VALUE, regAt, TYPE } from '../../state/layout.ts';
import type { VerifierMap } from '../../types.ts';
import { tnumIsConst } from '../../value/tnum.ts';
import { fixedOffset } from './fixed-offset.ts';

/** Frozen, and only readable by programs (bpf_map_is_rdonly). */
function isReadOnlyMap(map: VerifierMap): boolean {
  return (map.flags & constants.BPF_F_RDONLY_PROG) !== 0 && map.constantValue !== undefined;
}

/**
 * The register must point to a zero-terminated string that can never change
 * (check_reg_const_str).
 */
export function checkConstString(env: VerifierEnv, regno: number): void {
  const w = env.regs;
  const r = regAt(regno);
  if (w[r + TYPE] !== PTR_TO_MAP_VALUE) env.reject('EINVAL');
  const map = env.maps[w[r + MAP]! - 1]!;
  if (!isReadOnlyMap(map)) env.reject('EACCES', callMessages.not_readonly_map(regno));
  if (!tnumIsConst(w, r)) env.reject('EACCES', callMessages.not_constant_address(regno));
  if (!mapRules(map.type)?.directValue) env.reject('EACCES', callMessages.no_direct_value());
  const off = w[r + OFF]!;
  checkMapAccess(env, regno, off, map.valueSize - off, false, 'helper');
  if (map.maxEntries !== 1) env.reject('ENOTSUPP', callMessages.direct_value_failed());
  if (fixedOffset(w, r) >= map.valueSize) {
    env.reject('EINVAL', callMessages.direct_value_failed());
  }
  if (constString(map, fixedOffset(w, r)) === undefined) {
    env.reject('EINVAL', callMessages.not_terminated());
  }
}

/** The bytes up to the NUL, or undefined without one before the value's end. */
export function constString(map: VerifierMap, offset: number): Uint8Array | undefined {
  const value = map.constantValue!;
  const end = value.indexOf(0, offset);
  return end < 0 ? undefined : value.subarray(offset, end);
}
