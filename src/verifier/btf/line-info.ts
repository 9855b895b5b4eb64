import type { VerifierEnv } from '../env.ts';
import { btfInfo } from '../messages/btf-info.ts';

/**
 * line_info must be in order, inside the program, and begin every function (check_btf_line).
 */
export function checkLineInfo(env: VerifierEnv): void {
  const { lineInfo } = env.input;
  if (lineInfo.length === 0) return;
  let before = 0;
  let next = 0;
  for (const [index, { insn }] of lineInfo.entries()) {
    if ((index > 0 && insn <= before) || insn >= env.length || insn < 0) {
      env.reject('EINVAL', btfInfo.line_insn(index, insn, before, env.length));
    }
    if (env.code.op[insn] === 0) env.reject('EINVAL', btfInfo.line_code(index));
    if (next < env.subprogs.length) {
      const { start } = env.subprogs[next]!;
      if (insn === start) next++;
      else if (start < insn) env.reject('EINVAL', btfInfo.line_missing(next));
    }
    before = insn;
  }
  if (next < env.subprogs.length) {
    env.reject('EINVAL', btfInfo.lines_missing(env.subprogs.length - next, next));
  }
}
