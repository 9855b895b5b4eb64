/** Contracts of kernel functions with the types that the checks compare, looked up once. */
import {
  type ArgContract,
  type CallContract,
  isScalarType,
  type KfuncDef,
  kfuncContract,
  kfuncsOf,
  moduleKfuncsOf,
  protoOf,
} from '../../abi/index.ts';
import type { Btf, BtfType } from '../../btf/index.ts';
import { moduleAt } from '../btf/modules.ts';
import type { VerifierEnv } from '../env.ts';

/** One parameter. */
export interface KfuncParam {
  readonly arg: ArgContract;
  /** The type under modifiers and typedefs. */
  readonly type: BtfType;
  readonly isScalar: boolean;
  readonly isPointer: boolean;
  /** Bytes of a scalar. */
  readonly size: number;
  /** What a pointer points to, under modifiers. */
  readonly pointee: BtfType;
}

/** A kernel function's contract in the form the walk checks it by. */
export interface KfuncPrototype {
  readonly contract: CallContract;
  /** `kfuncFlags` bits. */
  readonly flags: number;
  readonly id: number;
  readonly name: string;
  /** BTF that has the function and its types: the kernel's or a module's. */
  readonly btf: Btf;
  readonly params: readonly KfuncParam[];
  /** Index of the object that a list or tree takes over, or -1. */
  readonly inserted: number;
  /** Arguments say themselves that they are released, not the whole call (an extension). */
  readonly releasesEach: boolean;
  /** Result under modifiers and typedefs. */
  readonly result: BtfType;
}

function paramOf(btf: Btf, arg: ArgContract, typeId: number): KfuncParam {
  const type = btf.resolved(typeId);
  const isScalar = isScalarType(type);
  return {
    arg,
    type,
    isScalar,
    isPointer: type.kind === 'ptr',
    size: isScalar ? btf.sizeOf(type.id) : 8,
    pointee: type.kind === 'ptr' ? btf.resolved(type.type) : type,
  };
}

const compiled = new WeakMap<CallContract, KfuncPrototype>();

function prototypeOf(btf: Btf, def: KfuncDef, module?: string): KfuncPrototype {
  const contract = kfuncContract(btf, def, module);
  let prototype = compiled.get(contract);
  if (!prototype) {
    const proto = protoOf(btf, def.id)!;
    prototype = {
      contract,
      flags: def.flags,
      id: def.id,
      name: def.name,
      btf,
      params: proto.params.map(({ type }, i) => paramOf(btf, contract.args[i]!, type)),
      releasesEach: !contract.release && contract.args.some((arg) => arg.release),
      inserted: contract.args.findIndex((arg) => arg.insert),
      result: btf.resolved(proto.returns),
    };
    compiled.set(contract, prototype);
  }
  return prototype;
}

/**
 * The kernel function that the call at `insn` names, if this program may call it (fetch_kfunc_meta
 * without its words).
 */
export function calledKfunc(env: VerifierEnv, insn: number): KfuncPrototype | undefined {
  const { imm, off } = env.code;
  if (imm[insn] === 0 || off[insn]! < 0) return undefined;
  if (off[insn] === 0) {
    const def = kfuncsOf(env.programType, env.expectedAttachType, env.profile.tables).get(
      imm[insn]!,
    );
    return def && prototypeOf(env.profile.btf(), def);
  }
  const module = moduleAt(env, off[insn]!);
  if (!module) return undefined;
  const def = moduleKfuncsOf(module, env.programType, env.expectedAttachType).get(imm[insn]!);
  return def && prototypeOf(module.btf(), def, module.name);
}
