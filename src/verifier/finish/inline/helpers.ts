/**
 * Calls of helpers that become a few instructions, or get arguments the program does not know of.
 */
import { constants, errnos, helperId, mapRules } from '../../../abi/index.ts';
import {
  BPF_ADD,
  BPF_AND,
  BPF_ATOMIC,
  BPF_DW,
  BPF_JEQ,
  BPF_JGE,
  BPF_JNE,
  BPF_LSH,
  BPF_MOV,
  BPF_MUL,
  BPF_RSH,
  BPF_STX,
  BPF_W,
  BPF_XCHG,
} from '../../../isa/index.ts';
import { helperPrototype } from '../../call/contracts.ts';
import {
  AUX_PERCPU_ALLOC_PTR,
  AUX_STORAGE_GET_ATOMIC,
  MAP_POISON,
  MAP_UNPRIV,
  type VerifierEnv,
} from '../../env.ts';
import type { VerifierMap } from '../../types.ts';
import { perCpuOffset } from '../context/members.ts';
import {
  alu32Imm,
  aluImm,
  aluReg,
  callKernel,
  Insn,
  jump,
  jump32Reg,
  jumpImm,
  load,
  loadAddress,
  movImm,
  movReg,
  store,
} from '../patch/insn.ts';
import { indexMask, lookupCode, perCpu } from './map-lookup.ts';
import { helperSymbol } from './symbols.ts';

/** GFP_ATOMIC and GFP_KERNEL (include/linux/gfp_types.h): macros, of which no types tell. */
const GFP_ATOMIC = 0x820;
const GFP_KERNEL = 0xcc0;
/** sizeof(struct perf_branch_entry) */
const BRANCH_ENTRY = 24;
/** (2^33 + 1) / 3: multiplied by it and shifted right by 33, a number is divided by 3. */
const THIRD = 0xaaaa_aaab | 0;

const failure = (code: string): number => -errnos[code]!;

/**
 * What the call at `insn` becomes; undefined: a call of the kernel's function, see `linkHelper`.
 */
export function inlineHelper(env: VerifierEnv, insn: Insn): Insn[] | undefined {
  const recipe = BY_ID.get(insn.imm);
  const made = recipe?.(env, insn);
  if (made) return made;
  const hidden = hiddenArguments(env, insn);
  if (!hidden) return undefined;
  const call = insn.copy();
  linkHelper(env, call, insn.facts);
  return [...hidden, call];
}

/** Lets the call go to the kernel's function. `facts`: instruction whose facts count. */
export function linkHelper(env: VerifierEnv, insn: Insn, facts: number): void {
  if (insn.imm === TAIL_CALL) return;
  const operation = MAP_OPERATIONS.get(insn.imm);
  const map = operation && mapAt(env, facts);
  insn.symbol = (map && mapRules(map.type)?.calls[operation]) ?? helperSymbol(env, insn.imm);
  insn.imm = 0;
}

const TAIL_CALL = helperId('tail_call')!;

/** Helpers that call the map's own function, when there is but one map. */
const MAP_OPERATIONS: ReadonlyMap<number, string> = new Map(
  [
    ...'lookup_elem update_elem delete_elem push_elem pop_elem peek_elem lookup_percpu_elem'
      .split(' ')
      .map((name) => [`map_${name}`, `map_${name}`]),
    ['redirect_map', 'map_redirect'],
    ['for_each_map_elem', 'map_for_each_callback'],
  ].map(([helper, operation]) => [helperId(helper!)!, operation!]),
);

/** The one map a call is made with. */
function mapAt(env: VerifierEnv, facts: number): VerifierMap | undefined {
  const map = facts < 0 ? MAP_POISON : env.aux.map[facts]! & ~MAP_UNPRIV;
  return map === MAP_POISON ? undefined : env.maps[map - 1];
}

/** Instructions before a call that set what the program does not. */
function hiddenArguments(env: VerifierEnv, { imm, facts }: Insn): Insn[] | undefined {
  const flags = facts < 0 ? 0 : env.aux.flags[facts]!;
  if (helperPrototype(env, imm)?.allocatesStorage) {
    const mustNotSleep = !env.sleepable || (flags & AUX_STORAGE_GET_ATOMIC) !== 0;
    return [movImm(5, mustNotSleep ? GFP_ATOMIC : GFP_KERNEL)];
  }
  // What bpf_percpu_obj_new gives points to the per-CPU pointer.
  return flags & AUX_PERCPU_ALLOC_PTR ? [load(BPF_DW, 1, 1, 0)] : undefined;
}

