import { memberMaySleep, structOpsTable } from '../../abi/index.ts';
import type { Btf, BtfComposite, BtfFuncProto, BtfType } from '../../btf/index.ts';
import type { ContextArg, VerifierEnv } from '../env.ts';
import { attachKernelBtf, attachModule, btfWord } from '../btf/modules.ts';
import { attach } from '../messages/attach.ts';
import { PTR_MAYBE_NULL, PTR_TO_BTF_ID, PTR_TRUSTED } from '../state/layout.ts';
import { isGplCompatible } from './program-kinds.ts';

/** The program is one operation of a table of the kernel. Mirrors check_struct_ops_btf_id. */
export function checkStructOps(env: VerifierEnv): void {
  const { license, attachBtfId } = env.input;
  if (!isGplCompatible(license)) env.reject('EINVAL', attach.struct_ops_license());
  if (attachBtfId === 0) env.reject('ENOTSUPP');
  const btf = attachKernelBtf(env);
  const struct = btf.type(attachBtfId);
  const facts = structOpsTable(struct.name, attachModule(env));
  if (!facts || struct.kind !== 'struct') {
    return env.reject('ENOTSUPP', attach.struct_ops_id(attachBtfId));
  }
  const { member, proto } = operation(env, btf, struct);
  const unsupported = attach.struct_ops_unsupported(member, struct.name);
  if (!facts.supported.includes(member)) env.reject('ENOTSUPP', unsupported);
  if (env.sleepable && !memberMaySleep(facts, member)) env.reject('EINVAL', unsupported);
  env.attachProto = proto.id;
  env.attachName = member;
  env.attachBtf = btfWord(env, attachModule(env));
  env.contextArgs = nullableArgs(env, btf, proto, `${struct.name}__${member}`);
}

function operation(
  env: VerifierEnv,
  btf: Btf,
  struct: BtfComposite,
): { member: string; proto: BtfFuncProto } {
  const index = env.expectedAttachType;
  const member = struct.members[index];
  if (!member) return env.reject('EINVAL', attach.struct_ops_index(index, struct.name));
  const pointer = btf.resolved(member.type);
  const proto: BtfType | undefined =
    pointer.kind === 'ptr' ? btf.resolved(pointer.type) : undefined;
  if (proto?.kind !== 'func_proto') {
    return env.reject('EINVAL', attach.struct_ops_member(member.name, index, struct.name));
  }
  return { member: member.name, proto };
}

/** Parameters that the function that stands in calls `…__nullable` (prepare_arg_info). */
function nullableArgs(env: VerifierEnv, btf: Btf, proto: BtfFuncProto, stub: string): ContextArg[] {
  const func = btf.type(btf.find('func', stub) ?? 0);
  const stubProto = func.kind === 'func' ? btf.type(func.type) : undefined;
  if (stubProto?.kind !== 'func_proto') return [];
  return stubProto.params.flatMap(({ name }, index) => {
    if (!name.endsWith('__nullable')) return [];
    const pointer = btf.resolved(proto.params[index]!.type);
    const btfId = pointer.kind === 'ptr' ? btf.resolve(pointer.type) : 0;
    const type = PTR_TRUSTED | PTR_TO_BTF_ID | PTR_MAYBE_NULL;
    return [{ offset: index * 8, type, btf: env.attachBtf, btfId }];
  });
}
