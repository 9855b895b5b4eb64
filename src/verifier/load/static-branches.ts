import { mapTypes } from '../../abi/index.ts';
import { patchStaticBranch, staticBranchProblem } from '../../object/index.ts';
import type { VerifierEnv } from '../env.ts';
import { load } from '../messages/load.ts';

const keyTypes: ReadonlySet<number> = new Set(
  mapTypes.flatMap(({ id, staticKey }) => (staticKey ? [id] : [])),
);

/**
 * Static branches, an extension: each is looked at as the jump it may be, and as one that goes
 * nowhere. Their keys are nothing a program may touch.
 */
export function bindStaticBranches(env: VerifierEnv): void {
  const { maps, staticBranches = [] } = env.input;
  if (staticBranches.length === 0) return;
  const problem = staticBranchProblem(env.code, staticBranches);
  if (problem) env.reject('EINVAL', load.static_branch(problem));
  for (const branch of staticBranches) {
    const map = maps[branch.map]!;
    if (!keyTypes.has(map.type)) env.reject('EINVAL', load.static_key(map.name));
    patchStaticBranch(env.code, branch, !branch.inverse);
  }
  env.staticBranches = new Map(staticBranches.map((branch) => [branch.insn, branch]));
}

/** Is it a map that only static branches may name? */
export const isStaticKey = (type: number): boolean => keyTypes.has(type);
