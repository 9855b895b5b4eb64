/**
 * Which prototype of a helper a program gets. The kernel decides by function (`get_func_proto` of
 * the program type); their tables are generated, and what the tables leave open stands here:
 * attach types, attach targets, sleepable programs, capabilities.
 */
import { helperPrototypeContract, helperRow, helperSelector } from './helpers.ts';
import * as constants from '../generated/6.12/constants.ts';
import { enums } from '../generated/6.12/enums.ts';
import { rawPrototypes } from '../generated/6.12/prototypes.ts';
import { inBtfSet } from '../lsm.ts';
import { helperName } from '../names.ts';
import type { KernelTables } from '../tables.ts';
import type { CallContract } from './contract.ts';

/** One operation of a table that programs fill. */
export interface StructOpsMember {
  readonly name: string;
  readonly member: string;
  /** Table of helpers, if a module registered the struct: `get_func_proto` of its verifier_ops. */
  readonly helpers?: string | undefined;
}

/** What of a program and its loader decides which helpers it may call. */
export interface HelperCaller {
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  /** The type whose rules count: for extensions that of the program they replace. */
  readonly programType: number;
  readonly attachType: number;
  readonly sleepable: boolean;
  /** Function it attaches to, or ''. */
  readonly attachName: string;
  /** struct_ops: the kernel's struct and the member the program fills. */
  readonly structOps: StructOpsMember | undefined;
  /** It traces another BPF program. */
  readonly tracesProgram: boolean;
  /** CAP_BPF, CAP_PERFMON, or CAP_SYS_ADMIN for either. */
  readonly bpf: boolean;
  readonly perfmon: boolean;
  readonly sysAdmin: boolean;
  /** Of the kernel. */
  readonly tables: KernelTables;
  /** The kernel's configuration. */
  kconfig(name: string): unknown;
}

const attachTypes: Readonly<Record<string, number>> = enums.bpf_attach_type;

/** Tables of struct_ops types by the kernel struct they fill; others call no helpers. */
export const structOpsSelectors: Readonly<Record<string, string>> = {
  tcp_congestion_ops: 'bpf_tcp_ca_get_func_proto',
  hid_bpf_ops: 'bpf_base_func_proto',
  sched_ext_ops: 'bpf_scx_get_func_proto',
};

/** Members whose programs may not call a helper, by `selector.helper`. */
const CLOSED_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  // A congestion control that is being retired may set no options any more.
  'bpf_tcp_ca_get_func_proto.setsockopt': ['release'],
  'bpf_tcp_ca_get_func_proto.getsockopt': ['release'],
};

/** Members of a struct_ops table whose programs may not call helper `name`. */
export function closedMembers(selector: string, name: string): readonly string[] | undefined {
  return CLOSED_MEMBERS[`${selector}.${name}`];
}

function selectorOf(caller: HelperCaller): string | undefined {
  if (caller.programType !== constants.BPF_PROG_TYPE_STRUCT_OPS) {
    return helperSelector(caller.programType, caller.tables);
  }
  const { structOps } = caller;
  return structOps && (structOps.helpers ?? structOpsSelectors[structOps.name]);
}

/** The program runs through a trampoline (bpf_prog_has_trampoline). */
export function hasTrampoline(caller: HelperCaller): boolean {
  const attach = caller.attachType;
  if (caller.type === constants.BPF_PROG_TYPE_LSM) return attach === constants.BPF_LSM_MAC;
  return (
    caller.type === constants.BPF_PROG_TYPE_TRACING &&
    (attach === constants.BPF_TRACE_FENTRY ||
      attach === constants.BPF_TRACE_FEXIT ||
      attach === constants.BPF_MODIFY_RETURN)
  );
}

/** The kernel keeps the program from running inside itself (bpf_prog_check_recur). */
function checksRecursion(caller: HelperCaller): boolean {
  switch (caller.programType) {
    case constants.BPF_PROG_TYPE_TRACING:
      return caller.attachType !== constants.BPF_TRACE_ITER;
    case constants.BPF_PROG_TYPE_STRUCT_OPS:
    case constants.BPF_PROG_TYPE_LSM:
      return false;
    default:
      return true;
  }
}

type Choice = (caller: HelperCaller) => string | undefined;

const isIterator = (caller: HelperCaller): boolean =>
  caller.attachType === constants.BPF_TRACE_ITER;

const sleepable =
  (yes: string, no: string): Choice =>
  (caller) =>
    caller.sleepable ? yes : no;

const recursive =
  (yes: string, no: string): Choice =>
  (caller) =>
    checksRecursion(caller) ? yes : no;

const onlyIf =
  (condition: (caller: HelperCaller) => boolean, proto: string): Choice =>
  (caller) =>
    condition(caller) ? proto : undefined;

/** The kernel has the prototype. */
const knows = ({ tables }: HelperCaller, proto: string): boolean =>
  Boolean(tables.prototypes[proto]);

/** Kprobes: one prototype each for kprobe.multi, uprobe.multi and the rest. */
const byProbe =
  (kprobes: string, uprobes: string, plain: string): Choice =>
  (caller) => {
    const attach = caller.attachType;
    if (attach === constants.BPF_TRACE_KPROBE_MULTI) return kprobes;
    if (attach === constants.BPF_TRACE_KPROBE_SESSION) return kprobes;
    const isUprobes = attach === constants.BPF_TRACE_UPROBE_MULTI && knows(caller, uprobes);
    return isUprobes ? uprobes : plain;
  };

const lsmSockopt =
  (locked: string, unlocked: string): Choice =>
  (caller) => {
    if (!isLsmCgroup(caller)) return undefined;
    if (inBtfSet('bpf_lsm_locked_sockopt_hooks', caller.attachName, caller.tables)) return locked;
    return inBtfSet('bpf_lsm_unlocked_sockopt_hooks', caller.attachName, caller.tables)
      ? unlocked
      : undefined;
  };

