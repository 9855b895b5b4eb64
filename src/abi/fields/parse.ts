/**
 * Finds special fields in a type by name and tag (btf_parse_fields and what it calls). The kernel
 * does this when a map is created or a BTF loaded; a type that breaks the rules fails there.
 */
import {
  type Btf,
  type BtfComposite,
  type BtfDatasec,
  type BtfType,
  declTags,
} from '../../btf/index.ts';
import {
  BPF_GRAPH_ROOT,
  BPF_KPTR,
  BPF_KPTR_PERCPU,
  BPF_KPTR_REF,
  BPF_KPTR_UNREF,
  BPF_LIST_HEAD,
  BPF_LIST_NODE,
  BPF_RB_NODE,
  BPF_RB_ROOT,
  BPF_REFCOUNT,
  BPF_SPIN_LOCK,
  BPF_TIMER,
  BPF_UPTR,
  BPF_WORKQUEUE,
  type FieldRecord,
  type SpecialField,
} from './types.ts';

/** The type breaks a rule: errno name of what asked for it. */
export class FieldError extends Error {
  readonly errno: string;

  constructor(errno: string) {
    super(`special fields: ${errno}`);
    this.errno = errno;
  }
}

interface Found {
  readonly type: number;
  offset: number;
  /** kptr: the struct; root: what it holds. */
  readonly typeId: number;
  readonly node: string;
}

interface Search {
  readonly btf: Btf;
  readonly mask: number;
  readonly tags: KptrTags;
  /** Bits of the kinds that may occur only once, as they are seen. */
  seen: number;
}

/** What a kptr points to: a type of the kernel, of a module of it, or of the program. */
export interface KptrTarget {
  readonly kernel: boolean;
  /** BTF of the kernel's module that has the type. */
  readonly module?: Btf;
  readonly id: number;
  /** The kernel's function that releases it. */
  readonly destructor?: string;
}

const MAX_FIELDS = 11;
const MAX_DEPTH = 32;

interface Shape {
  readonly type: number;
  readonly size: number;
  readonly align: number;
  readonly once?: boolean;
}

/** By struct name, in no particular order: names are unique. */
const SHAPES: Readonly<Record<string, Shape>> = {
  bpf_spin_lock: { type: BPF_SPIN_LOCK, size: 4, align: 4, once: true },
  bpf_timer: { type: BPF_TIMER, size: 16, align: 8, once: true },
  bpf_wq: { type: BPF_WORKQUEUE, size: 16, align: 8, once: true },
  bpf_list_head: { type: BPF_LIST_HEAD, size: 16, align: 8 },
  bpf_list_node: { type: BPF_LIST_NODE, size: 24, align: 8 },
  bpf_rb_root: { type: BPF_RB_ROOT, size: 16, align: 8 },
  bpf_rb_node: { type: BPF_RB_NODE, size: 32, align: 8 },
  bpf_refcount: { type: BPF_REFCOUNT, size: 4, align: 4, once: true },
};
const KPTR_SHAPE: Shape = { type: BPF_KPTR_REF, size: 8, align: 8 };
/** What a kptr may be by the word of its tag. */
export type KptrTags = Readonly<Record<string, number>>;
export const KPTR_TAGS: KptrTags = {
  kptr_untrusted: BPF_KPTR_UNREF,
  kptr: BPF_KPTR_REF,
  percpu_kptr: BPF_KPTR_PERCPU,
};
/** From 6.13 on. */
export const UPTR_TAGS: KptrTags = { ...KPTR_TAGS, uptr: BPF_UPTR };
/** Before a kptr was a referenced one unless it said otherwise. */
export const OLDER_KPTR_TAGS: KptrTags = { kptr: BPF_KPTR_UNREF, kptr_ref: BPF_KPTR_REF };
/** Kinds that an array may repeat. */
const REPEATABLE = BPF_KPTR | BPF_UPTR | BPF_LIST_HEAD | BPF_RB_ROOT;
const POINTERS = BPF_KPTR | BPF_UPTR;

/** Names of structs that make a struct an allocatable one with special fields. */
export const ALLOC_FIELDS = [
  'bpf_spin_lock',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_refcount',
];

/**
 * The special fields of struct or data section `typeId` of `btf` that `mask` allows, or undefined
 * if it has none. `kernelKptr` resolves a kptr's struct. Throws `FieldError`.
 */
export function parseFields(
  btf: Btf,
  typeId: number,
  mask: number,
  valueSize: number,
  kptr: (struct: BtfType, type: number) => KptrTarget,
  tags: KptrTags = KPTR_TAGS,
): FieldRecord | undefined {
  const found = findFields({ btf, mask, tags, seen: 0 }, btf.type(typeId));
  if (found.length === 0) return undefined;
  checkPlaces(found, valueSize);
  const fields = found.map((field) => fieldOf(btf, field, kptr));
  const record = recordOfFields(fields);
  checkCombination(record);
  return record;
}

