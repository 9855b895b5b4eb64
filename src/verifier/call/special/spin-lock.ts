import type { VerifierEnv } from '../../env.ts';
import { BPF_SPIN_LOCK, hasField, regRecord } from '../../fields/record.ts';
import { lockMessages } from '../../messages/lock.ts';
import { mapCallMessages } from '../../messages/call.ts';
import { BTF, ID, MAP, PTR_TO_MAP_VALUE, regAt, TYPE } from '../../state/layout.ts';
import type { VerifierState } from '../../state/state.ts';
import { tnumIsConst } from '../../value/tnum.ts';
import { invalidateNonOwningRefs } from '../effects.ts';
import { fixedOffset } from './fixed-offset.ts';

/**
 * bpf_spin_lock and bpf_spin_unlock: one lock at a time, found by where it is and by the id of the
 * pointer to its value (process_spin_lock).
 */
export function processSpinLock(env: VerifierEnv, regno: number, isLock: boolean): void {
  const w = env.regs;
  const r = regAt(regno);
  if (!tnumIsConst(w, r)) {
    env.reject('EINVAL', mapCallMessages.variable_offset(regno, 'bpf_spin_lock'));
  }
  checkIsLock(env, w, r);
  const owner = lockOwner(w, r);
  if (isLock) takeLock(env, owner, w[r + ID]!);
  else releaseLock(env, owner, w[r + ID]!);
}

/** Names what the lock is in, as `VerifierState.activeLock` does. */
function lockOwner(w: Int32Array, r: number): number {
  return w[r + TYPE] === PTR_TO_MAP_VALUE ? w[r + MAP]! : -w[r + BTF]!;
}

function checkIsLock(env: VerifierEnv, w: Int32Array, r: number): void {
  const map = w[r + TYPE] === PTR_TO_MAP_VALUE ? env.maps[w[r + MAP]! - 1]! : undefined;
  if (map && !map.btf) env.reject('EINVAL', mapCallMessages.no_btf(map.name, 'bpf_spin_lock'));
  const record = regRecord(env, w, r);
  if (!hasField(record, BPF_SPIN_LOCK)) {
    env.reject('EINVAL', lockMessages.none(map ? 'map' : 'local', map ? map.name : 'kptr'));
  }
  const offset = fixedOffset(w, r);
  if (record!.spinLockOff !== offset) {
    const expected = record!.spinLockOff;
    env.reject('EINVAL', mapCallMessages.wrong_offset(offset, 'bpf_spin_lock', expected));
  }
}

function takeLock(env: VerifierEnv, owner: number, id: number): void {
  const state: VerifierState = env.state;
  if (state.activeLock !== 0) env.reject('EINVAL', lockMessages.two());
  state.activeLock = owner;
  state.activeLockId = id;
}

function releaseLock(env: VerifierEnv, owner: number, id: number): void {
  const state = env.state;
  if (state.activeLock === 0) env.reject('EINVAL', lockMessages.not_taken());
  if (state.activeLock !== owner || state.activeLockId !== id) {
    env.reject('EINVAL', lockMessages.different());
  }
  invalidateNonOwningRefs(env);
  state.activeLock = 0;
  state.activeLockId = 0;
}
