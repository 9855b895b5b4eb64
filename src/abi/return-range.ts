/** Which values a program may return (check_return_code of kernel/bpf/verifier.c). */
import * as c from './generated/6.12/constants.ts';
import { isExtensionAttach } from './extensions.ts';
import { lsmHook } from './lsm.ts';

export interface ReturnRange {
  readonly min: number;
  readonly max: number;
  /** Only the low 32 bits are looked at. */
  readonly bits32?: true;
  /**
   * A program that returns a value of this range can only be attached where it said it would be
   * (`enforce_expected_attach_type`).
   */
  readonly fixesAttachType?: readonly [min: number, max: number];
}

/** What the range depends on besides the two types. */
export interface ReturnFacts {
  /** The program named what it attaches to by BTF id. */
  readonly attachBtf?: boolean;
  /** The function it attaches to returns nothing. */
  readonly targetIsVoid?: boolean;
  /** Name of that function. */
  readonly target?: string;
}

const range = (min: number, max: number): ReturnRange => ({ min, max });
const ZERO = range(0, 0);
const ONE = range(1, 1);
const BOOLEAN = range(0, 1);
/** Errors are -1 to -MAX_ERRNO. */
const MAX_ERRNO = 4095;

type Rule = (attachType: number, facts: ReturnFacts) => ReturnRange | 'any' | 'unsupported';

const ALWAYS_ONE = new Set<number>([
  c.BPF_CGROUP_UDP4_RECVMSG,
  c.BPF_CGROUP_UDP6_RECVMSG,
  c.BPF_CGROUP_UNIX_RECVMSG,
  c.BPF_CGROUP_INET4_GETPEERNAME,
  c.BPF_CGROUP_INET6_GETPEERNAME,
  c.BPF_CGROUP_UNIX_GETPEERNAME,
  c.BPF_CGROUP_INET4_GETSOCKNAME,
  c.BPF_CGROUP_INET6_GETSOCKNAME,
  c.BPF_CGROUP_UNIX_GETSOCKNAME,
]);

const sockAddr: Rule = (attachType) => {
  if (ALWAYS_ONE.has(attachType)) return ONE;
  const bind = attachType === c.BPF_CGROUP_INET4_BIND || attachType === c.BPF_CGROUP_INET6_BIND;
  return bind ? range(0, 3) : BOOLEAN;
};

/** 2 and 3 ask for congestion to be told, which only egress can. */
const cgroupSkb: Rule = (attachType) =>
  attachType === c.BPF_CGROUP_INET_EGRESS ? { min: 0, max: 3, fixesAttachType: [2, 3] } : BOOLEAN;

const TRACING: ReadonlyMap<number, ReturnRange | 'any'> = new Map<number, ReturnRange | 'any'>([
  [c.BPF_TRACE_FENTRY, ZERO],
  [c.BPF_TRACE_FEXIT, ZERO],
  [c.BPF_TRACE_RAW_TP, 'any'],
  [c.BPF_MODIFY_RETURN, 'any'],
  [c.BPF_TRACE_ITER, BOOLEAN],
]);

const lsm: Rule = (attachType, { targetIsVoid, target }) => {
  if (attachType === c.BPF_LSM_CGROUP) return targetIsVoid ? ONE : BOOLEAN;
  if (attachType !== c.BPF_LSM_MAC || targetIsVoid) return 'any';
  return lsmReturnRange(target ?? '');
};

/** What an int LSM hook returns: 0 or an error, of a few hooks 0 or 1. */
export function lsmReturnRange(hook: string): ReturnRange {
  const boolean = lsmHook(hook)?.boolean === true;
  return { ...(boolean ? BOOLEAN : range(-MAX_ERRNO, 0)), bits32: true };
}

const boolean: Rule = () => BOOLEAN;

const rules: ReadonlyMap<number, Rule> = new Map<number, Rule>([
  [c.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, sockAddr],
  [c.BPF_PROG_TYPE_CGROUP_SKB, cgroupSkb],
  [c.BPF_PROG_TYPE_CGROUP_SOCK, boolean],
  [c.BPF_PROG_TYPE_SOCK_OPS, boolean],
  [c.BPF_PROG_TYPE_CGROUP_DEVICE, boolean],
  [c.BPF_PROG_TYPE_CGROUP_SYSCTL, boolean],
  [c.BPF_PROG_TYPE_CGROUP_SOCKOPT, boolean],
  // SK_DROP and SK_PASS, NF_DROP and NF_ACCEPT.
  [c.BPF_PROG_TYPE_SK_LOOKUP, boolean],
  [c.BPF_PROG_TYPE_NETFILTER, boolean],
  [c.BPF_PROG_TYPE_RAW_TRACEPOINT, (_, { attachBtf }) => (attachBtf ? ZERO : 'any')],
  [c.BPF_PROG_TYPE_TRACING, (attachType) => TRACING.get(attachType) ?? 'unsupported'],
  [
    c.BPF_PROG_TYPE_KPROBE,
    (attachType) => (attachType === c.BPF_TRACE_KPROBE_SESSION ? BOOLEAN : 'any'),
  ],
  [c.BPF_PROG_TYPE_LSM, lsm],
  // Hooks of the RDMA device, which only beeyard has: drop and pass.
  [c.BPF_PROG_TYPE_SYSCALL, (attachType) => (isExtensionAttach(attachType) ? BOOLEAN : 'any')],
]);

/**
 * The values a program may return; 'any' when nothing is asked of them, 'unsupported' when the
 * load ends in ENOTSUPP.
 */
export function returnRange(
  programType: number,
  attachType: number,
  facts: ReturnFacts = {},
): ReturnRange | 'any' | 'unsupported' {
  return rules.get(programType)?.(attachType, facts) ?? 'any';
}

/** True if r0 need not be set at the end: LSM and struct_ops programs for void functions. */
export function returnsNothing(
  programType: number,
  attachType: number,
  targetIsVoid: boolean,
): boolean {
  if (!targetIsVoid) return false;
  if (programType === c.BPF_PROG_TYPE_STRUCT_OPS) return true;
  return programType === c.BPF_PROG_TYPE_LSM && attachType !== c.BPF_LSM_CGROUP;
}
