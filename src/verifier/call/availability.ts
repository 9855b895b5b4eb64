/**
 * Which prototype of a helper a program gets. The kernel decides by function (`get_func_proto` of
 * the program type); their tables are facts of `abi`, and what the tables leave open stands here:
 * attach types, attach targets, sleepable programs, capabilities.
 */
import {
  constants,
  enums,
  helperName,
  helperPrototypeContract,
  helperRow,
  helperSelector,
  inBtfSet,
} from '../../abi/index.ts';
import type { CallContract } from '../../abi/index.ts';
import type { VerifierEnv } from '../env.ts';

const attachTypes: Readonly<Record<string, number>> = enums.bpf_attach_type;

/** Tables of struct_ops types by the kernel struct they fill. */
const STRUCT_OPS_SELECTORS: Readonly<Record<string, string>> = {
  tcp_congestion_ops: 'bpf_tcp_ca_get_func_proto',
  hid_bpf_ops: 'bpf_base_func_proto',
  sched_ext_ops: 'bpf_scx_get_func_proto',
  bpf_testmod_ops: 'bpf_base_func_proto',
};

function selectorOf(env: VerifierEnv): string | undefined {
  if (env.programType !== constants.BPF_PROG_TYPE_STRUCT_OPS) {
    return helperSelector(env.programType);
  }
  const id = env.input.attachBtfId;
  return id ? STRUCT_OPS_SELECTORS[env.profile.btf().type(id).name] : undefined;
}

/** The program runs through a trampoline (bpf_prog_has_trampoline). */
export function hasTrampoline(env: VerifierEnv): boolean {
  const attach = env.expectedAttachType;
  if (env.input.type === constants.BPF_PROG_TYPE_LSM) return attach === constants.BPF_LSM_MAC;
  return (
    env.input.type === constants.BPF_PROG_TYPE_TRACING &&
    (attach === constants.BPF_TRACE_FENTRY ||
      attach === constants.BPF_TRACE_FEXIT ||
      attach === constants.BPF_MODIFY_RETURN)
  );
}

/** The kernel keeps the program from running inside itself (bpf_prog_check_recur). */
function checksRecursion(env: VerifierEnv): boolean {
  switch (env.programType) {
    case constants.BPF_PROG_TYPE_TRACING:
      return env.expectedAttachType !== constants.BPF_TRACE_ITER;
    case constants.BPF_PROG_TYPE_STRUCT_OPS:
    case constants.BPF_PROG_TYPE_LSM:
      return false;
    default:
      return true;
  }
}

type Choice = (env: VerifierEnv) => string | undefined;

const isIterator = (env: VerifierEnv): boolean =>
  env.expectedAttachType === constants.BPF_TRACE_ITER;

const sleepable =
  (yes: string, no: string): Choice =>
  (env) =>
    env.sleepable ? yes : no;

const recursive =
  (yes: string, no: string): Choice =>
  (env) =>
    checksRecursion(env) ? yes : no;

const onlyIf =
  (condition: (env: VerifierEnv) => boolean, proto: string): Choice =>
  (env) =>
    condition(env) ? proto : undefined;

/** Kprobes: one prototype each for kprobe.multi, uprobe.multi and the rest. */
const byProbe =
  (kprobes: string, uprobes: string, plain: string): Choice =>
  (env) => {
    const attach = env.expectedAttachType;
    if (attach === constants.BPF_TRACE_KPROBE_MULTI) return kprobes;
    if (attach === constants.BPF_TRACE_KPROBE_SESSION) return kprobes;
    return attach === constants.BPF_TRACE_UPROBE_MULTI ? uprobes : plain;
  };

const lsmSockopt =
  (locked: string, unlocked: string): Choice =>
  (env) => {
    if (!isLsmCgroup(env)) return undefined;
    if (inBtfSet('bpf_lsm_locked_sockopt_hooks', env.attachName)) return locked;
    return inBtfSet('bpf_lsm_unlocked_sockopt_hooks', env.attachName) ? unlocked : undefined;
  };

const isLsmCgroup = (env: VerifierEnv): boolean =>
  env.expectedAttachType === constants.BPF_LSM_CGROUP;
const isSetsockopt = (env: VerifierEnv): boolean =>
  env.expectedAttachType === constants.BPF_CGROUP_SETSOCKOPT;
