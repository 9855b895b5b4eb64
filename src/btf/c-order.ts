import type { Btf } from './btf.ts';
import type { BtfType } from './types.ts';

const OPEN = 1;
const DONE = 2;

/** Anonymous structs can hold each other by pointer, so this depth is not bounded by the sizes. */
const MAX_DEPTH = 1000;

/**
 * In which order C wants definitions: a type whose bytes are in another goes before it, one that is
 * only pointed to can wait (a forward declaration does), unless it is anonymous and so spelled out
 * where it is used. Typedefs behind pointers wait too, with what they name.
 */
export class COrder {
  readonly #btf: Btf;
  readonly #state: Uint8Array;
  readonly #referenced: Uint8Array;
  #queue: number[] = [];
  #depth = 0;

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#state = new Uint8Array(btf.count);
    this.#state[0] = DONE;
    this.#referenced = new Uint8Array(btf.count);
    for (const type of btf.types) for (const id of uses(type)) this.#referenced[id] = 1;
  }

  /** Definitions that `id` needs and that were not given before, then its own if it has one. */
  definitionsFor(id: number): readonly number[] {
    this.#queue = [];
    this.#visit(id, false);
    return this.#queue;
  }

  /** Queues what `id` needs; true if it has to be defined before what uses it. */
  #visit(id: number, behindPointer: boolean): boolean {
    if (this.#state[id] === DONE) return true;
    const type = this.#btf.type(id);
    if (this.#state[id] === OPEN) {
      const canWait = isComposite(type) && behindPointer && type.name !== '';
      return canWait ? false : this.#btf.fail(id, 'can not be defined in C: it needs itself');
    }
    if (++this.#depth > MAX_DEPTH) this.#btf.fail(id, 'is nested too deep for C');
    const strong = this.#visitKind(type, behindPointer);
    this.#depth--;
    return strong;
  }

  #visitKind(type: BtfType, behindPointer: boolean): boolean {
    switch (type.kind) {
      case 'struct':
      case 'union':
        return this.#visitComposite(type, behindPointer);
      case 'enum':
      case 'enum64':
      case 'fwd':
        // An anonymous enum that nothing uses stands for itself.
        return this.#define(type.id, type.name !== '' || this.#referenced[type.id] === 0);
      case 'typedef': {
        const strong = this.#visit(type.type, behindPointer);
        return behindPointer && !strong ? false : this.#define(type.id, true);
      }
      case 'ptr': {
        const strong = this.#visit(type.type, true);
        this.#state[type.id] = DONE;
        return strong;
      }
      case 'array':
        return this.#visit(type.type, false);
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        return this.#visit(type.type, behindPointer);
      case 'func_proto': {
        const parts = [type.returns, ...type.params.map((param) => param.type)];
        return parts.map((id) => this.#visit(id, behindPointer)).some(Boolean);
      }
      default:
        this.#state[type.id] = DONE;
        return false;
    }
  }

  #visitComposite(type: BtfType & { kind: 'struct' | 'union' }, behindPointer: boolean): boolean {
    if (behindPointer && type.name !== '') return false;
    this.#state[type.id] = OPEN;
    for (const member of type.members) this.#visit(member.type, false);
    return this.#define(type.id, type.name !== '');
  }

  #define(id: number, queued: boolean): true {
    if (queued) this.#queue.push(id);
    this.#state[id] = DONE;
    return true;
  }
}

export function isComposite(type: BtfType): type is BtfType & { kind: 'struct' | 'union' } {
  return type.kind === 'struct' || type.kind === 'union';
}

/** Types that `type` mentions, which makes an anonymous enum a part of it. */
function uses(type: BtfType): readonly number[] {
  switch (type.kind) {
    case 'struct':
    case 'union':
      return type.members.map((member) => member.type);
    case 'array':
      return [type.indexType, type.type];
    case 'func_proto':
      return type.params.map((param) => param.type);
    case 'datasec':
      return type.vars.map((variable) => variable.type);
    default:
      return 'type' in type ? [type.type] : [];
  }
}
