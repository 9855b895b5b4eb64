import { BPF_K, LD_IMM64 } from '../../src/isa/index.ts';
import { type TestProgram, withNops } from './program.ts';
import type { Random } from './random.ts';
import { MOV64, EDGES } from './vocabulary.ts';

/**
 * The same with a few fields changed at random: mostly programs that a verifier would refuse.
 * Constants keep their registers, because what calls leave in r1 to r5 is nobody's business.
 */
export function mutate(program: TestProgram, random: Random): TestProgram {
  const mutant = withNops(program, []);
  const { code } = mutant;
  for (let n = random.between(1, 4); n > 0; n--) {
    const i = random.below(code.length);
    if (code.op[i] === (MOV64 | BPF_K) || code.op[i] === LD_IMM64 || code.op[i] === 0) continue;
    random.pick([
      () => (code.op[i] = random.u32()),
      () => (code.op[i] ^= 1 << random.below(8)),
      () => (code.dst[i] = random.below(12)),
      () => (code.src[i] = random.below(12)),
      () => (code.off[i] = random.between(-40, 40)),
      () => (code.off[i] = random.pick(EDGES)),
      () => (code.imm[i] = random.pick(EDGES)),
    ])();
  }
  return mutant;
}
