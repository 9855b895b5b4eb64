/**
 * Would Linux 6.12 load this program, and if not, why?
 *
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { parseObject } from 'beeyard';
 * import { explain, explanationText, loadKernelProfile } from 'beeyard/verify';
 * import { verify, verifierInput } from 'beeyard/verify';
 *
 * const kernel = await loadKernelProfile();
 * const object = parseObject(readFileSync('firewall.bpf.o'));
 * for (const program of object.programs) {
 *   const input = verifierInput(object, program, kernel);
 *   const { ok, log, stats } = verify(input, kernel, { logLevel: 1 });
 *   console.info(ok ? `${program.name}: ${stats.processed} instructions` : log);
 *   if (!ok) console.info(explanationText(explain(input, kernel)!));
 * }
 * ```
 */
export { type KernelProfile, loadKernelProfile, openKernelProfile } from '../abi/profile.ts';
export { type CauseId, causeIds, causeMeaning } from './explain/cause-ids.ts';
export { diagnose } from './explain/diagnose.ts';
export { profileCost } from './explain/cost/profile.ts';
export type {
  ComparisonCost,
  CostProfile,
  FunctionCost,
  LineCost,
  LoopCost,
  MissCost,
  MissKind,
  PairCost,
} from './explain/cost/types.ts';
export { type FixOptions, fixesFor } from './explain/fixes/fixes.ts';
export { applySourceFixes } from './explain/fixes/source.ts';
export { explain } from './explain/explain.ts';
export { type ExplainedLog, explainLog } from './explain/log/explain-log.ts';
export type {
  Diagnosis,
  Explanation,
  FixPart,
  MissingFact,
  SourceFix,
  VerifiedFix,
} from './explain/types.ts';
export { diagnosisText, explanationText } from './explain/render.ts';
export { type VisitLimits, VisitRecorder } from './facts/visits.ts';
export { WALK_KEPT, WALK_PRUNED, type WalkPath, WalkRecorder } from './facts/walk.ts';
export { mapDefinition, verifierInput } from './input.ts';
export type { Message } from './messages/message.ts';
export type {
  FunctionInfo,
  InsnFacts,
  LineInfo,
  RegisterFact,
  VerifierCapabilities,
  VerifierFacts,
  VerifierInput,
  VerifierMap,
  VerifierObserver,
  VerifierStats,
  VerifyOptions,
  VerifyResult,
  Xlated,
  XlatedSubprogram,
} from './types.ts';
export { verify } from './verify.ts';
