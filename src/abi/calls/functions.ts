/**
 * Contracts of the program's own functions, read from their BTF prototypes and the tags of their
 * parameters (`__arg_ctx`, `__arg_nonnull`, … of libbpf's bpf_helpers.h are declaration tags
 * `arg:ctx`, `arg:nonnull`, …). What the prototype cannot mean is a fault, by a word: whoever reads
 * it says what follows from that.
 */
import { type Btf, type BtfFunc, type BtfType, declTags } from '../../btf/index.ts';
import type { ArgContract, CallContract } from './contract.ts';
import { isScalarType, protoOf, sizeOrNone, typeText } from './prototype.ts';

/** Why a parameter cannot be made out. */
export type ParameterFault =
  | 'tag_in_static'
  | 'tag_unknown'
  | 'tag_not_pointer'
  | 'tag_combination'
  | 'tag_arena'
  /** Neither a number nor a pointer of a kind there is. */
  | 'type'
  /** What it points to has no size. */
  | 'size';

const TAGS = ['ctx', 'nonnull', 'trusted', 'nullable', 'arena'] as const;
type Tag = (typeof TAGS)[number];

/** Which functions are read, and for which programs. */
export interface FunctionReading {
  /** Global functions are believed their prototype; of static ones only numbers are understood. */
  readonly global: boolean;
  /** Tags of parameters say what they take. */
  readonly tagged: boolean;
  /** Does a pointer to this type id mean the program's context? */
  isContext(target: number): boolean;
}

const isTag = (word: string): word is Tag => (TAGS as readonly string[]).includes(word);

/** True if a parameter's tag says that it is the context. */
export function isTaggedContext(btf: Btf, func: BtfFunc, index: number): boolean {
  return declTags(btf, func.id, index, 'arg:').includes('ctx');
}

function tagsOf(btf: Btf, func: BtfFunc, index: number): readonly Tag[] | ParameterFault {
  const tags: Tag[] = [];
  for (const tag of declTags(btf, func.id, index, 'arg:')) {
    if (func.linkage !== 'global') return 'tag_in_static';
    if (!isTag(tag)) return 'tag_unknown';
    tags.push(tag);
  }
  return tags;
}

/**
 * What parameter `index` (0-based) of a function takes, or why that cannot be said. Mirrors the
 * loop of btf_prepare_func_args.
 */
export function functionParameter(
  btf: Btf,
  func: BtfFunc,
  index: number,
  reading: FunctionReading,
): ArgContract | ParameterFault {
  const tags = reading.tagged ? tagsOf(btf, func, index) : [];
  if (typeof tags === 'string') return tags;
  const { name, type } = protoOf(btf, func.id)!.params[index]!;
  const resolved = btf.resolved(type);
  const text = { name, type: typeText(btf, type) };
  if (resolved.kind === 'ptr') {
    const pointer = pointerParameter(btf, resolved.type, tags, reading);
    if (typeof pointer === 'object') return { ...pointer, ...text };
    if (pointer) return pointer;
  }
  if (tags.length > 0) return 'tag_not_pointer';
  return isScalarType(resolved) ? { kind: 'scalar', ...text } : 'type';
}

/** Undefined: a pointer that means nothing. */
function pointerParameter(
  btf: Btf,
  target: number,
  tags: readonly Tag[],
  reading: FunctionReading,
): ArgContract | ParameterFault | undefined {
  const has = (tag: Tag): boolean => tags.includes(tag);
  const pointee = btf.resolved(target);
  const context = has('ctx') || reading.isContext(target);
  if (context) return only(tags, 'ctx') ? { kind: 'ctx' } : 'tag_combination';
  if (isDynptr(pointee)) {
    return only(tags) ? { kind: 'dynptr', dynptr: 'local', access: 'read' } : 'tag_combination';
  }
  if (has('trusted')) {
    if (has('nonnull')) return 'tag_combination';
    const object = { kind: 'btf_object', btf: pointee.name, trust: 'trusted' } as const;
    return has('nullable') ? { ...object, nullable: true } : object;
  }
  if (has('arena')) return only(tags, 'arena') ? { kind: 'arena' } : 'tag_arena';
  if (!reading.global) return undefined;
  if (has('nullable')) return 'tag_combination';
  const size = sizeOrNone(btf, pointee.id);
  if (size === undefined) return 'size';
  const memory = { kind: 'mem', access: 'readwrite', size } as const;
  return has('nonnull') ? memory : { ...memory, nullable: true };
}

const only = (tags: readonly Tag[], allowed?: Tag): boolean => tags.every((tag) => tag === allowed);

function isDynptr(type: BtfType): boolean {
  const struct = type.kind === 'struct' || type.kind === 'union';
  return (struct || (type.kind === 'fwd' && type.of === 'struct')) && type.name === 'bpf_dynptr';
}

/** The contract of a function whose parameters were made out. */
export function functionContract(
  btf: Btf,
  func: BtfFunc,
  args: readonly ArgContract[],
): CallContract {
  const type = protoOf(btf, func.id)!.returns;
  const kind = btf.resolved(type).kind === 'void' ? 'void' : 'integer';
  return {
    callee: 'function',
    name: func.name,
    id: func.id,
    args,
    returns: { kind, type: typeText(btf, type) },
  };
}
