import {
  attachTypeName,
  constants,
  errnos,
  isExtensionAttach,
  isExtensionMap,
  mapTypeName,
  programRules,
  takesAttachType,
} from '../abi/index.ts';
import { BugError, FormatError, KernelError } from '../base/index.ts';
import { checkFunctionInfo, checkFunctionInfoEarly } from './btf/function-info.ts';
import { checkLineInfo } from './btf/line-info.ts';
import { checkCfg } from './cfg/cfg.ts';
import { markFastcallPatterns } from './cfg/fastcall.ts';
import { addSubprogs, checkSubprogs } from './cfg/subprograms.ts';
import { COMPLEXITY_LIMIT_INSNS, VerifierEnv } from './env.ts';
import { FactCollector } from './facts/collector.ts';
import { insnFacts } from './facts/facts.ts';
import { removeFastcallSpills } from './finish/fastcall.ts';
import { finishProgram } from './finish/fixups.ts';
import { rewriteProgram } from './finish/rewrite.ts';
import { checkMaxStackDepth } from './finish/stack-depth.ts';
import { gates, useGates } from './gates.ts';
import { checkAttachTarget } from './load/attach-target.ts';
import { resolvePseudoLoads } from './load/pseudo-loads.ts';
import { bindStaticBranches } from './load/static-branches.ts';
import { BPF_LOG_FIXED, BPF_LOG_STATS } from './log/levels.ts';
import { LogObserver } from './log/log.ts';
import { flow } from './messages/flow.ts';
import { load } from './messages/load.ts';
import { composeObservers } from './observers.ts';
import { Rejection } from './reject.ts';
import type {
  KernelProfile,
  VerifierCapabilities,
  VerifierInput,
  VerifierStats,
  VerifyOptions,
  VerifyResult,
} from './types.ts';
import { doCheckMain, doCheckSubprogs } from './walk/functions.ts';

const ALL: VerifierCapabilities = { bpf: true, perfmon: true, netAdmin: true, sysAdmin: true };
const MAX_UNPRIVILEGED_INSNS = 4096;

/** Programs that attach to other programs. */
const PROGRAM_TARGETS: readonly number[] = [
  constants.BPF_PROG_TYPE_TRACING,
  constants.BPF_PROG_TYPE_EXT,
];

const F_STRICT_ALIGNMENT = 1 << 0;
const F_ANY_ALIGNMENT = 1 << 1;
const F_TEST_STATE_FREQ = 1 << 3;
const F_TEST_REG_INVARIANTS = 1 << 7;

/**
 * Would Linux load this program, and if not, why? Pure: looks at nothing but its arguments. Any
 * bytes get an answer; only a bug of ours throws (`BugError`). Mirrors bpf_check.
 *
 * @example
 * const result = verify(verifierInput(object, program, profile), profile, { logLevel: 1 });
 * if (!result.ok) console.info(result.reason?.text);
 */
export function verify(
  input: VerifierInput,
  profile: KernelProfile,
  options: VerifyOptions = {},
): VerifyResult {
  const started = performance.now();
  useGates(profile.gates);
  const logLevel = options.logLevel ?? 0;
  const log = new LogObserver(logLevel);
  const collector = options.facts ? new FactCollector() : undefined;
  const observer = composeObservers(collector, options.observer);
  let env: VerifierEnv;
  try {
    env = new VerifierEnv(input, profile, {
      capabilities: options.capabilities ?? ALL,
      observer: composeObservers(logLevel ? log : undefined, observer),
      logLevel,
      ...(options.stateMemory === undefined ? {} : { stateMemory: options.stateMemory }),
    });
    if (options.portable) checkPortable(env);
    checkLength(env);
    checkPrivileges(env);
    checkAttachType(env);
  } catch (error) {
    return unread(input, asRejection(error));
  }
  setFlags(env);
  env.strictOps = options.strictOps === true;
  env.portable = options.portable === true;
  env.verifyTarget = (target) => walkTarget(target, profile);
  env.observer?.start?.(env);
  const rejection = walk(env);
  const stats = statsOf(env, started);
  sayStats(env, stats);
  env.pool.release();
  // A log that was cut is an error of its own (bpf_vlog_finalize), whatever the program is like.
  const isCut = options.logSize !== undefined && log.buffer.trueSize > options.logSize;
  return {
    ...verdict(isCut ? new Rejection('ENOSPC', rejection?.reason) : rejection),
    insn: rejection && env.passCount > 0 ? env.insnIdx : -1,
    log: log.buffer.text(options.logSize, (logLevel & BPF_LOG_FIXED) !== 0),
    stats,
    facts: {
      seen: env.aux.seen,
      pointerType: env.aux.pointerType,
      ...(collector ? { insns: insnFacts(env, collector) } : {}),
    },
    ...(options.xlated && profile.gates.rewriting && !rejection && !isCut
      ? { xlated: rewriteProgram(env) }
      : {}),
  };
}

/** A program that another attaches to: what its verification leaves behind. */
function walkTarget(input: VerifierInput, profile: KernelProfile): VerifierEnv {
  const env = new VerifierEnv(input, profile, {
    capabilities: ALL,
    observer: undefined,
    logLevel: 0,
  });
  setFlags(env);
  env.verifyTarget = (target) => walkTarget(target, profile);
  walk(env);
  return env;
}

/** All passes; the reason one gave, if any. */
function walk(env: VerifierEnv): Rejection | undefined {
  try {
    for (const pass of PASSES) pass(env);
    return undefined;
  } catch (error) {
    return asRejection(error);
  }
}

