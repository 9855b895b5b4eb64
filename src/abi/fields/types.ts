/** The shapes of special fields: struct btf_field, struct btf_record, enum btf_field_type. */
import type { Btf } from '../../btf/index.ts';

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
/** Linux 6.13 */
export const BPF_UPTR = 1 << 11;

/** What map values may have in 6.12 (BPF_UPTR from 6.13 on), and structs that programs allocate. */
export const MAP_FIELDS =
  BPF_SPIN_LOCK | BPF_TIMER | BPF_KPTR | BPF_LIST_HEAD | BPF_RB_ROOT | BPF_REFCOUNT | BPF_WORKQUEUE;
export const STRUCT_FIELDS =
  BPF_SPIN_LOCK |
  BPF_LIST_HEAD |
  BPF_LIST_NODE |
  BPF_RB_ROOT |
  BPF_RB_NODE |
  BPF_REFCOUNT |
  BPF_KPTR;

/** One special field (struct btf_field). */
export interface SpecialField {
  /** One BPF_* bit of above. */
  readonly type: number;
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
  /** kptrs: BTF (undefined: the kernel's) and id of what they point to. Roots: their own BTF. */
  readonly btf: Btf | undefined;
  readonly btfId: number;
  /** Roots of lists and trees: id of what they hold (in `btf`), and where its node is in it. */
  readonly valueBtfId: number;
  readonly nodeOffset: number;
  /** kptrs to objects of the kernel: its function that releases them. */
  readonly destructor?: string;
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

/** A map value or an object of a program with what it owns. */
export interface OwningValue {
  /** Its bytes, special fields as zeros. */
  readonly data: Uint8Array;
  /** Its special fields by offset. */
  readonly fields: readonly OwnedField[];
}

/** A special field of a value: what it owns. */
export interface OwnedField {
  readonly offset: number;
  /**
   * 'plain' ones own nothing (locks, nodes, reference counts, timers nobody has initialised).
   */
  readonly kind: 'list' | 'tree' | 'kptr' | 'percpu_kptr' | 'timer' | 'plain';
  /** Type of its objects in the BTF of the map's object. */
  readonly typeId: number;
  /** In order; of a per-CPU kptr the object's value on each CPU. */
  readonly objects: readonly OwningValue[];
  /** Trees: where each of the objects is in it. */
  readonly nodes?: readonly TreeNode[];
  /** Of a timer or work. */
  readonly timer?: TimerState;
}

/** A node of a red-black tree; with their order, the depths say what the tree looks like. */
export interface TreeNode {
  /** Of the root 0. */
  readonly depth: number;
  readonly red: boolean;
}

/** A bpf_timer, or a bpf_wq, that is initialised. */
export interface TimerState {
  /** Its callback will run. */
  readonly armed: boolean;
  /** When, in nanoseconds of the machine's clock; undefined if it is not armed. */
  readonly expires: bigint | undefined;
}

/** Objects of a program's type that are alive. */
export interface LiveObjects {
  readonly type: string;
  readonly perCpu: boolean;
  readonly count: number;
}
