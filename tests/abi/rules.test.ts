import { beforeAll, describe, expect, test } from 'vitest';
import {
  canBeSleepable,
  constants as c,
  enums,
  helperId,
  helperTakesMap,
  inBtfSet,
  kfuncByName,
  kfuncFlags,
  kfuncsOf,
  kptrDestructor,
  loadAttachType,
  loadKernelProfile,
  lsmHook,
  mapRules,
  mayUpdateSockmap,
  modifyReturnFlags,
  programRules,
  returnRange,
  returnsNothing,
  takesAttachType,
} from '../../src/abi/index.ts';
import { btfSets, rawIterators } from '../../src/abi/generated/6.12/btf-sets.ts';
import { rawKfuncSets } from '../../src/abi/generated/6.12/kfuncs.ts';
import type { Btf } from '../../src/btf/index.ts';

let btf: Btf;
beforeAll(async () => {
  btf = (await loadKernelProfile()).btf();
});

describe('kfuncs', () => {
  test('are functions of that name in the kernel BTF', () => {
    let count = 0;
    for (const { kfuncs } of Object.values(rawKfuncSets)) {
      for (const [name, [id]] of Object.entries(kfuncs)) {
        expect(btf.type(id)).toMatchObject({ kind: 'func', name });
        count++;
      }
    }
    expect(Object.keys(rawKfuncSets)).toHaveLength(24);
    expect(count).toBe(134);
  });

  test('have the flags of their definition', () => {
    expect(kfuncByName('bpf_task_acquire')!.flags).toBe(
      kfuncFlags.ACQUIRE | kfuncFlags.RCU | kfuncFlags.RET_NULL,
    );
    expect(kfuncByName('bpf_iter_num_next')!.flags).toBe(
      kfuncFlags.ITER_NEXT | kfuncFlags.RET_NULL,
    );
    expect(kfuncByName('no_such_function')).toBeUndefined();
  });

  test('are for the program types of their hook, as their filter lets them', () => {
    const may = (type: number, name: string, attach = 0) =>
      kfuncsOf(type, attach).has(kfuncByName(name)!.id);
    expect(may(c.BPF_PROG_TYPE_XDP, 'bpf_dynptr_from_xdp')).toBe(true);
    expect(may(c.BPF_PROG_TYPE_SCHED_CLS, 'bpf_dynptr_from_xdp')).toBe(false);
    expect(may(c.BPF_PROG_TYPE_SOCK_OPS, 'bpf_iter_num_new')).toBe(true);
    // Hooks are shared: registered for one, callable by all of them.
    expect(may(c.BPF_PROG_TYPE_PERF_EVENT, 'bpf_task_acquire')).toBe(true);
    expect(may(c.BPF_PROG_TYPE_KPROBE, 'bpf_task_acquire')).toBe(false);
    expect(may(c.BPF_PROG_TYPE_LSM, 'bpf_get_file_xattr')).toBe(true);
    expect(may(c.BPF_PROG_TYPE_TRACING, 'bpf_get_file_xattr')).toBe(false);
    expect(may(c.BPF_PROG_TYPE_KPROBE, 'bpf_session_cookie')).toBe(false);
    expect(may(c.BPF_PROG_TYPE_KPROBE, 'bpf_session_cookie', c.BPF_TRACE_KPROBE_SESSION)).toBe(
      true,
    );
  });

  test('for fmod_ret are no kfuncs to call', () => {
    const id = btf.find('func', 'bpf_modify_return_test')!;
    expect(modifyReturnFlags(id)).toBe(0);
    expect(kfuncByName('bpf_modify_return_test')).toBeUndefined();
  });

  test('destructors of kptrs exist', () => {
    expect(btf.find('func', kptrDestructor('task_struct')!)).toBeDefined();
    expect(kptrDestructor('toString')).toBeUndefined();
  });
});

describe('LSM hooks', () => {
  test('are functions of the kernel', () => {
    for (const name of btfSets.bpf_lsm_hooks) expect(btf.find('func', name), name).toBeDefined();
    expect(btfSets.bpf_lsm_hooks).toHaveLength(266);
  });

  test('have their properties', () => {
    expect(lsmHook('bpf_lsm_file_open')).toEqual({
      disabled: false,
      sleepable: true,
      trusted: true,
      boolean: false,
    });
    expect(lsmHook('bpf_lsm_getprocattr')!.disabled).toBe(true);
    expect(lsmHook('bpf_lsm_task_free')!.trusted).toBe(false);
    expect(lsmHook('bpf_lsm_audit_rule_known')!.boolean).toBe(true);
    expect(lsmHook('vfs_open')).toBeUndefined();
  });
});

test('arguments of iterators are at the place of their name', () => {
  for (const [target, args] of Object.entries(rawIterators)) {
    const context = btf.find('struct', `bpf_iter__${target}`);
    // Two contexts have a name of their own.
    if (context === undefined) continue;
    for (const { offset } of args) expect(offset, target).toBeLessThan(btf.sizeOf(context));
  }
});

