import { gates } from '../gates.ts';
import { BPF_LSM_CGROUP, BPF_PROG_TYPE_LSM } from '../../abi/generated/6.12/constants.ts';
import type { ReturnRange } from '../../abi/return-range.ts';
import { returnRange, returnsNothing } from '../../abi/return-range.ts';
import {
  bitsText,
  foundRangeText,
  isWithinBits,
  knownBitsText,
  rangeContains,
} from '../call/return-range.ts';
import type { VerifierEnv } from '../env.ts';
import { typeText } from '../log/print-state.ts';
import { isPointerValue } from '../mem/pointers.ts';
import type { Message } from '../messages/message.ts';
import { returns } from '../messages/return.ts';
import { markChainPrecision } from '../precision/backtrack.ts';
import { checkRegArg } from '../prune/liveness.ts';
import { regAt, SCALAR_VALUE, TYPE } from '../state/layout.ts';

const ZERO: ReturnRange = { min: 0, max: 0 };

/**
 * What the outermost function leaves in a register (r0, or r1 of bpf_throw) must suit the kernel.
 * Mirrors check_return_code.
 */
export function checkReturnCode(env: VerifierEnv, regno: number, regName: string): void {
  const frame = env.state.frameAt(0);
  const isSubprog = frame.subprogno !== 0;
  const targetIsVoid = isTargetVoid(env);
  if (!isSubprog || frame.inExceptionCallback) {
    if (returnsNothing(env.programType, env.expectedAttachType, targetIsVoid)) return;
  }
  checkRegArg(env, regno, 'src');
  if (isPointerValue(env, regno)) env.reject('EACCES', returns.leaks_address(regno));
  if (frame.inAsyncCallback) {
    return enforce(env, regno, regName, ZERO, 'At async callback return');
  }
  const type = env.regs[regAt(regno) + TYPE]!;
  if (isSubprog && !frame.inExceptionCallback) {
    if (type === SCALAR_VALUE) return;
    env.reject('EINVAL', returns.subprog_not_scalar(regno, typeText(type)));
  }
  const range = returnRange(env.programType, env.expectedAttachType, {
    attachBtf: env.input.attachBtfId !== 0,
    targetIsVoid,
    target: env.attachName,
  });
  if (range === 'any' || isFreeInOlder(env, range)) return;
  if (range === 'unsupported') env.reject('ENOTSUPP');
  enforce(env, regno, regName, range, 'At program exit');
}

/** The function it attaches to returns nothing. */
function isTargetVoid(env: VerifierEnv): boolean {
  if (env.attachProto === 0) return false;
  const proto = env.btfAt(env.attachBtf).type(env.attachProto);
  return proto.kind === 'func_proto' && proto.returns === 0;
}

function enforce(
  env: VerifierEnv,
  regno: number,
  regName: string,
  range: ReturnRange,
  place: string,
): void {
  const message = gates.returnRanges
    ? outOfRange(env, regno, regName, range, place)
    : outOfKnownBits(env, regno, regName, range, place);
  if (!message) return;
  if (!isVoidCgroupHook(env)) env.reject('EINVAL', message);
  if (env.talking) env.say(message);
  env.reject('EINVAL', returns.void_hook());
}

/** What is wrong with a value, or undefined. */
function outOfRange(
  env: VerifierEnv,
  regno: number,
  regName: string,
  range: ReturnRange,
  place: string,
): Message | undefined {
  const w = env.regs;
  const r = regAt(regno);
  if (w[r + TYPE] !== SCALAR_VALUE) {
    env.reject('EINVAL', returns.not_known(place, regno, typeText(w[r + TYPE]!)));
  }
  markChainPrecision(env, regno);
  if (rangeContains(range, w, r, range.bits32 === true)) return undefined;
  return returns.out_of_range(place, regName, foundRangeText(w, r), range.min, range.max);
}

/** How older kernels name the places. */
const OLDER_PLACES: Readonly<Record<string, readonly [where: string, what: string]>> = {
  'At async callback return': ['In async callback', 'async callback'],
};

/** The same before there were ranges. */
function outOfKnownBits(
  env: VerifierEnv,
  regno: number,
  regName: string,
  range: ReturnRange,
  place: string,
): Message | undefined {
  const w = env.regs;
  const r = regAt(regno);
  const [where, what] = OLDER_PLACES[place] ?? [place, 'program exit'];
  if (w[r + TYPE] !== SCALAR_VALUE) {
    env.reject('EINVAL', returns.older_not_known(where, regno, typeText(w[r + TYPE]!)));
  }
  if (isWithinBits(range, w, r)) return undefined;
  return returns.older_out_of_range(what, regName, knownBitsText(w, r), bitsText(range));
}

/** What an LSM hook returns was not looked at. */
function isFreeInOlder(env: VerifierEnv, range: ReturnRange | string): boolean {
  if (gates.returnRanges || typeof range === 'string') return false;
  return env.programType === BPF_PROG_TYPE_LSM && env.expectedAttachType !== BPF_LSM_CGROUP;
}

/** Programs of LSM hooks without value that run per cgroup have one value to return. */
function isVoidCgroupHook(env: VerifierEnv): boolean {
  if (env.state.frameAt(0).subprogno !== 0 || !isTargetVoid(env)) return false;
  return env.input.type === BPF_PROG_TYPE_LSM && env.expectedAttachType === BPF_LSM_CGROUP;
}
