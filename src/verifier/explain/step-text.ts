import type { VerifierEnv } from '../env.ts';
import { calledName, isCall, placeName } from './insn.ts';
import type { LineageStep } from './lineage.ts';

/**
 * What a step did, in words; `refined` if more (or something else) is known of the value than
 * before.
 */
export function stepText(env: VerifierEnv, step: LineageStep, refined: boolean): string {
  const name = placeName(step.place);
  const from = `R${env.code.src[step.insn]}`;
  const way = step.taken ? 'taken' : 'not taken';
  switch (step.kind) {
    case 'made':
      return isCall(env, step.insn) ? `${name} is what the call returns` : `${name} is made here`;
    case 'copied':
      return `${name} is a copy of ${from}`;
    case 'spilled':
      return `${from} is saved to ${name}`;
    case 'filled':
      return `${name} is read back from the stack`;
    case 'changed':
      return `${name} is changed`;
    case 'moved':
      return `${from} is added to the pointer`;
    case 'tested':
      return `${name} is tested, and the branch is ${way}`;
    case 'elsewhere': {
      const tested = placeName(step.tested ?? step.place);
      const words = RELATION[step.relation ?? 'copy'];
      return `${tested} is tested (${way}), ${refined ? 'linked to this value' : words}`;
    }
    case 'late':
      return `${name} is tested after the use`;
    case 'ended': {
      const called = calledName(env, step.insn);
      const call = called ? `the call of ${called}()` : 'the call';
      return `after ${call} the pointer in ${name} is no longer good`;
    }
    case 'passed':
      return `${name} is passed to the function`;
    case 'returned':
      return `${name} is returned`;
    case 'lost': {
      const called = calledName(env, step.insn);
      return `the call${called && ` of ${called}()`} leaves ${name} without a value`;
    }
  }
}

/** How a tested value is related to the one that is used. */
const RELATION = {
  copy: 'a copy that the verifier no longer links to this value',
  half: 'only the low 32 bits of this value',
  result: 'made from this value, which learns nothing from it',
  source: 'what this value was made from, after it was made',
} as const;
