/** One shape for all calls: contracts of kfuncs, traits by name, scopes. */
import { describe, expect, it } from 'vitest';
import {
  type CallContract,
  callScope,
  helperContract,
  helperId,
  HELPER_COUNT,
  isKfuncAllowedHere,
  kfuncByName,
  kfuncContract,
  kfuncNames,
  kfuncsByName,
  kfuncTraits,
  loadKernelProfile,
  programTypeId,
} from '../../src/abi/index.ts';
import { CALLBACKS } from '../../src/abi/calls/callbacks.ts';

const kernel = await loadKernelProfile();
const kfunc = (name: string): CallContract => kfuncContract(kernel.btf(), kfuncByName(name)!);
const helper = (name: string): CallContract => helperContract(helperId(name)!)!;

const moduleKfuncs = kernel.modules.flatMap((module) =>
  [...kfuncsByName(module.kfuncs).values()].map((def) =>
    kfuncContract(module.btf(), def, module.name),
  ),
);
const kfuncs = [...kfuncNames().map(kfunc), ...moduleKfuncs];
const helpers = Array.from({ length: HELPER_COUNT - 1 }, (_, i) => helperContract(i + 1)!);
const all = [...helpers, ...kfuncs];

describe('contracts of kfuncs', () => {
  it('are read from their prototypes, names and flags', () => {
    expect(kfuncs.length).toBeGreaterThan(130);
    const create = kfunc('bpf_crypto_ctx_create');
    expect(create).toMatchObject({ callee: 'kfunc', gplOnly: true, maySleep: true });
    expect(create.args[0]).toMatchObject({
      kind: 'btf_object',
      btf: 'bpf_crypto_params',
      memoryOk: true,
      sizeFrom: 1,
    });
    expect(create.args[1]).toMatchObject({ kind: 'size', type: 'u32' });
    expect(create.args[2]).toMatchObject({ kind: 'mem', type: 'int *', size: 4 });
    expect(create.returns).toMatchObject({ kind: 'btf_object', acquire: true, nullable: true });
  });

  it('say of each pointer whom it must be vouched for by', () => {
    expect(kfunc('bpf_task_release').args[0]).toMatchObject({ trust: 'trusted', release: true });
    expect(kfunc('bpf_task_acquire').args[0]).toMatchObject({ trust: 'rcu' });
    expect(kfunc('bpf_dynptr_size').args[0]!.trust).toBeUndefined();
  });

  it('know constants, sizes and what the verifier fills in by the suffix', () => {
    expect(kfunc('bpf_dynptr_slice').args.slice(2)).toMatchObject([
      { kind: 'mem', sizeFrom: 3, optional: true },
      { kind: 'size', constant: true },
    ]);
    expect(kfunc('bpf_rdonly_cast').args).toMatchObject([
      { ignored: true },
      { kind: 'scalar', constant: true },
    ]);
    expect(kfunc('bpf_sk_assign_tcp_reqsk').args.at(-1)).toMatchObject({ kind: 'size' });
  });

  it('know iterators, lists, trees and the context', () => {
    expect(kfunc('bpf_iter_num_new')).toMatchObject({ iterator: 'new' });
    expect(kfunc('bpf_iter_num_new').args[0]).toMatchObject({ kind: 'iterator', uninit: true });
    expect(kfunc('bpf_iter_num_next')).toMatchObject({
      iterator: 'next',
      returns: { nullable: true },
    });
    expect(
      kfunc('bpf_list_push_back_impl')
        .args.map(({ kind }) => kind)
        .slice(0, 2),
    ).toEqual(['list_head', 'list_node']);
    expect(kfunc('bpf_dynptr_from_xdp').args[0]).toMatchObject({ kind: 'ctx', btf: 'xdp_md' });
  });

  it('are the same objects every time', () => {
    expect(kfunc('bpf_task_release')).toBe(kfunc('bpf_task_release'));
  });
});

