/**
 * What a kernel function asks of its arguments, read from its BTF prototype: the types, and what
 * the names of parameters end in (`__sz`, `__nullable`, …). The kfunc dialect of the call contract.
 */
import { type KfuncDef, kfuncsOf, moduleKfuncsOf } from '../../abi/index.ts';
import type { Btf, BtfFuncProto, BtfType } from '../../btf/index.ts';
import { moduleAt } from '../btf/modules.ts';
import type { VerifierEnv } from '../env.ts';

/** Structs that get a treatment of their own when a pointer to them is a parameter. */
const SPECIAL_STRUCTS: Readonly<Record<string, SpecialArg>> = {
  bpf_dynptr: 'dynptr',
  bpf_list_head: 'list_head',
  bpf_list_node: 'list_node',
  bpf_rb_root: 'rb_root',
  bpf_rb_node: 'rb_node',
  bpf_wq: 'workqueue',
};

export type SpecialArg = 'dynptr' | 'list_head' | 'list_node' | 'rb_root' | 'rb_node' | 'workqueue';

/** One parameter. */
export interface KfuncParam {
  readonly name: string;
  /** The type under modifiers and typedefs. */
  readonly type: BtfType;
  readonly isScalar: boolean;
  readonly isPointer: boolean;
  /** Bytes of a scalar. */
  readonly size: number;
  /** What a pointer points to, under modifiers. */
  readonly pointee: BtfType;
  readonly special: SpecialArg | undefined;
  readonly isCallback: boolean;
  // From the name.
  readonly ignored: boolean;
  readonly constant: boolean;
  readonly nullable: boolean;
  readonly allocated: boolean;
  readonly refcounted: boolean;
  readonly uninit: boolean;
  readonly map: boolean;
  readonly string: boolean;
  readonly iterator: boolean;
  readonly optional: boolean;
  /** Length of the parameter before it; 'szk': a constant. */
  readonly sizeOf: 'sz' | 'szk' | undefined;
  /** Length of the memory that is returned. */
  readonly returnedSize: 'rdonly' | 'rdwr' | undefined;
}

/** A kernel function with its parameters. */
export interface KfuncContract {
  readonly def: KfuncDef;
  /** BTF that has the function and its types: the kernel's or a module's. */
  readonly btf: Btf;
  readonly params: readonly KfuncParam[];
  /** Result under modifiers and typedefs. */
  readonly result: BtfType;
}

export const isScalarType = (type: BtfType): boolean =>
  type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64';

export const isStructOrUnion = (type: BtfType): boolean =>
  type.kind === 'struct' || type.kind === 'union';

/** A suffix counts only if something stands before it. */
const endsIn = (name: string, suffix: string) =>
  name.length > suffix.length && name.endsWith(suffix);

function paramOf(btf: Btf, name: string, typeId: number): KfuncParam {
  const type = btf.resolved(typeId);
  const isScalar = isScalarType(type);
  const pointee = type.kind === 'ptr' ? btf.resolved(type.type) : type;
  const special = type.kind === 'ptr' && pointee.kind === 'struct';
  return {
    name,
    type,
    isScalar,
    isPointer: type.kind === 'ptr',
    size: isScalar ? btf.sizeOf(type.id) : 8,
    pointee,
    special: special ? SPECIAL_STRUCTS[pointee.name] : undefined,
    isCallback: type.kind === 'ptr' && pointee.kind === 'func_proto',
    ignored: endsIn(name, '__ign'),
    constant: endsIn(name, '__k'),
    nullable: endsIn(name, '__nullable'),
    allocated: endsIn(name, '__alloc'),
    refcounted: endsIn(name, '__refcounted_kptr'),
    uninit: endsIn(name, '__uninit'),
    map: endsIn(name, '__map'),
    string: endsIn(name, '__str'),
    iterator: endsIn(name, '__iter'),
    optional: endsIn(name, '__opt'),
    sizeOf: sizeSuffix(name, isScalar),
    returnedSize: returnedSize(name),
  };
}

function sizeSuffix(name: string, isScalar: boolean): 'sz' | 'szk' | undefined {
  if (!isScalar) return undefined;
  if (endsIn(name, '__szk')) return 'szk';
  return endsIn(name, '__sz') ? 'sz' : undefined;
}

function returnedSize(name: string): 'rdonly' | 'rdwr' | undefined {
  if (name === 'rdonly_buf_size') return 'rdonly';
  return name === 'rdwr_buf_size' ? 'rdwr' : undefined;
}

const known = new WeakMap<Btf, Map<number, KfuncContract>>();

/** The contract of a kernel function that some program may call. */
export function contractOf(btf: Btf, def: KfuncDef): KfuncContract {
  let contracts = known.get(btf);
  if (!contracts) known.set(btf, (contracts = new Map()));
  let contract = contracts.get(def.id);
  if (!contract) {
    const proto = protoOf(btf, def.id)!;
    contract = {
      def,
      btf,
      params: proto.params.map(({ name, type }) => paramOf(btf, name, type)),
      result: btf.resolved(proto.returns),
    };
    contracts.set(def.id, contract);
  }
  return contract;
}

/** The prototype of the function with this id, or undefined if it is no function. */
export function protoOf(btf: Btf, id: number): BtfFuncProto | undefined {
  if (id <= 0 || id >= btf.count) return undefined;
  const func = btf.type(id);
  const proto = func.kind === 'func' ? btf.type(func.type) : undefined;
  return proto?.kind === 'func_proto' ? proto : undefined;
}

/**
 * The contract of the kernel function that the call at `insn` names, if this program may call it
 * (fetch_kfunc_meta without its words).
 */
export function calledKfunc(env: VerifierEnv, insn: number): KfuncContract | undefined {
  const { imm, off } = env.code;
  if (imm[insn] === 0 || off[insn]! < 0) return undefined;
  if (off[insn] === 0) {
    const def = kfuncsOf(env.programType, env.expectedAttachType).get(imm[insn]!);
    return def && contractOf(env.profile.btf(), def);
  }
  const module = moduleAt(env, off[insn]!);
  if (!module) return undefined;
  const def = moduleKfuncsOf(module, env.programType, env.expectedAttachType).get(imm[insn]!);
  return def && contractOf(module.btf(), def);
}
