import type { VerifierEnv } from '../../env.ts';
import {
  BPF_KPTR,
  BPF_KPTR_PERCPU,
  BPF_KPTR_REF,
  fieldAt,
  hasField,
  regRecord,
} from '../../fields/record.ts';
import { isAllocObject } from '../../mem/pointers.ts';
import { gates } from '../../gates.ts';
import { mapCallMessages } from '../../messages/call.ts';
import { MAP, regAt, TYPE } from '../../state/layout.ts';
import { tnumIsConst } from '../../value/tnum.ts';
import type { CallMeta } from '../meta.ts';
import { fixedOffset } from './fixed-offset.ts';

/** A pointer to the kptr that bpf_kptr_xchg exchanges (process_kptr_func). */
export function processKptrFunc(env: VerifierEnv, regno: number, meta: CallMeta): void {
  const w = env.regs;
  const r = regAt(regno);
  if (!isAllocObject(w[r + TYPE]!)) {
    const map = env.maps[w[r + MAP]! - 1]!;
    if (!map.btf) env.reject('EINVAL', mapCallMessages.no_btf(map.name, 'bpf_kptr_xchg'));
    meta.map = w[r + MAP]!;
  }
  if (!tnumIsConst(w, r)) {
    env.reject('EINVAL', mapCallMessages.variable_offset(regno, 'kptr'));
  }
  const record = regRecord(env, w, r);
  if (!hasField(record, BPF_KPTR)) {
    const reason = gates.trustedPointers
      ? mapCallMessages.no_kptr(regno)
      : mapCallMessages.no_kptr_in_map(env.maps[meta.map - 1]!.name);
    env.reject('EINVAL', reason);
  }
  const offset = fixedOffset(w, r) | 0;
  const field = fieldAt(record, offset, BPF_KPTR);
  if (!field) env.reject('EACCES', mapCallMessages.not_at_kptr(offset));
  if (field.type !== BPF_KPTR_REF && field.type !== BPF_KPTR_PERCPU) {
    env.reject('EACCES', mapCallMessages.unreferenced_kptr(offset));
  }
  meta.kptrField = field;
}
