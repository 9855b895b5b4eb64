import type { Btf, BtfComposite, BtfFuncProto, BtfType } from '../../btf/index.ts';
import type { ContextArg, VerifierEnv } from '../env.ts';
import { attachKernelBtf, attachModule, btfWord } from '../btf/modules.ts';
import { attach } from '../messages/attach.ts';
import { PTR_MAYBE_NULL, PTR_TO_BTF_ID, PTR_TRUSTED } from '../state/layout.ts';
import { isGplCompatible } from './program-kinds.ts';

/** What the kernel's code says of a table of operations, beyond its struct. */
interface StructOps {
  /** Members that have a function to stand in: programs can be attached there. */
  readonly supported: ReadonlySet<string>;
  /** Members whose program may sleep; undefined: all of them. */
  readonly sleepable?: ReadonlySet<string>;
}

/** The tables the kernel itself has (struct bpf_struct_ops). */
const STRUCT_OPS: Readonly<Record<string, StructOps>> = {
  tcp_congestion_ops: {
    supported: new Set([
      'ssthresh',
      'cong_avoid',
      'set_state',
      'cwnd_event',
      'in_ack_event',
      'pkts_acked',
      'min_tso_segs',
      'cong_control',
      'undo_cwnd',
      'sndbuf_expand',
      'init',
      'release',
    ]),
  },
  bpf_dummy_ops: {
    supported: new Set(['test_1', 'test_2', 'test_sleepable']),
    sleepable: new Set(['test_sleepable']),
  },
};

function factsOf(env: VerifierEnv, name: string): StructOps | undefined {
  const module = attachModule(env);
  if (!module) return Object.hasOwn(STRUCT_OPS, name) ? STRUCT_OPS[name] : undefined;
  const ops = Object.hasOwn(module.structOps, name) ? module.structOps[name] : undefined;
  return ops && { supported: new Set(ops.supported) };
}

/** The program is one operation of a table of the kernel. Mirrors check_struct_ops_btf_id. */
export function checkStructOps(env: VerifierEnv): void {
  const { license, attachBtfId } = env.input;
  if (!isGplCompatible(license)) env.reject('EINVAL', attach.struct_ops_license());
  if (attachBtfId === 0) env.reject('ENOTSUPP');
  const btf = attachKernelBtf(env);
  const struct = btf.type(attachBtfId);
  const facts = factsOf(env, struct.name);
  if (!facts || struct.kind !== 'struct') {
    return env.reject('ENOTSUPP', attach.struct_ops_id(attachBtfId));
  }
  const { member, proto } = operation(env, btf, struct);
  const mayNotSleep = facts.sleepable && !facts.sleepable.has(member);
  const unsupported = attach.struct_ops_unsupported(member, struct.name);
  if (!facts.supported.has(member)) env.reject('ENOTSUPP', unsupported);
  if (mayNotSleep && env.sleepable) env.reject('EINVAL', unsupported);
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
