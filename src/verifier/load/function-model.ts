import type { Btf, BtfFuncProto, BtfType } from '../../btf/index.ts';
import { kindText } from '../btf/kind-text.ts';
import type { VerifierEnv } from '../env.ts';
import { attach } from '../messages/attach.ts';

const MAX_BPF_FUNC_ARGS = 12;
/** Structs that are passed by value in two registers. */
const MAX_ARG_SIZE = 16;

/**
 * A trampoline must be able to pass on the arguments of the function it is put before. Returns the
 * bytes of its result. Mirrors btf_distill_func_proto.
 */
export function checkFunctionModel(
  env: VerifierEnv,
  btf: Btf,
  { params, returns }: BtfFuncProto,
  name: string,
): number {
  if (params.length > MAX_BPF_FUNC_ARGS) {
    env.reject('EINVAL', attach.too_many_args(name, params.length));
  }
  const result = sizeOf(btf, returns);
  if (result.size < 0 || result.type.kind === 'struct') {
    env.reject('EINVAL', attach.return_type(name, kindText(result.type)));
  }
  for (const [index, { type }] of params.entries()) {
    if (index === params.length - 1 && type === 0) {
      env.reject('EINVAL', attach.variable_args(name));
    }
    const arg = sizeOf(btf, type);
    if (arg.size < 0 || arg.size > MAX_ARG_SIZE) {
      env.reject('EINVAL', attach.arg_type(name, index, kindText(arg.type)));
    }
    if (arg.size === 0) env.reject('EINVAL', attach.void_arg(name));
  }
  return result.size;
}

/** Bytes in registers; -1: no value for registers (__get_type_size). */
function sizeOf(btf: Btf, id: number): { size: number; type: BtfType } {
  const type = btf.resolved(id);
  switch (type.kind) {
    case 'void':
      return { size: 0, type };
    case 'ptr':
      return { size: 8, type };
    case 'int':
    case 'enum':
    case 'enum64':
    case 'struct':
      return { size: type.size, type };
    default:
      return { size: -1, type };
  }
}
