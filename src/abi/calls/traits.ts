/**
 * What a function does or asks that its prototype does not say: the verifier of Linux knows these
 * helpers and kfuncs by name (kernel/bpf/verifier.c). One row each; readers of contracts never ask
 * for a name.
 */
import { CALLBACKS } from './callbacks.ts';
import type { ArgContract, CallContract, ReturnContract } from './contract.ts';
import { kfuncByName } from './kfunc-sets.ts';

/** Properties on top of those of the prototype. */
export interface CallTraits {
  readonly call?: Partial<CallContract>;
  /** By index (0-based). */
  readonly args?: Readonly<Record<number, Partial<ArgContract>>>;
  readonly returns?: Partial<ReturnContract>;
}

const SPECIALISED: CallTraits = { call: { specialised: 'map' } };
const RETURNS_LENGTH: CallTraits = { returns: { range: 'length' } };

const changesMap = (how: NonNullable<CallContract['changesMap']>): CallTraits => ({
  call: { specialised: 'map', changesMap: how },
});

const HELPERS: Readonly<Record<string, CallTraits>> = {
  bpf_tail_call: { call: { specialised: 'map_and_index', replacesProgram: true } },
  bpf_map_lookup_elem: { call: { specialised: 'map' }, returns: { acquire: 'sockets' } },
  bpf_map_update_elem: changesMap('update'),
  bpf_map_delete_elem: changesMap('delete'),
  bpf_map_push_elem: changesMap('push'),
  bpf_map_pop_elem: changesMap('pop'),
  bpf_map_peek_elem: { call: { specialised: 'map', peeks: true } },
  bpf_map_lookup_percpu_elem: SPECIALISED,
  bpf_for_each_map_elem: SPECIALISED,
  bpf_redirect_map: SPECIALISED,
  bpf_spin_lock: { call: { enters: 'spin_lock' } },
  bpf_spin_unlock: { call: { leaves: 'spin_lock' } },
  bpf_kptr_xchg: { args: { 1: { sameAs: 0 } } },
  bpf_get_stack: RETURNS_LENGTH,
  bpf_get_task_stack: RETURNS_LENGTH,
  bpf_probe_read_str: RETURNS_LENGTH,
  bpf_probe_read_kernel_str: RETURNS_LENGTH,
  bpf_probe_read_user_str: RETURNS_LENGTH,
  bpf_get_smp_processor_id: { returns: { range: 'cpu' } },
};

const PUSH: CallTraits = { call: { graph: 'list' }, args: { 1: { insert: true } } };
const POP: CallTraits = { call: { graph: 'list' }, returns: { kind: 'graph_node' } };

const KFUNCS: Readonly<Record<string, CallTraits>> = {
  bpf_obj_new_impl: { returns: { kind: 'new_object', typeFrom: 0 } },
  bpf_percpu_obj_new_impl: { returns: { kind: 'new_object', typeFrom: 0, percpu: true } },
  bpf_obj_drop_impl: { args: { 0: { percpu: false } } },
  bpf_percpu_obj_drop_impl: { args: { 0: { percpu: true } } },
  bpf_refcount_acquire_impl: { call: { graph: 'refcount' }, returns: { kind: 'same_object' } },
  bpf_list_push_front_impl: PUSH,
  bpf_list_push_back_impl: PUSH,
  bpf_list_pop_front: POP,
  bpf_list_pop_back: POP,
  bpf_rbtree_add_impl: { call: { graph: 'rbtree' }, args: { 1: { insert: true } } },
  bpf_rbtree_remove: {
    call: { graph: 'rbtree' },
    args: { 1: { borrowed: true } },
    returns: { kind: 'graph_node' },
  },
  bpf_rbtree_first: {
    call: { graph: 'rbtree' },
    returns: { kind: 'graph_node', borrowed: true },
  },
  bpf_cast_to_kern_ctx: {
    call: { fastcall: true },
    args: { 0: { kind: 'ctx' } },
    returns: { kind: 'kernel_context', trust: 'trusted' },
  },
  bpf_rdonly_cast: {
    call: { fastcall: true },
    returns: { kind: 'cast_object', typeFrom: 1, trust: 'untrusted' },
  },
  bpf_dynptr_slice: { returns: { kind: 'dynptr_slice', access: 'read', sizeFrom: 3 } },
  bpf_dynptr_slice_rdwr: { returns: { kind: 'dynptr_slice', access: 'readwrite', sizeFrom: 3 } },
  bpf_dynptr_from_skb: {
    call: {
      readOnlyFunc: 'bpf_dynptr_from_skb_rdonly',
      kernelFunc: 'bpf_dynptr_from_kernel_skb',
    },
    args: { 2: { dynptr: 'skb' } },
  },
  bpf_dynptr_from_xdp: { args: { 2: { dynptr: 'xdp' } } },
  bpf_dynptr_clone: { args: { 1: { sameAs: 0 } } },
  bpf_session_cookie: { returns: { size: 8, access: 'readwrite' } },
  bpf_throw: { call: { throws: true } },
  bpf_rcu_read_lock: { call: { enters: 'rcu' } },
  bpf_rcu_read_unlock: { call: { leaves: 'rcu' } },
  bpf_preempt_disable: { call: { enters: 'preempt_off' } },
  bpf_preempt_enable: { call: { leaves: 'preempt_off' } },
  bpf_iter_css_task_new: { call: { onlyIn: 'LSM programs, iterators and sleepable programs' } },
};

function traitsOf(table: Readonly<Record<string, CallTraits>>, name: string): CallTraits {
  const traits = Object.hasOwn(table, name) ? table[name]! : {};
  const callback = Object.hasOwn(CALLBACKS, name) ? CALLBACKS[name] : undefined;
  return callback ? { ...traits, call: { ...traits.call, callback } } : traits;
}

/** A helper's contract with its traits; `name` with `bpf_`. */
export function withHelperTraits(contract: CallContract): CallContract {
  return withTraits(contract, traitsOf(HELPERS, contract.name));
}

/** The same for a kfunc of the kernel itself. */
export function withKfuncTraits(contract: CallContract): CallContract {
  return withTraits(contract, traitsOf(KFUNCS, contract.name));
}

function withTraits(contract: CallContract, { call, args, returns }: CallTraits): CallContract {
  return {
    ...contract,
    ...call,
    args: args ? contract.args.map((arg, i) => ({ ...arg, ...args[i] })) : contract.args,
    returns: { ...contract.returns, ...returns },
  };
}

const NONE: Partial<CallContract> = {};

/** By BTF id. */
const known = new Map<number, Partial<CallContract>>();

/**
 * What is known of a kfunc of the kernel itself by its BTF id alone, whoever may call it, before
 * its prototype is read: callbacks, sections, whether it throws. Nothing for any other number.
 */
export function kfuncTraits(id: number): Partial<CallContract> {
  if (known.size === 0) {
    for (const name of new Set([...Object.keys(KFUNCS), ...Object.keys(CALLBACKS)])) {
      const def = kfuncByName(name);
      if (def) known.set(def.id, traitsOf(KFUNCS, name).call ?? NONE);
    }
  }
  return known.get(id) ?? NONE;
}
