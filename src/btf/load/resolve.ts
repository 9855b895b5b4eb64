import { isRegularInt, memberProblem } from './members.ts';
import { isComposite, isModifier, membersOf, type Names, type RawRecord, Refused } from './raw.ts';
import { variableText } from './record-rules.ts';
import { memberText, typeText } from './text.ts';

const MAX_DEPTH = 32;
const MAX_SIZE = 0xffff_ffff;
const POINTER_SIZE = 8;

const NEW = 0;
const OPEN = 1;
const DONE = 2;

/** Thrown where a walk would not end; the type it started from is to blame. */
class Endless extends Error {
  readonly code: 'E2BIG' | 'EINVAL';

  constructor(code: 'E2BIG' | 'EINVAL', message: string) {
    super(message);
    this.code = code;
  }
}

/** A type with a size: what a typedef or modifier comes to. */
interface Sized {
  readonly record: RawRecord;
  readonly size: number;
}

/**
 * Checks what records refer to (btf_check_all_types). Types are followed depth-first, each once.
 * What ends a path depends on where it began: pointers do inside of structs and arrays, structs and
 * arrays do behind pointers. So a struct may hold a pointer to itself, but a pointer may not come
 * to itself through typedefs.
 */
export class TypeResolver {
  readonly #records: readonly RawRecord[];
  readonly #names: Names;
  readonly #state: Uint8Array;
  /** What modifiers, pointers and variables come to, and how large arrays are. */
  readonly #targets: Uint32Array;
  readonly #sizes: Float64Array;
  #within: 'any' | 'pointer' | 'aggregate' = 'any';
  #depth = 0;

  constructor(records: readonly RawRecord[], names: Names) {
    this.#records = records;
    this.#names = names;
    this.#state = new Uint8Array(records.length);
    this.#targets = new Uint32Array(records.length);
    this.#sizes = new Float64Array(records.length);
  }

  checkAll(): void {
    for (const record of this.#records) {
      if (record.id === 0) continue;
      this.#start(record);
      if (record.kind === 'func_proto') this.#checkPrototype(record);
    }
  }

  /** Follows a type from the outside. */
  #start(record: RawRecord): void {
    if (!refersOn(record) || this.#state[record.id] === DONE) return;
    this.#within = 'any';
    this.#depth = 0;
    try {
      this.#visit(record);
    } catch (error) {
      if (!(error instanceof Endless)) throw error;
      throw new Refused(`${typeText(record, this.#names)} ${error.message}`, error.code);
    }
  }

  #visit(record: RawRecord): void {
    if (this.#depth === MAX_DEPTH) {
      throw new Endless('E2BIG', `Exceeded max resolving depth:${MAX_DEPTH}`);
    }
    if (this.#state[record.id] !== NEW) throw new Endless('EINVAL', 'Loop detected');
    this.#state[record.id] = OPEN;
    this.#depth++;
    if (this.#within === 'any') {
      if (record.kind === 'ptr') this.#within = 'pointer';
      else if (isAggregate(record)) this.#within = 'aggregate';
    }
    this.#targets[record.id] = this.#follow(record);
    this.#state[record.id] = DONE;
    this.#depth--;
  }

  /** Visits a type unless it ends the path or was visited. */
  #pass(record: RawRecord): void {
    if (!this.#ends(record) && this.#state[record.id] !== DONE) this.#visit(record);
  }

