/**
 * The types of BTF as plain data, one shape per kind of `include/uapi/linux/btf.h`. A type refers
 * to another by its id: the position in the type section, counted from 1; 0 is `void`.
 */

/** What every type has. `name` is '' for anonymous types. */
interface Named {
  readonly id: number;
  readonly name: string;
}

export interface BtfVoid extends Named {
  readonly kind: 'void';
}

export interface BtfInt extends Named {
  readonly kind: 'int';
  /** Bytes. */
  readonly size: number;
  readonly bits: number;
  /** Where the value starts within its bytes; compilers always say 0. */
  readonly bitOffset: number;
  readonly signed: boolean;
  readonly char: boolean;
  readonly bool: boolean;
}

/** A pointer, a modifier or a name for one other type. */
export interface BtfReference extends Named {
  readonly kind: 'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'type_tag';
  readonly type: number;
}

export interface BtfArray extends Named {
  readonly kind: 'array';
  readonly type: number;
  readonly indexType: number;
  readonly count: number;
}

export interface BtfMember {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** 0: not a bitfield. */
  readonly bitSize: number;
}

export interface BtfComposite extends Named {
  readonly kind: 'struct' | 'union';
  readonly size: number;
  readonly members: readonly BtfMember[];
}

export interface BtfEnum extends Named {
  readonly kind: 'enum';
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: number }[];
}

export interface BtfEnum64 extends Named {
  readonly kind: 'enum64';
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

export interface BtfForward extends Named {
  readonly kind: 'fwd';
  readonly of: 'struct' | 'union';
}

/** Linkage of functions and variables: how the linker sees the name. */
export type BtfLinkage = 'static' | 'global' | 'extern';

export interface BtfFunc extends Named {
  readonly kind: 'func';
  /** Its func_proto. */
  readonly type: number;
  readonly linkage: BtfLinkage;
}

export interface BtfParam {
  readonly name: string;
  readonly type: number;
}

export interface BtfFuncProto extends Named {
  readonly kind: 'func_proto';
  readonly returns: number;
  /** A last parameter without name and with type 0 stands for `...`. */
  readonly params: readonly BtfParam[];
}

export interface BtfVar extends Named {
  readonly kind: 'var';
  readonly type: number;
  readonly linkage: BtfLinkage;
}

export interface BtfSectionVar {
  /** Id of a var (or of a func, for externs in .ksyms). */
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

export interface BtfDatasec extends Named {
  readonly kind: 'datasec';
  readonly size: number;
  readonly vars: readonly BtfSectionVar[];
}

export interface BtfFloat extends Named {
  readonly kind: 'float';
  readonly size: number;
}

export interface BtfDeclTag extends Named {
  readonly kind: 'decl_tag';
  readonly type: number;
  /** Member or parameter the tag is on; -1 is the type itself. */
  readonly component: number;
}

export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfReference
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfEnum64
  | BtfForward
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag;

/** The word for a kind: 'int', 'struct', 'func_proto', … */
export type BtfKind = BtfType['kind'];
