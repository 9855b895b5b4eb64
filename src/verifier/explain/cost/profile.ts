/** Where the work of a verification goes: by line, by function, by loop, and what keeps it high. */
import type { KernelProfile } from '../../../abi/profile.ts';
import { subprogEnd } from '../../cfg/subprograms.ts';
import type { VerifierEnv } from '../../env.ts';
import type { VerifierInput, VerifyOptions, VerifyResult } from '../../types.ts';
import { verify } from '../../verify.ts';
import { describe } from '../insn.ts';
import { adviceOn } from './advice.ts';
import { CostCollector } from './collector.ts';
import { functionName, lineKey, LoopGroups, missCost, missGroups, pairCosts } from './groups.ts';
import type { CostProfile, FunctionCost, LineCost } from './types.ts';

/**
 * Verifies a program and counts where the work goes: instructions processed and states kept by
 * source line and function, what keeps states from covering each other, loops, branches that
 * multiply paths. For accepted and rejected programs; takes a few times as long as `verify`.
 *
 * @example
 * const { lines, misses, advice } = profileCost(input, kernel);
 * console.info(lines[0]!.at.line?.text, lines[0]!.processed, misses[0]?.place, advice);
 */
export function profileCost(
  input: VerifierInput,
  profile: KernelProfile,
  options: VerifyOptions = {},
): CostProfile {
  const collector = new CostCollector();
  const result = verify(input, profile, { ...options, logLevel: 0, observer: collector });
  const { ok, stats, reason } = result;
  if (!collector.env) return nothing(result);
  countLast(collector, result);
  const misses = missGroups(collector);
  const loops = new LoopGroups(collector);
  const found = {
    ok,
    reason: reason?.text ?? '',
    stats,
    lines: linesOf(collector),
    functions: functionsOf(collector),
    comparisons: {
      covered: sum(collector.coverCount),
      missed: sum(collector.missCount),
      open: sum(collector.openCount),
    },
    misses: misses.map((group) => missCost(collector, group, loops.indexAt(group[0]!.insn))),
    loops: loops.costs,
    pairs: pairCosts(collector, misses),
  };
  return { ...found, advice: adviceOn(found) };
}

/** A program that no pass looked at. */
function nothing({ ok, stats, reason }: VerifyResult): CostProfile {
  const comparisons = { covered: 0, missed: 0, open: 0 };
  const none = { lines: [], functions: [], misses: [], loops: [], pairs: [], advice: [] };
  return { ok, reason: reason?.text ?? '', stats, comparisons, ...none };
}

/** The instruction that was rejected before it was looked at counts, too. */
function countLast({ processed, total, env }: CostCollector, result: VerifyResult): void {
  const rest = result.stats.processed - sum(processed);
  if (rest === 0) return;
  processed[env.insnIdx]! += rest;
  for (let i = 0; i <= env.state.curframe; i++) {
    const { subprogno } = env.state.frameAt(i);
    total[subprogno] = (total[subprogno] ?? 0) + rest;
  }
}

function sum(counts: Uint32Array, start = 0, end = counts.length): number {
  let total = 0;
  for (let i = start; i < end; i++) total += counts[i]!;
  return total;
}

function linesOf(collector: CostCollector): LineCost[] {
  const { env, processed } = collector;
  const lines = new Map<string, LineCost>();
  for (let insn = 0; insn < processed.length; insn++) {
    if (processed[insn] === 0) continue;
    const key = lineKey(env, insn);
    const before = lines.get(key);
    lines.set(key, {
      at: before?.at ?? describe(env, insn),
      processed: (before?.processed ?? 0) + processed[insn]!,
      states: (before?.states ?? 0) + collector.stateCount[insn]!,
      missed: (before?.missed ?? 0) + collector.missCount[insn]! + collector.openCount[insn]!,
      covered: (before?.covered ?? 0) + collector.coverCount[insn]!,
    });
  }
  return [...lines.values()].sort((a, b) => b.processed - a.processed);
}

function functionsOf(collector: CostCollector): FunctionCost[] {
  const { env, processed, stateCount } = collector;
  const costs = env.subprogs.map((subprog, i) => {
    const end = subprogEnd(env, i);
    return {
      name: functionName(env, i),
      start: subprog.start,
      kind: kindOf(env, i),
      own: sum(processed, subprog.start, end),
      total: collector.total[i] ?? 0,
      states: sum(stateCount, subprog.start, end),
      entered: collector.entered[i] ?? 0,
      callsites: collector.callsites[i]?.size ?? 0,
    };
  });
  return costs.sort((a, b) => b.own - a.own);
}

function kindOf(env: VerifierEnv, index: number): FunctionCost['kind'] {
  const { global, isCallback, isAsyncCallback } = env.subprogs[index]!;
  if (index === 0) return 'main';
  if (isCallback || isAsyncCallback) return 'callback';
  return global ? 'global' : 'static';
}
