/** Which member of a struct an access hits (btf_struct_walk). */
import type { Btf, BtfArray, BtfComposite, BtfMember, BtfType } from '../../btf/index.ts';
import { isTransparent } from '../../btf/btf.ts';
import type { VerifierEnv } from '../env.ts';
import { btfAccessMessages } from '../messages/btf-access.ts';
import type { Message } from '../messages/message.ts';
import { MEM_PERCPU, MEM_RCU, MEM_USER, PTR_UNTRUSTED } from '../state/layout.ts';

/** What the walk found: data, a pointer to a struct, a struct that starts right there, an error. */
export const WALK_SCALAR = 0;
export const WALK_PTR = 1;
export const WALK_STRUCT = 2;
export const WALK_ERROR = -1;

/** What the walk found out besides its result; an object serves many walks. */
export class WalkResult {
  /** Type of the struct found or pointed to. */
  id = 0;
  /** Flags for the pointer that is read; those given at the start stay. */
  flags = 0;
  /** The member that is the pointer. */
  member = '';
  /** Of an error: the errno, and the words that were said. */
  errno = '';
  words: Message | undefined = undefined;
}

/** A member's size, and for arrays what one element is (__btf_resolve_size). */
interface Resolved {
  readonly size: number;
  /** Elements of the array, all dimensions; 1 for others. */
  readonly count: number;
  /** The type without modifiers; of arrays: the element's. */
  readonly type: BtfType;
  /** Id to go on with: of arrays the element's as it stands there, maybe a typedef. */
  readonly id: number;
}

const NO_NAME = '(anon)';

const TAG_FLAGS: Readonly<Record<string, number>> = {
  user: MEM_USER,
  percpu: MEM_PERCPU,
  rcu: MEM_RCU,
};

function isComposite(type: BtfType): type is BtfComposite {
  return type.kind === 'struct' || type.kind === 'union';
}

function sizeOf(type: BtfType): number | undefined {
  switch (type.kind) {
    case 'ptr':
      return 8;
    case 'int':
    case 'struct':
    case 'union':
    case 'enum':
    case 'enum64':
    case 'float':
      return type.size;
    default:
      return undefined;
  }
}

function resolve(btf: Btf, id: number): Resolved | undefined {
  let type = btf.type(id);
  let plainId = id;
  let element: BtfArray | undefined;
  let count = 1;
  while (type.kind === 'array' || isTransparent(type)) {
    if (type.kind === 'array') {
      element = type;
      count *= type.count;
    } else {
      plainId = type.type;
    }
    type = btf.type(type.type);
  }
  const size = sizeOf(type);
  if (size === undefined) return undefined;
  return {
    size: size * count,
    count,
    type,
    id: element ? element.type : plainId,
  };
}

/** One walk. */
class Walk {
  readonly env: VerifierEnv;
  readonly btf: Btf;
  readonly size: number;
  readonly result: WalkResult;
  off: number;

  constructor(env: VerifierEnv, btf: Btf, off: number, size: number, result: WalkResult) {
    this.env = env;
    this.btf = btf;
    this.off = off;
    this.size = size;
    this.result = result;
  }

  fail(errno: string, message: Message): number {
    this.env.say(message);
    this.result.errno = errno;
    this.result.words = message;
    return WALK_ERROR;
  }

  /** Goes on in `type` until the access is at a member. */
  run(start: number, flexArrays: boolean): number {
    let type = this.btf.resolved(start);
    for (;;) {
      const name = type.name || NO_NAME;
      if (!isComposite(type)) return this.fail('EINVAL', btfAccessMessages.not_struct(name));
      // What of a union is valid is not known; __bpf_md_ptr is a union of one member.
      if (type.kind === 'union' && type.members.length !== 1) this.result.flags |= PTR_UNTRUSTED;
      let next: BtfComposite | number;
      if (this.off + this.size > type.size) {
        next = flexArrays ? this.flexibleElement(type) : WALK_ERROR;
        if (next === WALK_ERROR) {
          const { off, size } = this;
          return this.fail('EACCES', btfAccessMessages.beyond_struct(name, off >>> 0, size >>> 0));
        }
      } else {
        next = this.findMember(type, name);
      }
      if (typeof next === 'number') return next;
      type = next;
    }
  }