const mayTraceRawOrTrampoline = (env: VerifierEnv): boolean =>
  (env.input.type === constants.BPF_PROG_TYPE_TRACING &&
    env.expectedAttachType === constants.BPF_TRACE_RAW_TP) ||
  hasTrampoline(env);

/** A congestion control that is being retired may set no options any more. */
function isNotRelease(env: VerifierEnv): boolean {
  const ops = env.profile.btf().type(env.input.attachBtfId);
  // The expected attach type of struct_ops programs is the member's number.
  return ops.kind !== 'struct' || ops.members[env.expectedAttachType]?.name !== 'release';
}

const SYSADMIN: Choice = onlyIf((env) => env.capabilities.sysAdmin, 'bpf_probe_write_user_proto');

/** By `selector.helper`, or by the first prototype the table names. */
const CHOICES: Readonly<Record<string, Choice>> = {
  bpf_get_task_stack_sleepable_proto: sleepable(
    'bpf_get_task_stack_sleepable_proto',
    'bpf_get_task_stack_proto',
  ),
  bpf_get_stack_sleepable_proto: sleepable('bpf_get_stack_sleepable_proto', 'bpf_get_stack_proto'),
  bpf_task_storage_get_recur_proto: recursive(
    'bpf_task_storage_get_recur_proto',
    'bpf_task_storage_get_proto',
  ),
  bpf_task_storage_delete_recur_proto: recursive(
    'bpf_task_storage_delete_recur_proto',
    'bpf_task_storage_delete_proto',
  ),
  bpf_probe_write_user_proto: SYSADMIN,
  bpf_seq_printf_proto: onlyIf(isIterator, 'bpf_seq_printf_proto'),
  bpf_seq_write_proto: onlyIf(isIterator, 'bpf_seq_write_proto'),
  bpf_seq_printf_btf_proto: onlyIf(isIterator, 'bpf_seq_printf_btf_proto'),
  bpf_get_func_arg_proto: onlyIf(hasTrampoline, 'bpf_get_func_arg_proto'),
  bpf_get_func_ret_proto: onlyIf(hasTrampoline, 'bpf_get_func_ret_proto'),
  bpf_get_func_arg_cnt_proto: onlyIf(hasTrampoline, 'bpf_get_func_arg_cnt_proto'),
  bpf_get_func_ip_proto_kprobe_multi: byProbe(
    'bpf_get_func_ip_proto_kprobe_multi',
    'bpf_get_func_ip_proto_uprobe_multi',
    'bpf_get_func_ip_proto_kprobe',
  ),
  bpf_get_attach_cookie_proto_kmulti: byProbe(
    'bpf_get_attach_cookie_proto_kmulti',
    'bpf_get_attach_cookie_proto_umulti',
    'bpf_get_attach_cookie_proto_trace',
  ),
  bpf_get_attach_cookie_proto_tracing: onlyIf(
    mayTraceRawOrTrampoline,
    'bpf_get_attach_cookie_proto_tracing',
  ),
  'bpf_lsm_func_proto.get_attach_cookie': onlyIf(hasTrampoline, 'bpf_get_attach_cookie_proto'),
  'bpf_lsm_func_proto.get_local_storage': onlyIf(isLsmCgroup, 'bpf_get_local_storage_proto'),
  'bpf_lsm_func_proto.get_retval': onlyIf(isLsmCgroup, 'bpf_get_retval_proto'),
  'bpf_lsm_func_proto.set_retval': onlyIf(isLsmCgroup, 'bpf_set_retval_proto'),
  'bpf_lsm_func_proto.setsockopt': lsmSockopt(
    'bpf_sk_setsockopt_proto',
    'bpf_unlocked_sk_setsockopt_proto',
  ),
  'bpf_lsm_func_proto.getsockopt': lsmSockopt(
    'bpf_sk_getsockopt_proto',
    'bpf_unlocked_sk_getsockopt_proto',
  ),
  'cg_sockopt_func_proto.setsockopt': onlyIf(isSetsockopt, 'bpf_sk_setsockopt_proto'),
  'cg_sockopt_func_proto.getsockopt': onlyIf(isSetsockopt, 'bpf_sk_getsockopt_proto'),
  'bpf_tcp_ca_get_func_proto.setsockopt': onlyIf(isNotRelease, 'bpf_sk_setsockopt_proto'),
  'bpf_tcp_ca_get_func_proto.getsockopt': onlyIf(isNotRelease, 'bpf_sk_getsockopt_proto'),
  'lirc_mode2_func_proto.trace_printk': onlyIf(
    (env) => env.allowPtrLeaks,
    'bpf_trace_printk_proto',
  ),
  'syscall_prog_func_proto.sys_bpf': onlyIf((env) => env.allowPtrLeaks, 'bpf_sys_bpf_proto'),
};