const isLsmCgroup = (caller: HelperCaller): boolean =>
  caller.attachType === constants.BPF_LSM_CGROUP;
const isSetsockopt = (caller: HelperCaller): boolean =>
  caller.attachType === constants.BPF_CGROUP_SETSOCKOPT;
const mayTraceRawOrTrampoline = (caller: HelperCaller): boolean =>
  (caller.type === constants.BPF_PROG_TYPE_TRACING &&
    caller.attachType === constants.BPF_TRACE_RAW_TP) ||
  hasTrampoline(caller);

const SYSADMIN: Choice = onlyIf((caller) => caller.sysAdmin, 'bpf_probe_write_user_proto');

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
  'lirc_mode2_func_proto.trace_printk': onlyIf(
    (caller) => caller.perfmon,
    'bpf_trace_printk_proto',
  ),
  'syscall_prog_func_proto.sys_bpf': onlyIf((caller) => caller.perfmon, 'bpf_sys_bpf_proto'),
};

/** Iterators over sockets may set options on them (bpf_iter_get_func_proto). */
const SOCKET_ITERATORS = ['bpf_iter_tcp', 'bpf_iter_unix'];
const SOCKET_ITERATOR_PROTOS: Readonly<Record<string, string>> = {
  setsockopt: 'bpf_sk_setsockopt_proto',
  getsockopt: 'bpf_sk_getsockopt_proto',
};

function iteratorPrototype(caller: HelperCaller, name: string): string | undefined {
  const isSocketIterator =
    caller.programType === constants.BPF_PROG_TYPE_TRACING &&
    isIterator(caller) &&
    SOCKET_ITERATORS.includes(caller.attachName);
  return isSocketIterator ? SOCKET_ITERATOR_PROTOS[name] : undefined;
}

type Row = NonNullable<ReturnType<typeof helperRow>>;

function isRowOpen(caller: HelperCaller, row: Row): boolean {
  if (row.config?.some((option) => caller.kconfig(option) === undefined)) return false;
  if (row.capability === 'CAP_BPF' && !caller.bpf) return false;
  if (row.capability === 'CAP_PERFMON' && !caller.perfmon) return false;
  const isAttach = (word: string): boolean => attachTypes[word] === caller.attachType;
  if (row.attach && !row.attach.some(isAttach)) return false;
  return !row.exceptAttach?.some(isAttach);
}

function prototypeName(caller: HelperCaller, selector: string, id: number): string | undefined {
  const name = helperName(id)!;
  const row = helperRow(selector, id, caller.tables);
  if (!row || !isRowOpen(caller, row)) return iteratorPrototype(caller, name);
  const closed = closedMembers(selector, name);
  if (closed?.includes(caller.structOps?.member ?? '')) return undefined;
  const isOpen = row.maybe || row.protos.length > 1;
  const choice = CHOICES[`${selector}.${name}`] ?? (isOpen && CHOICES[row.protos[0]!]);
  return choice ? choice(caller) : row.protos[0];
}

/** The contract by which this program may call helper `id`, or undefined if it may not. */
export function helperContractFor(caller: HelperCaller, id: number): CallContract | undefined {
  const selector = selectorOf(caller);
  if (selector === undefined) return undefined;
  const prototype = prototypeName(caller, selector, id);
  return prototype === undefined
    ? undefined
    : helperPrototypeContract(id, prototype, caller.tables);
}

/** The kernel's function behind helper `id` for this program; undefined if it may not call it. */
export function helperFunction(caller: HelperCaller, id: number): string | undefined {
  const selector = selectorOf(caller);
  const prototype = selector && prototypeName(caller, selector, id);
  return prototype === undefined ? undefined : rawPrototypes[prototype]?.func;
}

const SK_STORAGE_ATTACH = [constants.BPF_TRACE_ITER, constants.BPF_TRACE_RAW_TP] as number[];
const TRAMPOLINE_ENDS = [constants.BPF_TRACE_FENTRY, constants.BPF_TRACE_FEXIT] as number[];

function skStorageAllowed(caller: HelperCaller): boolean {
  if (caller.tracesProgram) return false;
  if (SK_STORAGE_ATTACH.includes(caller.attachType)) return true;
  return (
    TRAMPOLINE_ENDS.includes(caller.attachType) && !caller.attachName.startsWith('bpf_sk_storage')
  );
}

function dPathAllowed(caller: HelperCaller): boolean {
  if (caller.type === constants.BPF_PROG_TYPE_TRACING && isIterator(caller)) return true;
  if (caller.type === constants.BPF_PROG_TYPE_LSM)
    return inBtfSet('sleepable_lsm_hooks', caller.attachName, caller.tables);
  return inBtfSet('btf_allowlist_d_path', caller.attachName, caller.tables);
}

const ALLOWED: Readonly<Record<string, (caller: HelperCaller) => boolean>> = {
  bpf_d_path_proto: dPathAllowed,
  bpf_ima_inode_hash_proto: (caller) =>
    inBtfSet('sleepable_lsm_hooks', caller.attachName, caller.tables),
  bpf_ima_file_hash_proto: (caller) =>
    inBtfSet('sleepable_lsm_hooks', caller.attachName, caller.tables),
  bpf_sk_storage_get_tracing_proto: skStorageAllowed,
  bpf_sk_storage_delete_tracing_proto: skStorageAllowed,
};

/** Some prototypes depend on what the program is attached to (bpf_func_proto.allowed). */
export function isAllowedHere(caller: HelperCaller, prototype: string): boolean {
  return ALLOWED[prototype]?.(caller) ?? true;
}
