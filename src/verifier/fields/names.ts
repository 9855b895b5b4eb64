import {
  BPF_KPTR_PERCPU,
  BPF_KPTR_REF,
  BPF_KPTR_UNREF,
  BPF_LIST_HEAD,
  BPF_LIST_NODE,
  BPF_RB_NODE,
  BPF_RB_ROOT,
  BPF_REFCOUNT,
  BPF_SPIN_LOCK,
  BPF_TIMER,
  BPF_UPTR,
  BPF_WORKQUEUE,
} from '../../abi/fields/types.ts';

const FIELD_NAMES: Readonly<Record<number, string>> = {
  [BPF_SPIN_LOCK]: 'bpf_spin_lock',
  [BPF_TIMER]: 'bpf_timer',
  [BPF_WORKQUEUE]: 'bpf_wq',
  [BPF_KPTR_UNREF]: 'kptr',
  [BPF_KPTR_REF]: 'kptr',
  [BPF_KPTR_PERCPU]: 'percpu_kptr',
  [BPF_UPTR]: 'uptr',
  [BPF_LIST_HEAD]: 'bpf_list_head',
  [BPF_LIST_NODE]: 'bpf_list_node',
  [BPF_RB_ROOT]: 'bpf_rb_root',
  [BPF_RB_NODE]: 'bpf_rb_node',
  [BPF_REFCOUNT]: 'bpf_refcount',
};

/** The C name of a special field's type (btf_field_type_name). */
export function fieldTypeName(type: number): string {
  return FIELD_NAMES[type] ?? 'unknown';
}