/** Iterators over sockets may set options on them (bpf_iter_get_func_proto). */
const SOCKET_ITERATORS = ['bpf_iter_tcp', 'bpf_iter_unix'];
const SOCKET_ITERATOR_PROTOS: Readonly<Record<string, string>> = {
  setsockopt: 'bpf_sk_setsockopt_proto',
  getsockopt: 'bpf_sk_getsockopt_proto',
};

function iteratorPrototype(env: VerifierEnv, name: string): string | undefined {
  const isSocketIterator =
    env.programType === constants.BPF_PROG_TYPE_TRACING &&
    isIterator(env) &&
    SOCKET_ITERATORS.includes(env.attachName);
  return isSocketIterator ? SOCKET_ITERATOR_PROTOS[name] : undefined;
}

type Row = NonNullable<ReturnType<typeof helperRow>>;

function isRowOpen(env: VerifierEnv, row: Row): boolean {
  if (row.config?.some((option) => env.profile.kconfig(option) === undefined)) return false;
  if (row.capability === 'CAP_BPF' && !env.bpfCapable) return false;
  if (row.capability === 'CAP_PERFMON' && !env.allowPtrLeaks) return false;
  const isAttach = (word: string): boolean => attachTypes[word] === env.expectedAttachType;
  if (row.attach && !row.attach.some(isAttach)) return false;
  return !row.exceptAttach?.some(isAttach);
}

function prototypeName(env: VerifierEnv, selector: string, id: number): string | undefined {
  const name = helperName(id)!;
  const row = helperRow(selector, id);
  if (!row || !isRowOpen(env, row)) return iteratorPrototype(env, name);
  const isOpen = row.maybe || row.protos.length > 1;
  const choice = CHOICES[`${selector}.${name}`] ?? (isOpen && CHOICES[row.protos[0]!]);
  return choice ? choice(env) : row.protos[0];
}

/** The contract by which this program may call helper `id`, or undefined if it may not. */
export function contractFor(env: VerifierEnv, id: number): CallContract | undefined {
  const selector = selectorOf(env);
  if (selector === undefined) return undefined;
  const prototype = prototypeName(env, selector, id);
  return prototype === undefined ? undefined : helperPrototypeContract(id, prototype);
}

const SK_STORAGE_ATTACH = [constants.BPF_TRACE_ITER, constants.BPF_TRACE_RAW_TP] as number[];
const TRAMPOLINE_ENDS = [constants.BPF_TRACE_FENTRY, constants.BPF_TRACE_FEXIT] as number[];

function skStorageAllowed(env: VerifierEnv): boolean {
  if (env.input.attachProgram) return false;
  if (SK_STORAGE_ATTACH.includes(env.expectedAttachType)) return true;
  return (
    TRAMPOLINE_ENDS.includes(env.expectedAttachType) && !env.attachName.startsWith('bpf_sk_storage')
  );
}

function dPathAllowed(env: VerifierEnv): boolean {
  if (env.input.type === constants.BPF_PROG_TYPE_TRACING && isIterator(env)) return true;
  if (env.input.type === constants.BPF_PROG_TYPE_LSM)
    return inBtfSet('sleepable_lsm_hooks', env.attachName);
  return inBtfSet('btf_allowlist_d_path', env.attachName);
}

const ALLOWED: Readonly<Record<string, (env: VerifierEnv) => boolean>> = {
  bpf_d_path_proto: dPathAllowed,
  bpf_ima_inode_hash_proto: (env) => inBtfSet('sleepable_lsm_hooks', env.attachName),
  bpf_ima_file_hash_proto: (env) => inBtfSet('sleepable_lsm_hooks', env.attachName),
  bpf_sk_storage_get_tracing_proto: skStorageAllowed,
  bpf_sk_storage_delete_tracing_proto: skStorageAllowed,
};

/** Some prototypes depend on what the program is attached to (bpf_func_proto.allowed). */
export function isAllowedHere(env: VerifierEnv, prototype: string): boolean {
  return ALLOWED[prototype]?.(env) ?? true;
}
