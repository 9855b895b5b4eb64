/**
 * Special fields of map values and objects (struct btf_record): parts that bpf(2) and plain stores
 * leave alone, and that may own objects.
 */
import {
  FIELDS_COUNT,
  FIELDS_FIRST,
  FIELDS_LOCK,
  FIELD_BYTES,
  FIELD_DESTRUCTOR,
  FIELD_ENTRY,
  FIELD_IS_KPTR,
  FIELD_IS_LIST,
  FIELD_IS_PLAIN,
  FIELD_IS_TIMER,
  FIELD_IS_TREE,
  FIELD_IS_UPTR,
  FIELD_IS_WORK,
  FIELD_KIND,
  FIELD_OFFSET,
  LIST_FIRST,
  M_FIELDS,
} from '../layout';
import { copyBytes } from './copy';
import { listClear } from './list';
import { lock, unlock } from './lock';
import { objectAt, objectDrop } from './objects';
import { treeClear } from './rbtree';
import { timerFree } from './timers';
import { userUnpin } from './user-pages';

/** Copies a value of `size` bytes without its special fields. */
export function copyAround(fields: u32, to: u32, from: u32, size: u32): void {
  let at: u32 = 0;
  let field = fields + FIELDS_FIRST;
  const end = field + load<u32>(fields, FIELDS_COUNT) * FIELD_ENTRY;
  for (; field != end; field += FIELD_ENTRY) {
    const offset = load<u32>(field, FIELD_OFFSET);
    copyBytes(to + at, from + at, offset - at);
    at = offset + load<u32>(field, FIELD_BYTES);
  }
  copyBytes(to + at, from + at, size - at);
}

/** Makes the special fields zeros. */
export function fieldsInit(fields: u32, value: u32): void {
  let field = fields + FIELDS_FIRST;
  const end = field + load<u32>(fields, FIELDS_COUNT) * FIELD_ENTRY;
  for (; field != end; field += FIELD_ENTRY) {
    memory.fill(value + load<u32>(field, FIELD_OFFSET), 0, load<u32>(field, FIELD_BYTES));
  }
}

/** Releases what the fields of a value own; the value stays (bpf_obj_free_fields). */
export function fieldsFree(fields: u32, value: u32): void {
  const spin = load<u32>(fields, FIELDS_LOCK);
  let field = fields + FIELDS_FIRST;
  const end = field + load<u32>(fields, FIELDS_COUNT) * FIELD_ENTRY;
  for (; field != end; field += FIELD_ENTRY) {
    const kind = load<u32>(field, FIELD_KIND);
    if (kind == FIELD_IS_PLAIN) continue;
    const at = value + load<u32>(field, FIELD_OFFSET);
    if (kind == FIELD_IS_TIMER || kind == FIELD_IS_WORK) timerFree(at);
    else if (kind == FIELD_IS_UPTR) userUnpin(load<u64>(at));
    else if (kind == FIELD_IS_KPTR) pointerFree(at, load<u32>(field, FIELD_DESTRUCTOR));
    else rootFree(kind, at, spin == 0 ? 0 : value + spin - 1);
  }
}

/** What hangs on a root is taken off it under its lock, and released after. */
function rootFree(kind: u32, root: u32, spin: u32): void {
  if (spin != 0) lock(spin);
  const first = load<u64>(root, LIST_FIRST);
  memory.fill(root, 0, 16);
  if (spin != 0) unlock(spin);
  if (first == 0) return;
  if (kind == FIELD_IS_LIST) listClear(first);
  else if (kind == FIELD_IS_TREE) treeClear(first);
}

function pointerFree(at: u32, destructor: u32): void {
  const pointer = SHARED ? atomic.xchg<u64>(at, 0) : load<u64>(at);
  if (!SHARED) store<u64>(at, 0);
  if (pointer == 0) return;
  if (objectAt(pointer) != 0) objectDrop(pointer);
  else if (destructor != 0) call_indirect<u64>(destructor - 1, pointer);
}

/** A value of a map is replaced or goes: releases what it owns. @inline */
export function valueFree(map: u32, value: u32): void {
  const fields = load<u32>(map, M_FIELDS);
  if (fields != 0) fieldsFree(fields, value);
}