function findFields(search: Search, type: BtfType): Found[] {
  if (type.kind === 'struct') return structFields(search, type, 0, MAX_FIELDS);
  if (type.kind === 'datasec') return sectionFields(search, type);
  throw new FieldError('EINVAL');
}

function structFields(search: Search, struct: BtfComposite, level: number, room: number): Found[] {
  const found: Found[] = [];
  struct.members.forEach((member, index) => {
    if (member.bitOffset % 8 !== 0) throw new FieldError('EINVAL');
    const place = { owner: struct.id, component: index, offset: member.bitOffset / 8, size: 0 };
    found.push(...fieldsOf(search, member.type, place, level, room - found.length));
  });
  return found;
}

function sectionFields(search: Search, section: BtfDatasec): Found[] {
  const found: Found[] = [];
  for (const variable of section.vars) {
    const type = search.btf.type(variable.type);
    if (type.kind !== 'var') continue;
    const { offset, size } = variable;
    const place = { owner: type.id, component: -1, offset, size };
    found.push(...fieldsOf(search, type.type, place, 0, MAX_FIELDS - found.length));
  }
  return found;
}

/** A member or variable: whose declaration tags it may have, where it is, its size if known. */
interface Place {
  readonly owner: number;
  readonly component: number;
  readonly offset: number;
  readonly size: number;
}

function fieldsOf(
  search: Search,
  typeId: number,
  place: Place,
  level: number,
  room: number,
): Found[] {
  const { type, count } = elementType(search.btf, typeId);
  if (count === 0) return [];
  const shape = shapeOf(search, type);
  if (!shape) {
    return type.kind === 'struct' ? nestedFields(search, type, count, place, level, room) : [];
  }
  if (place.size && place.size !== shape.size * count) return [];
  if (place.offset % shape.align !== 0) return [];
  const found = fieldAtPlace(search, type, shape, place);
  if (!found) return [];
  if (room === 0) throw new FieldError('E2BIG');
  return repeated([found], count, shape.size, room);
}

function elementType(btf: Btf, typeId: number): { type: BtfType; count: number } {
  let type = btf.type(typeId);
  let count = 1;
  for (let depth = 0; type.kind === 'array'; depth++) {
    if (depth === MAX_DEPTH) throw new FieldError('E2BIG');
    count *= type.count;
    type = btf.type(type.type);
  }
  return { type, count };
}

function shapeOf(search: Search, type: BtfType): Shape | undefined {
  const shape = SHAPES[type.name];
  if (shape && search.mask & shape.type) {
    if (shape.once && search.seen & shape.type) throw new FieldError('E2BIG');
    if (shape.once) search.seen |= shape.type;
    return shape;
  }
  return search.mask & POINTERS && type.kind !== 'struct' ? KPTR_SHAPE : undefined;
}

function nestedFields(
  search: Search,
  struct: BtfComposite,
  count: number,
  place: Place,
  level: number,
  room: number,
): Found[] {
  if (place.size && place.size !== struct.size * count) return [];
  if (level + 1 >= MAX_DEPTH) throw new FieldError('E2BIG');
  const found = structFields(search, struct, level + 1, room);
  for (const field of found) field.offset += place.offset;
  return found.length === 0 ? found : repeated(found, count, struct.size, room);
}

function repeated(found: Found[], count: number, elementSize: number, room: number): Found[] {
  if (count === 1) return found;
  if (found.some((field) => !(field.type & REPEATABLE))) throw new FieldError('EINVAL');
  if (found.length * count > room) throw new FieldError('E2BIG');
  const all: Found[] = [];
  for (let i = 0; i < count; i++) {
    for (const field of found) all.push({ ...field, offset: field.offset + i * elementSize });
  }
  return all;
}

function fieldAtPlace(
  search: Search,
  type: BtfType,
  shape: Shape,
  place: Place,
): Found | undefined {
  const { offset } = place;
  if (shape === KPTR_SHAPE) {
    const kptr = findKptr(search.btf, type, search.tags);
    if (!kptr || !(kptr.type & search.mask)) return undefined;
    return { type: kptr.type, offset, typeId: kptr.typeId, node: '' };
  }
  if (type.kind !== 'struct' || type.size !== shape.size) return undefined;
  if (!(shape.type & BPF_GRAPH_ROOT)) return { type: shape.type, offset, typeId: 0, node: '' };
  return { type: shape.type, offset, ...rootContents(search.btf, place) };
}

/**
 * The kptr a pointer type is by its tag, or undefined if it has none (btf_find_kptr). Throws
 * `FieldError` on tags it does not know.
 */