type Recipe = (env: VerifierEnv, insn: Insn) => Insn[] | undefined;

const RECIPES: Readonly<Record<string, Recipe>> = {
  tail_call: guardTailCall,
  timer_set_callback: (env, insn) => {
    const call = insn.copy();
    linkHelper(env, call, insn.facts);
    return [...loadAddress(3, { kind: 'kernel', name: 'prog->aux' }), call];
  },
  map_lookup_elem: (env, { facts }) => {
    const map = mapAt(env, facts);
    return map && lookupCode({ map, btf: env.profile.btf(), guarded: !env.bypassSpecV1 });
  },
  jiffies64: () => [...loadAddress(0, { kind: 'kernel', name: 'jiffies' }), load(BPF_DW, 0, 0, 0)],
  get_smp_processor_id: ({ profile }) => [
    alu32Imm(BPF_MOV, 0, perCpuOffset(profile.btf(), 'pcpu_hot', 'cpu_number')),
    perCpu(0, 0),
    load(BPF_W, 0, 0, 0),
  ],
  get_func_arg: tracing(functionArgument),
  get_func_ret: tracing(functionResult),
  // Behind the arguments' start stand their number and the function's address.
  get_func_arg_cnt: tracing(() => [load(BPF_DW, 0, 1, -8)]),
  get_func_ip: tracing(() => [load(BPF_DW, 0, 1, -16)]),
  get_branch_snapshot: branchSnapshot,
  kptr_xchg: () => [movReg(0, 2), new Insn(BPF_STX | BPF_ATOMIC | BPF_DW, 1, 0, 0, BPF_XCHG)],
};

const BY_ID: ReadonlyMap<number, Recipe> = new Map(
  Object.entries(RECIPES).map(([name, recipe]) => [helperId(name)!, recipe]),
);

/** Only programs of a trampoline have what these look for before their context. */
function tracing(recipe: Recipe): Recipe {
  return (env, insn) =>
    env.programType === constants.BPF_PROG_TYPE_TRACING ? recipe(env, insn) : undefined;
}

/** Programs without privileges: an index out of bounds must not even be guessed. */
function guardTailCall(env: VerifierEnv, insn: Insn): Insn[] | undefined {
  const map = mapAt(env, insn.facts);
  if (!map || !(env.aux.map[insn.facts]! & MAP_UNPRIV)) return undefined;
  return [
    jumpImm(BPF_JGE, 3, map.maxEntries | 0, 2),
    alu32Imm(BPF_AND, 3, indexMask(map)),
    insn.copy(),
  ];
}

function functionArgument(): Insn[] {
  return [
    load(BPF_DW, 0, 1, -8),
    jump32Reg(BPF_JGE, 2, 0, 6),
    aluImm(BPF_LSH, 2, 3),
    aluReg(BPF_ADD, 2, 1),
    load(BPF_DW, 0, 2, 0),
    store(BPF_DW, 3, 0, 0),
    movImm(0, 0),
    jump(1),
    movImm(0, failure('EINVAL')),
  ];
}

const AT_RETURN: readonly number[] = [constants.BPF_TRACE_FEXIT, constants.BPF_MODIFY_RETURN];

/** The result stands behind the arguments. */
function functionResult(env: VerifierEnv): Insn[] {
  if (!AT_RETURN.includes(env.expectedAttachType)) return [movImm(0, failure('EOPNOTSUPP'))];
  return [
    load(BPF_DW, 0, 1, -8),
    aluImm(BPF_LSH, 0, 3),
    aluReg(BPF_ADD, 0, 1),
    load(BPF_DW, 3, 0, 0),
    store(BPF_DW, 2, 3, 0),
    movImm(0, 0),
  ];
}

function branchSnapshot(): Insn[] {
  return [
    jumpImm(BPF_JNE, 3, 0, 7),
    alu32Imm(BPF_MOV, 0, THIRD),
    aluReg(BPF_MUL, 2, 0),
    aluImm(BPF_RSH, 2, 36),
    // What the processor's driver put there; without one, a function that returns 0.
    callKernel('__static_call_return0'),
    jumpImm(BPF_JEQ, 0, 0, 4),
    alu32Imm(BPF_MUL, 0, BRANCH_ENTRY),
    jump(3),
    movImm(0, failure('EINVAL')),
    jump(1),
    movImm(0, failure('ENOENT')),
  ];
}