describe('every contract', () => {
  it('points with its indices at arguments it has', () => {
    const broken = all.filter(({ args, returns }) =>
      [returns.sizeFrom, returns.typeFrom, ...args.flatMap((arg) => [arg.sizeFrom, arg.sameAs])]
        .filter((index) => index !== undefined)
        .some((index) => args[index] === undefined),
    );
    expect(broken.map(({ name }) => name)).toEqual([]);
  });

  it('takes a function if, and only if, it says what the function gets', () => {
    const odd = all.filter(
      ({ args, callback }) =>
        args.some(({ kind }) => kind === 'callback') !== (callback !== undefined),
    );
    expect(odd.map(({ name }) => name)).toEqual([]);
    expect(
      all
        .filter(({ callback }) => callback)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(Object.keys(CALLBACKS).sort());
  });

  it('hands its callback arguments it has itself', () => {
    for (const { name, args, callback } of all) {
      for (const arg of callback?.args ?? []) {
        const index = arg.from ?? arg.of;
        if (index !== undefined) expect(args[index], name).toBeDefined();
      }
    }
  });
});

describe('traits', () => {
  it('are on helpers and kfuncs alike, in the same words', () => {
    expect(helper('spin_lock').enters).toBe('spin_lock');
    expect(kfunc('bpf_rcu_read_lock').enters).toBe('rcu');
    expect(helper('map_pop_elem').changesMap).toBe('pop');
    expect(helper('tcp_sock').returns.keepsReference).toBe(true);
    expect(helper('map_lookup_elem').returns.acquire).toBe('sockets');
    expect(kfunc('bpf_rbtree_remove')).toMatchObject({
      graph: 'rbtree',
      args: [{ kind: 'rb_root' }, { kind: 'rb_node', borrowed: true }],
      returns: { kind: 'graph_node' },
    });
  });

  it('are known by the id alone, before any prototype is read', () => {
    expect(kfuncTraits(kfuncByName('bpf_throw')!.id).throws).toBe(true);
    expect(kfuncTraits(kfuncByName('bpf_wq_set_callback_impl')!.id).callback?.when).toBe(
      'asynchronous',
    );
    expect(kfuncTraits(-1)).toEqual({});
  });
});

describe('scope', () => {
  const typesOf = (contract: CallContract) =>
    callScope(contract, kernel.modules).map(({ type }) => type);

  it('of helpers goes down to members of struct_ops tables', () => {
    const rows = callScope(helper('setsockopt'), kernel.modules);
    expect(rows.filter(({ type }) => type === 'struct_ops')).toMatchObject([
      { structOps: 'tcp_congestion_ops', exceptMembers: ['release'] },
    ]);
  });

  it('of kfuncs says what filters of the kernel say', () => {
    expect(callScope(kfunc('bpf_get_file_xattr'), [])).toEqual([{ type: 'lsm', sleepable: true }]);
    expect(typesOf(kfunc('bpf_sock_destroy'))).toContain('tracing');
    const [row] = callScope(kfunc('bpf_session_is_return'), []);
    expect(row).toEqual({ type: 'kprobe', attach: ['BPF_TRACE_KPROBE_SESSION'] });
  });

  it('of a kfunc of a module asks that module', () => {
    const ct = moduleKfuncs.find(({ name }) => name === 'bpf_xdp_ct_lookup')!;
    expect(ct.module).toBe('nf_conntrack');
    expect(typesOf(ct)).toEqual(['sched_cls', 'xdp']);
  });

  it('has conditions that no table says', () => {
    const iterator = kfunc('bpf_iter_css_task_new');
    const xdp = { programType: programTypeId('xdp')!, attachType: 0, sleepable: false };
    expect(isKfuncAllowedHere(iterator, xdp)).toBe(false);
    expect(isKfuncAllowedHere(iterator, { ...xdp, sleepable: true })).toBe(true);
    expect(isKfuncAllowedHere(kfunc('bpf_iter_num_new'), xdp)).toBe(true);
    expect(kfuncs.filter((one) => !isKfuncAllowedHere(one, xdp))).toEqual([iterator]);
  });
});