export function findKptr(
  btf: Btf,
  type: BtfType,
  tags: KptrTags = KPTR_TAGS,
): { readonly type: number; readonly typeId: number } | undefined {
  const pointer = type.kind === 'volatile' ? btf.type(type.type) : type;
  if (pointer.kind !== 'ptr') return undefined;
  const tag = btf.type(pointer.type);
  if (tag.kind !== 'type_tag') return undefined;
  const kind = tags[tag.name];
  if (kind === undefined || btf.type(tag.type).kind === 'type_tag') throw new FieldError('EINVAL');
  const target = btf.resolved(tag.type);
  if (target.kind !== 'struct') throw new FieldError('EINVAL');
  return { type: kind, typeId: target.id };
}

/** Whether values of that type are the kernel's business: locks, timers, lists, trees, pointers. */
export function isSpecialType(btf: Btf, typeId: number): boolean {
  const type = btf.resolved(typeId);
  if (type.kind === 'struct') return Object.hasOwn(SHAPES, type.name);
  const tag = type.kind === 'ptr' ? btf.type(type.type) : undefined;
  return tag?.kind === 'type_tag' && Object.hasOwn(UPTR_TAGS, tag.name);
}

function rootContents(btf: Btf, place: Place): { typeId: number; node: string } {
  const values = declTags(btf, place.owner, place.component, 'contains:');
  const split = values.length === 1 ? values[0]!.indexOf(':') : -1;
  if (split < 0) throw new FieldError('EINVAL');
  const typeId = btf.find('struct', values[0]!.slice(0, split));
  if (typeId === undefined) throw new FieldError('ENOENT');
  const node = values[0]!.slice(split + 1);
  if (node === '') throw new FieldError('EINVAL');
  return { typeId, node };
}

const sizeOf = (type: number): number =>
  Object.values(SHAPES).find((shape) => shape.type === type)?.size ?? KPTR_SHAPE.size;

function checkPlaces(found: readonly Found[], valueSize: number): void {
  let next = 0;
  for (const field of found) {
    const size = sizeOf(field.type);
    if (field.offset + size > valueSize) throw new FieldError('EFAULT');
    if (field.offset < next) throw new FieldError('EEXIST');
    next = field.offset + size;
  }
}

function fieldOf(
  btf: Btf,
  found: Found,
  kptr: (struct: BtfType, type: number) => KptrTarget,
): SpecialField {
  const { type, offset } = found;
  const plain = { type, offset, size: sizeOf(type), btf: undefined, btfId: 0 };
  if (type & POINTERS) {
    const target = kptr(btf.type(found.typeId), type);
    // Only structs of programs can be in a user's page: the others are told by having no BTF.
    const kernelBtf = type === BPF_UPTR ? undefined : target.module;
    const owner = target.kernel ? kernelBtf : btf;
    const { destructor } = target;
    const released = destructor === undefined ? {} : { destructor };
    return { ...plain, btf: owner, btfId: target.id, valueBtfId: 0, nodeOffset: 0, ...released };
  }
  if (type & BPF_GRAPH_ROOT) {
    const nodeOffset = nodeOffsetIn(btf, found);
    return { ...plain, btf, valueBtfId: found.typeId, nodeOffset };
  }
  return { ...plain, valueBtfId: 0, nodeOffset: 0 };
}

/** Where in its elements a list or tree has its nodes. */
function nodeOffsetIn(btf: Btf, root: Found): number {
  const element = btf.type(root.typeId) as BtfComposite;
  const members = element.members.filter((member) => member.name === root.node);
  if (members.length === 0) throw new FieldError('ENOENT');
  const node = btf.type(members[0]!.type);
  const wanted = root.type === BPF_LIST_HEAD ? 'bpf_list_node' : 'bpf_rb_node';
  const offset = members[0]!.bitOffset / 8;
  const fits = node.kind === 'struct' && node.name === wanted && offset % 8 === 0;
  if (members.length > 1 || !fits) throw new FieldError('EINVAL');
  return offset;
}

function recordOfFields(fields: readonly SpecialField[]): FieldRecord {
  const offsetOf = (type: number): number =>
    fields.find((field) => field.type === type)?.offset ?? -1;
  return {
    fields,
    mask: fields.reduce((mask, field) => mask | field.type, 0),
    spinLockOff: offsetOf(BPF_SPIN_LOCK),
    timerOff: offsetOf(BPF_TIMER),
    wqOff: offsetOf(BPF_WORKQUEUE),
    refcountOff: offsetOf(BPF_REFCOUNT),
  };
}

/** Roots need a lock; a node of both kinds needs a reference count. */
function checkCombination(record: FieldRecord): void {
  if (record.mask & BPF_GRAPH_ROOT && record.spinLockOff < 0) throw new FieldError('EINVAL');
  const both = BPF_LIST_NODE | BPF_RB_NODE;
  if ((record.mask & both) === both && record.refcountOff < 0) throw new FieldError('EINVAL');
}
