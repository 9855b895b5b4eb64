/** What helpers and kfuncs call the program's functions with, by the name of the caller. */
import type { ArgContract, CallbackContract } from './contract.ts';

/** Rounds of a callback go on while it returns 0 and end with 1. */
const GO_ON_OR_STOP = { kind: 'integer', range: { min: 0, max: 1 } } as const;

function callback(
  when: CallbackContract['when'],
  args: readonly ArgContract[],
  more: Partial<CallbackContract> = {},
): CallbackContract {
  return { callee: 'callback', name: '', when, args, returns: GO_ON_OR_STOP, ...more };
}

/** The pointer the program gave the call for its callback. */
const context = (from: number): ArgContract => ({ kind: 'any', name: 'ctx', from });

/** Map, key and value of the element that holds the timer or workqueue. */
const ELEMENT: readonly ArgContract[] = [
  { kind: 'map', name: 'map', of: 0 },
  { kind: 'map_key', name: 'key', of: 0 },
  { kind: 'map_value', name: 'value', of: 0 },
];

const NODE: ArgContract = { kind: 'rb_node', of: 0, borrowed: true };

/** By the name of the helper or kfunc that calls back. */
export const CALLBACKS: Readonly<Record<string, CallbackContract>> = {
  bpf_for_each_map_elem: callback('synchronous', [
    { kind: 'map', name: 'map', from: 0 },
    { kind: 'map_key', name: 'key', of: 0 },
    { kind: 'map_value', name: 'value', of: 0 },
    context(2),
  ]),
  bpf_loop: callback('synchronous', [{ kind: 'scalar', name: 'index' }, context(2)]),
  bpf_find_vma: callback('synchronous', [
    { kind: 'btf_object', name: 'task', btf: 'task_struct', from: 0 },
    { kind: 'btf_object', name: 'vma', btf: 'vm_area_struct' },
    context(3),
  ]),
  bpf_user_ringbuf_drain: callback('synchronous', [
    { kind: 'dynptr', name: 'dynptr', dynptr: 'local', access: 'read' },
    context(2),
  ]),
  bpf_timer_set_callback: callback('asynchronous', ELEMENT),
  bpf_wq_set_callback_impl: callback('asynchronous', ELEMENT, { maySleep: true }),
  bpf_rbtree_add_impl: callback('synchronous', [
    { ...NODE, name: 'a' },
    { ...NODE, name: 'b' },
  ]),
};
