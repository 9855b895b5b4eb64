/** What the calls of an image go to: helpers by id, kernel functions by place in its list. */
import { type CallContract, helperContract, helpersOf, helperName } from '../abi/index.ts';
import { BPF_PSEUDO_KFUNC_CALL, type Code, decodeCode, CALL } from '../isa/index.ts';
import { KFUNC_ID } from '../runtime/layout.ts';
import type { Runtime } from '../runtime/types.ts';
import type { ProgramImage } from './types.ts';

/** The instructions, calls of kernel functions made calls of helpers with ids from KFUNC_ID. */
export function readCode(image: ProgramImage): Code {
  const code = decodeCode(image.insns);
  for (let i = 0; i < code.length; i++) {
    if (code.op[i] !== CALL || code.src[i] !== BPF_PSEUDO_KFUNC_CALL) continue;
    if (!image.kfuncs?.[code.imm[i]!]) continue;
    code.src[i] = 0;
    code.imm[i] = KFUNC_ID + code.imm[i]!;
  }
  return code;
}

/** A helper or kernel function as calls find it. */
export interface Callee {
  /** wasm function (i64 x arity) -> i64; undefined: there is no body. */
  readonly fn: unknown;
  readonly arity: number;
  /** Undefined: Linux has no such helper. */
  readonly contract: CallContract | undefined;
}

/** What id `id` of `readCode` stands for on a runtime. */
export function calleeOf(image: ProgramImage, runtime: Runtime, id: number): Callee {
  const kfunc = image.kfuncs?.[id - KFUNC_ID];
  if (kfunc) {
    const name = kfunc.func ?? kfunc.name;
    return around(runtime, {
      fn: runtime.kfuncFunction(name, image.objectTypes),
      arity: runtime.kfuncArity(name),
      contract: kfunc,
    });
  }
  const type = image.programType;
  return around(runtime, {
    fn: mayCall(type, id) ? runtime.helperFunction(id, type) : undefined,
    arity: runtime.helperArity(id, type),
    contract: helperContract(id, type),
  });
}

/** Whether Linux has the helper for this type: others would take its context for one of theirs. */
function mayCall(type: number | undefined, id: number): boolean {
  if (type === undefined) return true;
  const known = helpersOf(type);
  return known.size === 0 || known.has(id);
}

/** Where somebody wants to know of calls, one that tells. */
function around({ callPlaces }: Runtime, callee: Callee): Callee {
  if (!callPlaces) return callee;
  const { fn, arity, contract } = callee;
  return { ...callee, fn: callPlaces.around(fn, arity, contract) };
}

/** Whether a call may start a timer or work. */
export function takesTimer({ args }: CallContract): boolean {
  return args.some(({ kind }) => kind === 'timer' || kind === 'workqueue');
}

/** Whether a program has such calls: with them, things happen between its packets. */
export function usesTimers(image: ProgramImage): boolean {
  const code = readCode(image);
  for (let i = 0; i < code.length; i++) {
    if (code.op[i] !== CALL || code.src[i] !== 0) continue;
    const id = code.imm[i]!;
    const contract = image.kfuncs?.[id - KFUNC_ID] ?? helperContract(id, image.programType);
    if (contract && takesTimer(contract)) return true;
  }
  return false;
}

/** 'helper 1 (bpf_map_lookup_elem)', 'kernel function bpf_iter_num_new'. */
export function calleeName(image: ProgramImage | undefined, id: number): string {
  const kfunc = image?.kfuncs?.[id - KFUNC_ID];
  if (kfunc) return `kernel function ${kfunc.name}`;
  const name = helperName(id);
  return name === undefined ? `helper ${id}` : `helper ${id} (bpf_${name})`;
}