describe('return ranges', () => {
  const of = (type: number, attach = 0, facts = {}) => returnRange(type, attach, facts);
  test('depend on type and attach type', () => {
    expect(of(c.BPF_PROG_TYPE_XDP)).toBe('any');
    expect(of(c.BPF_PROG_TYPE_CGROUP_SKB, c.BPF_CGROUP_INET_INGRESS)).toEqual({ min: 0, max: 1 });
    expect(of(c.BPF_PROG_TYPE_CGROUP_SKB, c.BPF_CGROUP_INET_EGRESS)).toMatchObject({ max: 3 });
    expect(of(c.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, c.BPF_CGROUP_UDP4_RECVMSG)).toEqual({
      min: 1,
      max: 1,
    });
    expect(of(c.BPF_PROG_TYPE_TRACING, c.BPF_TRACE_FENTRY)).toEqual({ min: 0, max: 0 });
    expect(of(c.BPF_PROG_TYPE_TRACING, c.BPF_CGROUP_INET_INGRESS)).toBe('unsupported');
  });

  test('of LSM programs depend on the hook', () => {
    const mac = (target: string, targetIsVoid = false) =>
      of(c.BPF_PROG_TYPE_LSM, c.BPF_LSM_MAC, { target, targetIsVoid });
    expect(mac('bpf_lsm_file_open')).toEqual({ min: -4095, max: 0, bits32: true });
    expect(mac('bpf_lsm_inode_xattr_skipcap')).toEqual({ min: 0, max: 1, bits32: true });
    expect(mac('bpf_lsm_task_free', true)).toBe('any');
    expect(returnsNothing(c.BPF_PROG_TYPE_LSM, c.BPF_LSM_MAC, true)).toBe(true);
    expect(returnsNothing(c.BPF_PROG_TYPE_LSM, c.BPF_LSM_CGROUP, true)).toBe(false);
  });
});

describe('program types', () => {
  test('all have rules', () => {
    for (const [name, id] of Object.entries(enums.bpf_prog_type)) {
      if (/UNSPEC|MAX/.test(name)) continue;
      expect(programRules(id), name).toBeDefined();
    }
  });

  test('take the attach types they are made for', () => {
    expect(loadAttachType(c.BPF_PROG_TYPE_CGROUP_SOCK, 0)).toBe(c.BPF_CGROUP_INET_SOCK_CREATE);
    expect(takesAttachType(c.BPF_PROG_TYPE_CGROUP_SOCK, 0)).toBe(true);
    expect(takesAttachType(c.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 0)).toBe(false);
    expect(takesAttachType(c.BPF_PROG_TYPE_XDP, 55)).toBe(true);
    expect(canBeSleepable(c.BPF_PROG_TYPE_TRACING, c.BPF_TRACE_RAW_TP)).toBe(false);
    expect(canBeSleepable(c.BPF_PROG_TYPE_SYSCALL, 0)).toBe(true);
  });
});

describe('map types', () => {
  test('all have rules', () => {
    for (const [name, id] of Object.entries(enums.bpf_map_type)) {
      if (/UNSPEC|MAX|DEPRECATED/.test(name)) continue;
      expect(mapRules(id), name).toBeDefined();
      const { struct } = mapRules(id)!;
      expect(btf.find('struct', struct!), name).toBeDefined();
    }
  });

  test('go with the helpers made for them', () => {
    const takes = (helper: string, map: number, sockmap = false) =>
      helperTakesMap(helperId(helper)!, map, sockmap);
    expect(takes('map_lookup_elem', c.BPF_MAP_TYPE_HASH)).toBe(true);
    expect(takes('map_lookup_elem', c.BPF_MAP_TYPE_RINGBUF)).toBe(false);
    expect(takes('ringbuf_output', c.BPF_MAP_TYPE_HASH)).toBe(false);
    expect(takes('map_update_elem', c.BPF_MAP_TYPE_SOCKMAP)).toBe(false);
    expect(takes('map_update_elem', c.BPF_MAP_TYPE_SOCKMAP, true)).toBe(true);
  });

  test('of sockets may be changed in some programs', () => {
    const update = helperId('map_update_elem')!;
    const remove = helperId('map_delete_elem')!;
    expect(mayUpdateSockmap(c.BPF_PROG_TYPE_SCHED_CLS, 0, update)).toBe(true);
    expect(mayUpdateSockmap(c.BPF_PROG_TYPE_SOCK_OPS, 0, update)).toBe(false);
    expect(mayUpdateSockmap(c.BPF_PROG_TYPE_SOCK_OPS, 0, remove)).toBe(true);
    expect(mayUpdateSockmap(c.BPF_PROG_TYPE_TRACING, c.BPF_TRACE_ITER, update)).toBe(true);
    expect(mayUpdateSockmap(c.BPF_PROG_TYPE_TRACING, c.BPF_TRACE_FENTRY, update)).toBe(false);
  });
});

test('sets of functions can be asked by name', () => {
  expect(inBtfSet('btf_id_deny', 'migrate_disable')).toBe(true);
  expect(inBtfSet('noreturn_deny', 'do_exit')).toBe(true);
  expect(inBtfSet('rcu_protected_types', 'task_struct')).toBe(true);
});
