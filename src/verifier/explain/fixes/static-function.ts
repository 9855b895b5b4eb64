import type { Maker } from './candidate.ts';
import type { Source } from './source.ts';
import type { Failure } from './failure.ts';
import { functionAt } from './leave.ts';

/** A global function is verified by its prototype alone; a static one with what it is given. */
export const staticFunctions: Maker = (failure, source) => {
  const { input, code, insn, env } = failure;
  const callee = env.subprogs.find(({ start }) => start === insn + 1 + code.imm[insn]!);
  const { btf } = input;
  const type = callee && btf && callee.btfId > 0 ? btf.type(callee.btfId) : undefined;
  if (!callee || !btf || type?.kind !== 'func' || type.linkage !== 'global') return [];
  const changed = btf.replace(new Map([[type.id, { ...type, linkage: 'static' as const }]]));
  return [
    {
      kind: 'static',
      title: `Make ${type.name}() static: then each call is verified with what it passes.`,
      at: callee.start,
      change: { btf: changed },
      source: staticSource(failure, source, callee.start, type.name),
    },
  ];
};

function staticSource(failure: Failure, source: Source, start: number, name: string) {
  const text = source.at(functionAt(failure, start))?.text ?? '';
  const isHead = new RegExp(`^[a-z_].*\\b${name}\\s*\\(`).test(text) && !/\bstatic\b/.test(text);
  return isHead ? source.instead(start, [`static ${text}`]) : undefined;
}
