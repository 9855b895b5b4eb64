import type { VerifierEnv } from '../env.ts';
import type { Xlated } from '../types.ts';
import { inlineLoops } from './passes/bpf-loop.ts';
import { convertAccesses } from './passes/context-access.ts';
import { dropFastcallSpills, removeDeadCode, trapDeadCode } from './passes/dead-code.ts';
import { fixInstructions } from './passes/fixups.ts';
import { defineUpperHalves } from './passes/half-registers.ts';
import { Draft } from './patch/draft.ts';
import { layOut } from './patch/lay-out.ts';

/**
 * An accepted program as Linux rewrites it, in the kernel's order of passes, and as it shows it to
 * those who ask for it afterwards. Changes nothing in `env`.
 */
export function rewriteProgram(env: VerifierEnv): Xlated {
  const draft = new Draft(env, env.walkedStackDepths);
  dropFastcallSpills(draft);
  inlineLoops(draft);
  if (env.bpfCapable) removeDeadCode(draft);
  else trapDeadCode(draft);
  convertAccesses(draft);
  fixInstructions(draft);
  defineUpperHalves(draft);
  return layOut(draft);
}