const PASSES: readonly ((env: VerifierEnv) => void)[] = [
  bindStaticBranches,
  checkFunctionInfoEarly,
  addSubprogs,
  checkSubprogs,
  checkFunctionInfo,
  checkLineInfo,
  resolveTargets,
  markFastcallPatterns,
  walkFunctions,
  removeFastcallSpills,
  checkMaxStackDepth,
  finishProgram,
];

/** What the program names, and its control flow. */
function resolveTargets(env: VerifierEnv): void {
  if (!gates.lateAttachTarget) checkAttachTarget(env);
  resolvePseudoLoads(env);
  checkCfg(env);
  if (gates.lateAttachTarget) checkAttachTarget(env);
}

/** Global functions come last where only those that are called are walked. */
function walkFunctions(env: VerifierEnv): void {
  if (!gates.lazyGlobals) doCheckSubprogs(env);
  doCheckMain(env);
  if (gates.lazyGlobals) doCheckSubprogs(env);
}

/** A kernel would not even make such maps. */
function checkPortable(env: VerifierEnv): void {
  const { maps, otherMaps = [] } = env.input;
  if (isExtensionAttach(env.input.expectedAttachType)) {
    const hook = attachTypeName(env.input.expectedAttachType);
    throw new Rejection('EINVAL', load.extension_hook(env.input.name, hook));
  }
  const map = [...maps, ...otherMaps].find(({ type }) => isExtensionMap(type));
  if (!map) return;
  throw new Rejection('EINVAL', load.extension(map.name, mapTypeName(map.type)));
}

/** bpf_prog_load looks at the length before anything else. */
function checkLength(env: VerifierEnv): void {
  const limit = env.bpfCapable ? COMPLEXITY_LIMIT_INSNS : MAX_UNPRIVILEGED_INSNS;
  if (env.length === 0 || env.length > limit) env.reject('E2BIG');
}

const SYSCALL = constants.BPF_PROG_TYPE_SYSCALL;

/** Is there such a program type, and does it take such an attach type (bpf_prog_load)? */
function checkAttachType({ input, profile }: VerifierEnv): void {
  const { type, expectedAttachType, attachBtfId, attachProgram } = input;
  const rules = programRules(type);
  if (type === SYSCALL && isExtensionAttach(expectedAttachType)) return;
  const named = attachBtfId !== 0 || attachProgram !== undefined;
  const { counts } = profile.tables;
  const isUnknown =
    type >= counts.programTypes ||
    (rules?.attachTypes !== undefined && expectedAttachType >= counts.attachTypes);
  const misplaced =
    (named && !rules?.attachesByBtf) ||
    (attachProgram !== undefined && !PROGRAM_TARGETS.includes(type)) ||
    !takesAttachType(type, expectedAttachType);
  const isThere = rules && (!rules.config || profile.kconfig(rules.config) !== undefined);
  if (misplaced || isUnknown || !isThere) throw new Rejection('EINVAL', undefined);
}

/** Which capabilities bpf_prog_load asks of the loader for this type of program. */
function checkPrivileges(env: VerifierEnv): void {
  const needs = programRules(env.input.type)?.needs;
  const { bpf, perfmon, netAdmin, sysAdmin } = env.capabilities;
  const missing =
    (needs?.bpf && !bpf) || (needs?.netAdmin && !netAdmin) || (needs?.perfmon && !perfmon);
  if (missing && !sysAdmin) env.reject('EPERM');
}

function setFlags(env: VerifierEnv): void {
  const { flags } = env.input;
  env.strictAlignment = (flags & F_STRICT_ALIGNMENT) !== 0 && !(flags & F_ANY_ALIGNMENT);
  env.testStateFreq = env.bpfCapable && (flags & F_TEST_STATE_FREQ) !== 0;
  env.testRegInvariants = (flags & F_TEST_REG_INVARIANTS) !== 0;
}

/** Bad bytes are a reason to reject; without the kernel's types nothing can be said. */
function asRejection(error: unknown): Rejection {
  if (error instanceof Rejection) return error;
  if (error instanceof FormatError) return new Rejection('EINVAL', undefined);
  if (error instanceof BugError || error instanceof KernelError) throw error;
  throw new BugError('the verifier failed', { cause: error });
}

function verdict(rejection: Rejection | undefined) {
  return {
    ok: !rejection,
    errno: rejection ? -(errnos[rejection.errno] ?? 1) : 0,
    errnoName: rejection?.errno ?? '',
    reason: rejection?.reason,
  };
}

function statsOf(env: VerifierEnv, started: number): VerifierStats {
  return {
    processed: env.insnProcessed,
    maxStatesPerInsn: env.maxStatesPerInsn,
    totalStates: env.totalStates,
    peakStates: env.peakStates,
    markRead: env.longestMarkReadWalk,
    stackDepths: env.finalStackDepths ?? env.subprogs.map((subprog) => subprog.stackDepth),
    time: Math.round((performance.now() - started) * 1000),
  };
}

/** print_verification_stats */
function sayStats(env: VerifierEnv, stats: VerifierStats): void {
  if (!env.talking) return;
  if (env.logLevel & BPF_LOG_STATS) {
    env.say(flow.time(stats.time));
    env.say(flow.stack_depth(stats.stackDepths));
  }
  env.say(flow.processed(stats));
}

/** The answer for bytes that are no program. */
function unread(input: VerifierInput, rejection: Rejection): VerifyResult {
  const count = Math.floor(input.insns.length / 8);
  return {
    ...verdict(rejection),
    insn: -1,
    log: rejection.reason ? `${rejection.reason.text}\n` : '',
    stats: {
      processed: 0,
      maxStatesPerInsn: 0,
      totalStates: 0,
      peakStates: 0,
      markRead: 0,
      stackDepths: [],
      time: 0,
    },
    facts: { seen: new Uint32Array(count), pointerType: new Int32Array(count) },
  };
}
