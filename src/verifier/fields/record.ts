/**
 * Special fields: parts of a map value or of an allocated object that only certain calls may touch
 * (spin locks, timers, kptrs, lists, …). Mirrors struct btf_record and btf_parse_fields.
 */
import { BugError } from '../../base/index.ts';
import type { Btf } from '../../btf/index.ts';
import type { VerifierEnv } from '../env.ts';
import type { VerifierMap } from '../types.ts';

// enum btf_field_type
export const BPF_SPIN_LOCK = 1 << 0;
export const BPF_TIMER = 1 << 1;
export const BPF_KPTR_UNREF = 1 << 2;
export const BPF_KPTR_REF = 1 << 3;
export const BPF_KPTR_PERCPU = 1 << 4;
export const BPF_KPTR = BPF_KPTR_UNREF | BPF_KPTR_REF | BPF_KPTR_PERCPU;
export const BPF_LIST_HEAD = 1 << 5;
export const BPF_LIST_NODE = 1 << 6;
export const BPF_RB_ROOT = 1 << 7;
export const BPF_RB_NODE = 1 << 8;
export const BPF_GRAPH_NODE = BPF_RB_NODE | BPF_LIST_NODE;
export const BPF_GRAPH_ROOT = BPF_RB_ROOT | BPF_LIST_HEAD;
export const BPF_REFCOUNT = 1 << 9;
export const BPF_WORKQUEUE = 1 << 10;

/** One special field (struct btf_field). */
export interface SpecialField {
  /** One BPF_* bit of above. */
  readonly type: number;
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
  /** kptrs: BTF (undefined: the kernel's) and id of what they point to. */
  readonly btf: Btf | undefined;
  readonly btfId: number;
  /** Roots of lists and trees: id of what they hold (in `btf`), and where its node is in it. */
  readonly valueBtfId: number;
  readonly nodeOffset: number;
}

/** The special fields of one type (struct btf_record), by offset. */
export interface FieldRecord {
  readonly fields: readonly SpecialField[];
  /** All their type bits. */
  readonly mask: number;
  /** Offsets, or -1. */
  readonly spinLockOff: number;
  readonly timerOff: number;
  readonly wqOff: number;
  readonly refcountOff: number;
}

/** Special fields of a map's value, or undefined if it has none (map->record). */
export function recordOf(_map: VerifierMap): FieldRecord | undefined {
  throw new BugError('recordOf is not written yet');
}

/** Special fields of a struct that programs may allocate (btf_find_struct_meta). */
export function structRecord(_btf: Btf, _typeId: number): FieldRecord | undefined {
  throw new BugError('structRecord is not written yet');
}

/** Special fields of what a register points to (reg_btf_record). */
export function regRecord(_env: VerifierEnv, _w: Int32Array, _r: number): FieldRecord | undefined {
  throw new BugError('regRecord is not written yet');
}

/** True if the record (which may be missing) has a field of one of these types. */
export function hasField(record: FieldRecord | undefined, types: number): boolean {
  return record !== undefined && (record.mask & types) !== 0;
}

/** The field of one of these types at `offset` (btf_record_find). */
export function fieldAt(
  record: FieldRecord | undefined,
  offset: number,
  types: number,
): SpecialField | undefined {
  if (!hasField(record, types)) return undefined;
  return record!.fields.find((field) => field.offset === offset && (field.type & types) !== 0);
}
