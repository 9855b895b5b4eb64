/** Kinds of pointer arguments (enum kfunc_ptr_arg_type). */
export type KfuncArgKind =
  | 'context'
  | 'allocated'
  | 'refcounted'
  | 'dynptr'
  | 'iterator'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  | 'btf'
  | 'mem'
  | 'mem_and_size'
  | 'callback'
  | 'null'
  | 'string'
  | 'map'
  | 'workqueue';