  #ends(record: RawRecord): boolean {
    switch (this.#within) {
      case 'pointer':
        return !isModifier(record) && record.kind !== 'ptr';
      case 'aggregate':
        return !isModifier(record) && !isAggregate(record);
      default:
        return !refersOn(record);
    }
  }

  #refuse(record: RawRecord, reason: string): never {
    throw new Refused(`${typeText(record, this.#names)} ${reason}`);
  }

  /** Checks a type and what it refers to; returns the id it comes to. */
  #follow(record: RawRecord): number {
    switch (record.kind) {
      case 'ptr':
        return this.#reference(record, true);
      case 'var':
        return this.#variable(record);
      case 'array':
        return this.#array(record);
      case 'struct':
      case 'union':
        return this.#composite(record);
      case 'func':
        return this.#function(record);
      case 'decl_tag':
        return this.#tag(record);
      case 'datasec':
        return this.#section(record);
      default:
        return this.#reference(record, false);
    }
  }

  /** The type that is referred to, unless only other things may refer to it. */
  #target(record: RawRecord): RawRecord {
    const target = this.#records[record.value];
    if (!target || isSourceOnly(target)) this.#refuse(record, 'Invalid type_id');
    return target;
  }

  #reference(record: RawRecord, pointer: boolean): number {
    const target = this.#target(record);
    this.#pass(target);
    if (pointer) this.#passPointer(target);
    const sized = this.#sized(target.id);
    if (sized) return sized.record.id;
    const end =
      this.#state[target.id] === DONE ? this.#records[this.#targets[target.id]!]! : target;
    const allowed = end.kind === 'void' || end.kind === 'fwd' || end.kind === 'func_proto';
    return allowed ? end.id : this.#refuse(record, 'Invalid type_id');
  }

  /** A modifier that was followed from a struct may have stopped at a pointer: on from there. */
  #passPointer(target: RawRecord): void {
    if (!isModifier(target)) return;
    const end = this.#records[this.#targets[target.id]!]!;
    if (end.kind === 'ptr') this.#pass(end);
  }

  #variable(record: RawRecord): number {
    const target = this.#target(record);
    this.#pass(target);
    this.#passPointer(target);
    return this.#sized(target.id)?.record.id ?? this.#refuse(record, 'Invalid type_id');
  }

  #array(record: RawRecord): number {
    const [element, index, count] = record.extra as unknown as [number, number, number];
    const indexType = this.#part(record, index, 'Invalid index').record;
    if (indexType.kind !== 'int' || !isRegularInt(indexType)) this.#refuse(record, 'Invalid index');
    const { record: item, size } = this.#part(record, element, 'Invalid elem');
    if (item.kind === 'int' && !isRegularInt(item)) this.#refuse(record, 'Invalid array of int');
    if (count > 0 && size > Math.floor(MAX_SIZE / count)) {
      this.#refuse(record, 'Array size overflows U32_MAX');
    }
    this.#sizes[record.id] = size * count;
    return item.id;
  }

  #part(record: RawRecord, id: number, reason: string): Sized {
    const part = this.#records[id];
    if (!part || hasNoSize(part) || isSourceOnly(part)) this.#refuse(record, reason);
    this.#pass(part);
    return this.#sized(id) ?? this.#refuse(record, reason);
  }

  #composite(record: RawRecord): number {
    for (const member of membersOf(record)) {
      const type = this.#records[member.type];
      const invalid = !type || hasNoSize(type) || isSourceOnly(type);
      if (!invalid) this.#pass(type);
      // A pointer that ends the path here is checked later, but its size is known.
      const sized = invalid ? undefined : this.#sized(type.id);
      const problem = sized
        ? memberProblem(record, member, sized.record, sized.size)
        : 'Invalid member';
      if (problem) throw new Refused(`${memberText(record, member, this.#names)} ${problem}`);
    }
    return 0;
  }

  #function(record: RawRecord): number {
    const proto = this.#records[record.value];
    if (proto?.kind !== 'func_proto') this.#refuse(record, 'Invalid type_id');
    for (const [i, { nameOffset, type }] of parametersOf(proto).entries()) {
      if (nameOffset === 0 && type !== 0) this.#refuse(record, `Invalid arg#${i + 1}`);
    }
    return record.value;
  }

  #tag(record: RawRecord): number {
    const target = this.#records[record.value];
    const taggable =
      target &&
      (target.kind === 'func' ||
        target.kind === 'var' ||
        target.kind === 'typedef' ||
        isComposite(target));
    if (!taggable) this.#refuse(record, 'Invalid type_id');
    this.#pass(target);
    const component = record.extra[0]! | 0;
    if (component === -1) return target.id;
    const parts = target.kind === 'func' ? this.#records[target.value]! : target;
    const none = target.kind === 'var' || target.kind === 'typedef';
    if (none || component >= parts.vlen) this.#refuse(record, 'Invalid component_idx');
    return target.id;
  }

  #section(record: RawRecord): number {
    for (let i = 0; i < record.vlen; i++) {
      // What one variable led to does not matter for the next.
      this.#within = 'any';
      const [type, , length] = record.extra.subarray(3 * i, 3 * i + 3);
      const variable = this.#records[type!];
      const refuse = (reason: string): never => {
        throw new Refused(variableText(record, i, this.#names) + reason);
      };
      if (variable?.kind !== 'var') return refuse('Not a VAR kind member');
      this.#pass(variable);
      const sized = this.#sized(variable.value);
      if (!sized) return refuse('Invalid type');
      if (length! < sized.size) refuse('Invalid size');
    }
    return 0;
  }

  /** Results and parameters have sizes; the last one may stand for more of them. */
  #checkPrototype(record: RawRecord): void {
    if (record.value !== 0) this.#checkPart(record, record.value, 'Invalid return type');
    const parameters = parametersOf(record);
    const last = parameters[parameters.length - 1];
    if (last?.type === 0) {
      if (last.nameOffset !== 0) this.#refuse(record, `Invalid arg#${parameters.length}`);
      parameters.pop();
    }
    for (const [i, { nameOffset, type }] of parameters.entries()) {
      const reason = `Invalid arg#${i + 1}`;
      const named = this.#names.has(nameOffset) && this.#names.isIdentifier(nameOffset);
      if (nameOffset !== 0 && !named) this.#refuse(record, reason);
      this.#checkPart(record, type, reason);
    }
  }

  #checkPart(record: RawRecord, id: number, reason: string): void {
    const type = this.#records[id];
    if (!type || isSourceOnly(type)) this.#refuse(record, reason);
    this.#start(type);
    if (!this.#sized(id)) this.#refuse(record, reason);
  }

  /** The type with a size that a type is or comes to (btf_type_id_size). */
  #sized(id: number): Sized | undefined {
    const record = this.#records[id];
    if (!record || hasNoSize(record)) return undefined;
    const end = isModifier(record) ? this.#records[this.#targets[id]!]! : record;
    if (hasNoSize(end) || isModifier(end)) return undefined;
    if (end.kind === 'ptr') return { record: end, size: POINTER_SIZE };
    return { record: end, size: end.kind === 'array' ? this.#sizes[end.id]! : end.value };
  }
}

interface Parameter {
  readonly nameOffset: number;
  readonly type: number;
}

function parametersOf({ vlen, extra }: RawRecord): Parameter[] {
  return Array.from({ length: vlen }, (_, i) => ({
    nameOffset: extra[2 * i]!,
    type: extra[2 * i + 1]!,
  }));
}

const isAggregate = (record: RawRecord): boolean => isComposite(record) || record.kind === 'array';

/** Types that only datasecs and tags refer to, or nothing. */
const isSourceOnly = ({ kind }: RawRecord): boolean =>
  kind === 'var' || kind === 'decl_tag' || kind === 'datasec';

function hasNoSize({ kind }: RawRecord): boolean {
  switch (kind) {
    case 'void':
    case 'fwd':
    case 'func':
    case 'func_proto':
    case 'decl_tag':
      return true;
    default:
      return false;
  }
}

/** Types that have to be followed to be understood. */
function refersOn(record: RawRecord): boolean {
  switch (record.kind) {
    case 'ptr':
    case 'array':
    case 'struct':
    case 'union':
    case 'var':
    case 'func':
    case 'decl_tag':
    case 'datasec':
      return true;
    default:
      return isModifier(record);
  }
}
