/** Calls of kernel functions that get arguments the program does not know of, or are no calls. */
import { calledKfunc } from '../../call/kfunc-prototype.ts';
import type { ObjectFacts, VerifierEnv } from '../../env.ts';
import { structRecord } from '../../fields/record.ts';
import { mayAccessPacket } from '../../mem/packet.ts';
import { type Insn, loadAddress, loadNull, movImm, movReg } from '../patch/insn.ts';

/** What the call becomes; undefined: it stays as it is, once `linkKfunc` was asked. */
export function inlineKfunc(env: VerifierEnv, insn: Insn): Insn[] | undefined {
  const name = kfuncName(env, insn);
  // Functions of modules have no part in this.
  const recipe = name === undefined || insn.off !== 0 ? undefined : RECIPES[name];
  if (!recipe) return undefined;
  const call = insn.copy();
  linkKfunc(env, call, insn.facts);
  return recipe(env, call, env.aux.objects.get(insn.facts));
}

/** Lets the call go to the kernel's function. */
export function linkKfunc(env: VerifierEnv, insn: Insn, facts: number): void {
  const name = calledKfunc(env, facts)?.name ?? '';
  insn.symbol = insn.off === 0 && STAND_INS[name]?.(env) ? `${name}_rdonly` : name;
  insn.imm = 0;
}

const kfuncName = (env: VerifierEnv, { facts }: Insn): string | undefined =>
  facts < 0 ? undefined : calledKfunc(env, facts)?.name;

/** Functions with another one behind them, by when that is taken (specialize_kfunc). */
const STAND_INS: Readonly<Record<string, (env: VerifierEnv) => boolean>> = {
  bpf_dynptr_from_skb: (env) => {
    const saved = env.seenDirectWrite;
    const mayWrite = mayAccessPacket(env, undefined, 'write');
    env.seenDirectWrite = saved;
    return !mayWrite;
  },
};

type Recipe = (env: VerifierEnv, call: Insn, object: ObjectFacts | undefined) => Insn[];

/** The address of what the kernel knows of an object's special fields, or 0. */
function fieldsOf(env: VerifierEnv, register: number, object: ObjectFacts | undefined): Insn[] {
  const known = object && structRecord(env, object.btf, object.id);
  return known
    ? loadAddress(register, { kind: 'kernel', name: 'struct_meta' })
    : loadNull(register);
}

const makeObject: Recipe = (env, call, object) => [
  movImm(1, object?.btf.sizeOf(object.id) ?? 0),
  ...fieldsOf(env, 2, object),
  call,
];
const takeObject: Recipe = (env, call, object) => [...fieldsOf(env, 2, object), call];
const insertAt =
  (register: number): Recipe =>
  (env, call, object) => [
    ...fieldsOf(env, register, object),
    movImm(register + 1, object?.offset ?? 0),
    call,
  ];
const cast: Recipe = () => [movReg(0, 1)];

const RECIPES: Readonly<Record<string, Recipe>> = {
  bpf_obj_new_impl: makeObject,
  bpf_percpu_obj_new_impl: makeObject,
  bpf_obj_drop_impl: takeObject,
  bpf_percpu_obj_drop_impl: takeObject,
  bpf_refcount_acquire_impl: takeObject,
  bpf_list_push_front_impl: insertAt(3),
  bpf_list_push_back_impl: insertAt(3),
  bpf_rbtree_add_impl: insertAt(4),
  bpf_cast_to_kern_ctx: cast,
  bpf_rdonly_cast: cast,
  bpf_wq_set_callback_impl: (_, call) => [
    ...loadAddress(4, { kind: 'kernel', name: 'prog->aux' }),
    call,
  ],
};
