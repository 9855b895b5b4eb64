/** What the walk learned of each instruction, for whoever wants to use it. */
import { isConditional } from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';
import { typeText } from '../log/print-state.ts';
import { NOT_INIT, SCALAR_VALUE } from '../state/layout.ts';
import type { InsnFacts, RegisterFact } from '../types.ts';
import { type FactCollector, JUMPED, WENT_ON } from './collector.ts';
import { looseRegisters } from './loose.ts';
import { FACT_REGISTERS } from './record.ts';

/** Facts out of what was collected; `env`: the environment the walk left behind. */
export function insnFacts(env: VerifierEnv, collector: FactCollector): InsnFacts {
  const loose = looseRegisters(env, collector);
  return {
    reached: (insn) => collector.reached[insn] === 1,
    branch: (insn) => branchOf(env, collector, insn),
    register(insn, regno) {
      if (regno < 0 || regno >= FACT_REGISTERS || collector.reached[insn] !== 1) return undefined;
      return (loose[insn]! >> regno) & 1 ? undefined : registerOf(collector, insn, regno);
    },
  };
}

function branchOf(
  env: VerifierEnv,
  { edges }: FactCollector,
  insn: number,
): ReturnType<InsnFacts['branch']> {
  if (!isConditional(env.code.op[insn]!) || !edges[insn]) return undefined;
  if (edges[insn] === (WENT_ON | JUMPED)) return 'both';
  return edges[insn] === JUMPED ? 'always' : 'never';
}

function registerOf({ registers }: FactCollector, insn: number, regno: number): RegisterFact {
  const types = registers.types(insn, regno);
  const nullable = registers.nullable(insn, regno);
  if (types === 1 << SCALAR_VALUE) return { kind: 'scalar', ...registers.range(insn, regno) };
  if (types === 1 << NOT_INIT) return { kind: 'unset' };
  const isMixed = (types & ((1 << SCALAR_VALUE) | (1 << NOT_INIT))) !== 0;
  return { kind: isMixed ? 'mixed' : 'pointer', types: typeWords(types), nullable };
}

function typeWords(types: number): string[] {
  const words: string[] = [];
  for (let base = NOT_INIT + 1; types >> base; base++) {
    if ((types >> base) & 1) words.push(typeText(base).replace(/_$/, ''));
  }
  return words;
}
