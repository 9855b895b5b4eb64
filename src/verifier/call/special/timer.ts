import type { VerifierEnv } from '../../env.ts';
import { BPF_TIMER, recordOf } from '../../fields/record.ts';
import { mapCallMessages } from '../../messages/call.ts';
import { MAP, MAP_UID, regAt } from '../../state/layout.ts';
import { tnumIsConst } from '../../value/tnum.ts';
import type { CallMeta } from '../meta.ts';
import { fixedOffset } from './fixed-offset.ts';

/** A pointer to the timer of a map value (process_timer_func). */
export function processTimerFunc(env: VerifierEnv, regno: number, meta: CallMeta): void {
  const w = env.regs;
  const r = regAt(regno);
  const map = env.maps[w[r + MAP]! - 1]!;
  if (!tnumIsConst(w, r)) {
    env.reject('EINVAL', mapCallMessages.variable_offset(regno, 'bpf_timer'));
  }
  if (!map.btf) env.reject('EINVAL', mapCallMessages.no_btf(map.name, 'bpf_timer'));
  const record = recordOf(env, map);
  if (!record || !(record.mask & BPF_TIMER)) {
    env.reject('EINVAL', mapCallMessages.no_timer(map.name));
  }
  const offset = fixedOffset(w, r);
  if (record.timerOff !== offset) {
    env.reject('EINVAL', mapCallMessages.wrong_offset(offset, 'bpf_timer', record.timerOff));
  }
  if (meta.map !== 0) env.reject('EFAULT', mapCallMessages.two_maps());
  meta.mapUid = w[r + MAP_UID]!;
  meta.map = w[r + MAP]!;
}