  /** An access behind a struct that ends with an array without size: one of its elements. */
  flexibleElement(type: BtfComposite): BtfComposite | number {
    const last = type.members.at(-1);
    if (!last) return WALK_ERROR;
    const array = this.btf.resolved(last.type);
    const start = last.bitOffset >> 3;
    if (array.kind !== 'array' || array.count !== 0 || this.off < start) return WALK_ERROR;
    const element = this.btf.resolved(array.type);
    if (element.kind === 'int') return WALK_SCALAR;
    if (!isComposite(element) || element.size === 0) return WALK_ERROR;
    this.off = (this.off - start) % element.size;
    return element;
  }

  findMember(type: BtfComposite, name: string): BtfComposite | number {
    for (const member of type.members) {
      const start = member.bitOffset >> 3;
      if (this.off + this.size <= start) break;
      if (member.bitSize !== 0) {
        if (this.coversBitfield(member, start)) return WALK_SCALAR;
        continue;
      }
      if (this.off < start) break;
      const found = this.enterMember(member, start, name);
      if (found !== undefined) return found;
    }
    return this.fail('EINVAL', btfAccessMessages.no_field(name, this.off));
  }

  coversBitfield(member: BtfMember, start: number): boolean {
    const end = (member.bitOffset + member.bitSize + 7) >> 3;
    return this.off <= start && end <= this.off + this.size;
  }

  /** Undefined: the access is behind this member. */
  enterMember(member: BtfMember, start: number, struct: string): BtfComposite | number | undefined {
    const name = member.name || NO_NAME;
    const resolved = resolve(this.btf, member.type);
    if (!resolved) return this.fail('EFAULT', btfAccessMessages.no_field_size(name));
    const end = start + resolved.size;
    if (this.off >= end) return undefined;
    const size = resolved.size / resolved.count;
    const at = start + Math.floor((this.off - start) / size) * size;
    const { type } = resolved;
    if (isComposite(type)) {
      if (this.off !== at) {
        this.off -= at;
        return type;
      }
      this.result.id = resolved.id;
      return WALK_STRUCT;
    }
    if (type.kind === 'ptr') {
      const found = this.readPointer(type.type, name, struct, at, size);
      if (found !== WALK_SCALAR) return found;
    }
    // Within an array of numbers an access may span elements (skb->cb[]).
    const { off } = this;
    if (off + this.size > end && !(this.result.flags & PTR_UNTRUSTED)) {
      const message = btfAccessMessages.beyond_member(name, end, struct, off, this.size);
      return this.fail('EACCES', message);
    }
    return WALK_SCALAR;
  }

  /** WALK_SCALAR: it points to no struct. */
  readPointer(pointee: number, name: string, struct: string, at: number, size: number): number {
    const { off } = this;
    if (size !== this.size || off !== at) {
      const message = btfAccessMessages.pointer_member(name, at, struct, off, this.size);
      return this.fail('EACCES', message);
    }
    const target = this.btf.resolved(pointee);
    if (!isComposite(target)) return WALK_SCALAR;
    const tag = this.btf.type(pointee);
    this.result.id = target.id;
    this.result.flags |= tag.kind === 'type_tag' ? (TAG_FLAGS[tag.name] ?? 0) : 0;
    this.result.member = name;
    return WALK_PTR;
  }
}

/**
 * Finds what of struct `id` an access of `size` bytes at `off` hits. Errors are said, not thrown:
 * whether they reject is the caller's affair. Mirrors btf_struct_walk.
 */
export function walkStruct(
  env: VerifierEnv,
  btf: Btf,
  id: number,
  off: number,
  size: number,
  result: WalkResult,
  flexArrays: boolean,
): number {
  return new Walk(env, btf, off, size, result).run(id, flexArrays);
}
