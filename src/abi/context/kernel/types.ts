/**
 * What a field of a context is in the kernel: how its rewriting passes get at it. Offsets and sizes
 * are not said here: they come from the kernel's BTF.
 */
import type { StructField } from '../../generated/6.12/structs.ts';

/** What is done with a value once it is loaded. */
export type AfterLoad =
  | { readonly op: 'and' | 'lsh'; readonly imm: number }
  /** Any number but 0 becomes 1 (the load's own 0 stays). */
  | { readonly op: 'flag' }
  /** Below `from` it becomes 0. */
  | { readonly op: 'at_least'; readonly from: number }
  /** `none` becomes -1 (of 32 bits). */
  | { readonly op: 'none'; readonly none: number };

export interface KernelField {
  /**
   * Members from struct to struct, `sk_buff.sk > sock_common.skc_family`: every one but the last is
   * a pointer that is loaded. With `>?` a null pointer is the result. A member may be a path itself
   * (`rtt_min.s[0].v`), and two structs that lie in each other are added: `sk_buff.cb +
   * qdisc_skb_cb.data`.
   */
  readonly path: string;
  /**
   * Bytes of the last load or store: those of the member by default; 'asked': as many as the
   * program asks for (of the whole field, if it asks for a part of it), at most `atMost`.
   */
  readonly width?: 1 | 2 | 4 | 8 | 'asked';
  readonly atMost?: number;
  /** The field is an array or may be entered anywhere: the distance from its start is added. */
  readonly inside?: true;
  /** Bytes the value has when the program asked for a part of it; the width by default. */
  readonly whole?: number;
  readonly after?: readonly AfterLoad[];
  /**
   * Stores through pointers need a register for them: it is kept in this member of the first struct
   * meanwhile.
   */
  readonly scratch?: string;
  /** It takes code of its own (finish/context/special.ts of the verifier). */
  readonly special?: SpecialField;
}

/** Fields that need more than a chain of loads. */
export type SpecialField =
  | 'queue_mapping'
  | 'tstamp'
  | 'shared_info'
  | 'sock_ops_tcp'
  | 'sock_ops_sk'
  | 'sock_ops_hwtstamp'
  | 'sk_skb_data_end'
  | 'zero';

/** Fields by name of the user's struct; `NAME+N` is the place N bytes behind the field's start. */
export interface KernelContext {
  /** The user's struct. */
  readonly struct: string;
  /** Its fields, if it is not among the generated structs. */
  readonly layout?: readonly Pick<StructField, 'name' | 'offset' | 'size'>[];
  readonly fields: Readonly<Record<string, KernelField>>;
  /** What is done about all other offsets. */
  readonly others?: KernelField;
}
