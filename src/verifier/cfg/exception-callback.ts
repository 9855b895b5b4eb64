import type { Btf } from '../../btf/index.ts';
import type { VerifierEnv } from '../env.ts';
import { flow } from '../messages/flow.ts';

const TAG = 'exception_callback:';

/**
 * First instruction of the function that catches bpf_throw, named by a tag on the main function; 0
 * without one (bpf_find_exception_callback_insn_off).
 */
export function exceptionCallbackInsn(env: VerifierEnv): number {
  const { btf, functionInfo } = env.input;
  const main = functionInfo[0];
  if (!btf || !main) return 0;
  if (main.typeId === 0 || main.typeId >= btf.count) {
    env.reject('EINVAL', flow.main_type_invalid());
  }
  const names = tagsOf(btf, main.typeId);
  if (names.length === 0) return 0;
  if (names.length > 1) env.reject('EEXIST', flow.many_exception_callbacks());
  return insnOf(env, btf, names[0]!);
}

function tagsOf(btf: Btf, typeId: number): string[] {
  const names: string[] = [];
  for (let id = 1; id < btf.count; id++) {
    const type = btf.type(id);
    if (type.kind !== 'decl_tag' || type.type !== typeId || type.component !== -1) continue;
    if (type.name.startsWith(TAG)) names.push(type.name.slice(TAG.length));
  }
  return names;
}

function insnOf(env: VerifierEnv, btf: Btf, name: string): number {
  const id = btf.find('func', name);
  if (id === undefined) env.reject('ENOENT', flow.exception_callback_missing(name));
  const func = btf.type(id);
  if (func.kind !== 'func' || func.linkage !== 'global')
    env.reject('EINVAL', flow.exception_callback_static(name));
  let insn = 0;
  for (const info of env.input.functionInfo) {
    if (info.typeId !== id) continue;
    insn = info.insn;
    if (insn === 0) env.reject('EINVAL', flow.exception_callback_first());
  }
  if (insn === 0) env.reject('EINVAL', flow.exception_callback_unlisted());
  return insn;
}
