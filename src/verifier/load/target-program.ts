import { enums } from '../../abi/index.ts';
import type { BtfFunc, BtfType } from '../../btf/index.ts';
import type { VerifierEnv } from '../env.ts';
import { attach } from '../messages/attach.ts';
import type { VerifierInput } from '../types.ts';
import { checkPrototypesMatch } from './function-match.ts';

const { bpf_prog_type: programs, bpf_attach_type: attachTypes } = enums;

/** A BPF program that another one replaces a function of, or looks at. */
export interface TargetProgram {
  readonly type: number;
  readonly expectedAttachType: number;
  /** What its BTF says of the function is not to be relied on. */
  readonly conservative: boolean;
  /** Rejects an extension whose function differs. */
  checkPrototype(target: BtfFunc): void;
}

/** What bpf_check_attach_target asks of a program that is attached to. */
export function checkTargetProgram(
  env: VerifierEnv,
  input: VerifierInput,
  target: BtfType,
): TargetProgram {
  const index = input.functionInfo.findIndex(({ typeId }) => typeId === target.id);
  if (index < 0) env.reject('EINVAL', attach.no_subprog(target.name));
  const other = env.verifyTarget(input);
  const subprog = other.subprogs[index]!;
  const isExtension = env.input.type === programs.BPF_PROG_TYPE_EXT;
  if (subprog.isExceptionCallback) {
    env.reject('EINVAL', attach.exception_callback(isExtension ? 'Extension' : 'FENTRY/FEXIT'));
  }
  const conservative = subprog.unreliable;
  if (isExtension && conservative) env.reject('EINVAL', attach.replaces_static());
  if (isExtension && env.subprogs[0]!.changesPacket && !subprog.changesPacket) {
    env.reject('EINVAL', attach.changes_packet());
  }
  checkNesting(env, input);
  return {
    type: input.type,
    expectedAttachType: other.expectedAttachType,
    conservative,
    checkPrototype: (func) => {
      if (isExtension) checkPrototypesMatch(env, input.btf!, func);
    },
  };
}

/** Chains of programs that look at or replace each other must end. */
function checkNesting(
  env: VerifierEnv,
  { type, expectedAttachType, attachProgram }: VerifierInput,
) {
  const isTracing = type === programs.BPF_PROG_TYPE_TRACING;
  if (env.input.type === programs.BPF_PROG_TYPE_TRACING) {
    const nested = isTracing && attachProgram?.input.type === programs.BPF_PROG_TYPE_TRACING;
    if (nested) env.reject('EINVAL', attach.nested_tracing());
  } else if (type === env.input.type) {
    env.reject('EINVAL', attach.recursive());
  }
  const around =
    expectedAttachType === attachTypes.BPF_TRACE_FENTRY ||
    expectedAttachType === attachTypes.BPF_TRACE_FEXIT;
  if (isTracing && around && env.input.type === programs.BPF_PROG_TYPE_EXT) {
    env.reject('EINVAL', attach.extends_tracing());
  }
}
