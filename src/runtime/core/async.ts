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
  TIMER_SLOT,
} from '../layout';
import { EBUSY, EINVAL, ENOMEM, EPERM } from './errno';
import { timerAt, timerNew } from './timers';

const NONE: u32 = u32.MAX_VALUE;

/** EPERM: user space has given the map up. EINVAL: its values have no such field. */
export function asyncInit(field: u32, map: u32, kind: u32): i64 {
  if (timerAt(field) != 0) return EBUSY;
  if (load<u32>(map, M_MAGIC) != MAP_MAGIC) return EPERM;
  const offset = offsetOf(map, kind);
  if (offset == NONE) return EINVAL;
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

export function asyncSetCallback(field: u32, callback: u32): i64 {
  const found = timerAt(field);
  if (found == 0) return EINVAL;
  store<u32>(found, callback, TIMER_SLOT);
  return 0;
}
