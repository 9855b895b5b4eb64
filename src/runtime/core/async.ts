/** What bpf_timer_* and bpf_wq_* do alike (__bpf_async_init and __bpf_async_set_callback). */
import {
  FIELDS_COUNT,
  FIELDS_FIRST,
  FIELD_ENTRY,
  FIELD_KIND,
  FIELD_OFFSET,
  MAP_MAGIC,
  M_FIELDS,
  M_MAGIC,
  M_STATE,
  MAP_UNREACHED,
  M_VALUE_TAG,
  R_START,
  R_STRIDE,
  TIMER_SLOT,
} from '../layout';
import { EBUSY, EINVAL, ENOMEM, EPERM } from './errno';
import { regionRecord } from './regions';
import { timerAt, timerNew } from './timers';

const NONE: u32 = u32.MAX_VALUE;

/**
 * EPERM: user space has given the map up. EINVAL, which the kernel's verifier sees to: this is not
 * that field of one of the map's values.
 */
export function asyncInit(pointer: u64, map: u32, kind: u32): i64 {
  const field = <u32>pointer;
  if (timerAt(field) != 0) return EBUSY;
  if (load<u32>(map, M_MAGIC) != MAP_MAGIC) return EPERM;
  if ((load<u32>(map, M_STATE) & MAP_UNREACHED) != 0) return EPERM;
  const offset = offsetOf(map, kind);
  if (offset == NONE || !isInValue(map, pointer, offset)) return EINVAL;
  return timerNew(field, kind, map, field - offset) == 0 ? ENOMEM : 0;
}

function offsetOf(map: u32, kind: u32): u32 {
  const fields = load<u32>(map, M_FIELDS);
  if (fields == 0) return NONE;
  let field = fields + FIELDS_FIRST;
  const end = field + load<u32>(fields, FIELDS_COUNT) * FIELD_ENTRY;
  for (; field != end; field += FIELD_ENTRY) {
    if (load<u32>(field, FIELD_KIND) == kind) return load<u32>(field, FIELD_OFFSET);
  }
  return NONE;
}

function isInValue(map: u32, pointer: u64, offset: u32): bool {
  const tag = load<u32>(map, M_VALUE_TAG);
  const record = regionRecord(tag);
  if (<u32>(pointer >> 32) != tag || record == 0) return false;
  const from = <u32>pointer - offset - load<u32>(record, R_START);
  return from % load<u32>(record, R_STRIDE) == 0;
}

export function asyncSetCallback(field: u32, callback: u32): i64 {
  const found = timerAt(field);
  if (found == 0) return EINVAL;
  store<u32>(found, callback, TIMER_SLOT);
  return 0;
}
