/** Types of objects that programs allocate, and special fields: what the runtime needs of BTF. */
import { localKptr } from '../../abi/fields/kptr.ts';
import { FieldError, type KptrTarget, parseFields } from '../../abi/fields/parse.ts';
import {
  BPF_KPTR_PERCPU,
  BPF_KPTR_REF,
  BPF_LIST_HEAD,
  BPF_RB_ROOT,
  BPF_TIMER,
  BPF_UPTR,
  BPF_WORKQUEUE,
  type FieldRecord,
  STRUCT_FIELDS,
  type LiveObjects,
} from '../../abi/fields/types.ts';
import { uptrSize } from '../../abi/fields/uptr.ts';
import type { Btf, BtfComposite, BtfType } from '../../btf/index.ts';
import {
  FIELD_BYTES,
  FIELD_DESTRUCTOR,
  FIELD_ENTRY,
  FIELD_IS_KPTR,
  FIELD_IS_LIST,
  FIELD_IS_PLAIN,
  FIELD_IS_TIMER,
  FIELD_IS_TREE,
  FIELD_IS_UPTR,
  FIELD_IS_WORK,
  FIELD_KIND,
  FIELD_OFFSET,
  FIELDS_COUNT,
  FIELDS_FIRST,
  FIELDS_LOCK,
  FIELDS_REFCOUNT,
  OBJECT_TABLE_FIRST,
  OBJECTS_LIVE,
} from '../layout.ts';
import type { Runtime } from '../types.ts';
import { kernelError } from './errno.ts';

const KINDS: Readonly<Record<number, number>> = {
  [BPF_LIST_HEAD]: FIELD_IS_LIST,
  [BPF_RB_ROOT]: FIELD_IS_TREE,
  [BPF_KPTR_REF]: FIELD_IS_KPTR,
  [BPF_KPTR_PERCPU]: FIELD_IS_KPTR,
  [BPF_TIMER]: FIELD_IS_TIMER,
  [BPF_WORKQUEUE]: FIELD_IS_WORK,
  [BPF_UPTR]: FIELD_IS_UPTR,
};
/** Linux's allocator has no objects larger than that (bpf_mem_alloc), per CPU the verifier. */
const MOST_BYTES = 4088;
const MOST_BYTES_PER_CPU = 512;

interface KnownType {
  readonly name: string;
  readonly perCpu: boolean;
  readonly address: number;
  /** Where its type is; undefined: those types have gone. */
  readonly btf: Btf | undefined;
  readonly id: number;
}

/** Special fields as they were written, which has nothing of BTF any more. */
export interface WrittenFields {
  readonly address: number;
  /** Functions that release what kptrs hold, one for each field. */
  readonly destructors: readonly (string | undefined)[];
}

const keyOf = (id: number, perCpu: boolean): string => `${id}${perCpu ? ' per CPU' : ''}`;

/** Object types of one runtime; each is made when it is first asked for, and stays. */
export class ObjectTypes {
  /** What kptrs in objects point to; machines with a kernel's rules set it. */
  kptr: (struct: BtfType, type: number) => KptrTarget = localKptr;
  readonly #runtime: Runtime;
  readonly #types = new WeakMap<Btf, Map<string, number>>();
  readonly #parsed = new WeakMap<Btf, Map<number, FieldRecord | undefined | null>>();
  readonly #records = new WeakMap<FieldRecord, number>();
  readonly #known: KnownType[] = [];
  readonly #written: WrittenFields[] = [];

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Objects that are alive, by type; types without any are left out. */
  live(): LiveObjects[] {
    const words = this.#runtime.u32();
    return this.#known
      .map(({ name, perCpu, address }) => ({
        type: name,
        perCpu,
        count: words[(address + OBJECTS_LIVE) >>> 2]!,
      }))
      .filter(({ count }) => count > 0);
  }

  /** Types there are, for a file. */
  get known(): readonly KnownType[] {
    return this.#known;
  }

  get written(): readonly WrittenFields[] {
    return this.#written;
  }

  /** A type whose memory has been put back. */
  adopt(type: KnownType): void {
    this.#known.push(type);
    if (!type.btf) return;
    const types = this.#types.get(type.btf) ?? new Map<string, number>();
    this.#types.set(type.btf, types.set(keyOf(type.id, type.perCpu), type.address));
  }

  /** Fields whose memory has been put back; functions are at other places now. */
  adoptFields({ address, destructors }: WrittenFields): void {
    for (const [i, name] of destructors.entries()) {
      if (name === undefined) continue;
      const at = address + FIELDS_FIRST + i * FIELD_ENTRY + FIELD_DESTRUCTOR;
      const slot = this.#releaseSlot(name);
      this.#runtime.view().setUint32(at, slot, true);
    }
    this.#written.push({ address, destructors });
  }

  /** Name of the type at an address, if there is one. */
  named(address: number): string | undefined {
    return this.#known.find((one) => one.address === address)?.name;
  }

  /** Address of what bpf_obj_new_impl() looks the types in, for those of these ids. */
  table(btf: Btf, ids: readonly number[]): number {
    const count = Math.max(0, ...ids) + 1;
    const address = this.#runtime.allocate(OBJECT_TABLE_FIRST + 8 * count);
    const first = (address + OBJECT_TABLE_FIRST) >>> 2;
    for (const id of ids) {
      const [plain, perCpu] = [this.#typeOf(btf, id, false), this.#typeOf(btf, id, true)];
      this.#runtime.u32().set([plain, perCpu], first + 2 * id);
    }
    this.#runtime.u32()[address >>> 2] = count;
    return address;
  }

  /** Address of the type, or 0 if objects of it cannot be. */
  #typeOf(btf: Btf, id: number, perCpu: boolean): number {
    let types = this.#types.get(btf);
    if (!types) this.#types.set(btf, (types = new Map()));
    const key = keyOf(id, perCpu);
    let address = types.get(key);
    if (address === undefined) types.set(key, (address = this.#makeType(btf, id, perCpu)));
    return address;
  }

  #makeType(btf: Btf, id: number, perCpu: boolean): number {
    const type = btf.type(id) as BtfComposite;
    if (type.size > (perCpu ? MOST_BYTES_PER_CPU : MOST_BYTES)) return 0;
    const record = this.#parse(btf, id);
    if (record === null || (perCpu && record)) return 0;
    const fields = record ? this.record(record) : 0;
    const make = this.#runtime.exports['objects_type'] as (...words: number[]) => number;
    const address = make(type.size, perCpu ? this.#runtime.options.cpus : 1, fields) >>> 0;
    if (address === 0) throw kernelError('ENOMEM', `no memory for objects of '${type.name}'`);
    this.#known.push({ name: type.name, perCpu, address, btf, id });
    return address;
  }

  /** Special fields of a struct; undefined: it has none, or they break a rule. */
  fieldsOf(btf: Btf, id: number): FieldRecord | undefined {
    return this.#parse(btf, id) ?? undefined;
  }

  /** Undefined: it has none; null: they break a rule. */
  #parse(btf: Btf, id: number): FieldRecord | undefined | null {
    let parsed = this.#parsed.get(btf);
    if (!parsed) this.#parsed.set(btf, (parsed = new Map()));
    if (!parsed.has(id)) parsed.set(id, this.#parseAnew(btf, id));
    return parsed.get(id);
  }

  #parseAnew(btf: Btf, id: number): FieldRecord | undefined | null {
    try {
      return parseFields(btf, id, STRUCT_FIELDS, btf.sizeOf(id), this.kptr);
    } catch (error) {
      if (error instanceof FieldError) return null;
      throw error;
    }
  }

  /** Address of special fields as the runtime reads them (FIELDS_*). */
  record(record: FieldRecord): number {
    let address = this.#records.get(record);
    if (address === undefined) this.#records.set(record, (address = this.#write(record)));
    return address;
  }

  #write({ fields, spinLockOff, refcountOff }: FieldRecord): number {
    const address = this.#runtime.allocate(FIELDS_FIRST + fields.length * FIELD_ENTRY);
    const slots = fields.map((field) =>
      field.type === BPF_UPTR ? uptrSize(field) : this.#releaseSlot(field.destructor),
    );
    const destructors = fields.map(({ destructor }) => destructor);
    this.#written.push({ address, destructors });
    const view = this.#runtime.view();
    view.setUint32(address + FIELDS_COUNT, fields.length, true);
    view.setUint32(address + FIELDS_LOCK, spinLockOff + 1, true);
    view.setUint32(address + FIELDS_REFCOUNT, refcountOff + 1, true);
    fields.forEach(({ type, offset, size }, i) => {
      const at = address + FIELDS_FIRST + i * FIELD_ENTRY;
      view.setUint32(at + FIELD_KIND, KINDS[type] ?? FIELD_IS_PLAIN, true);
      view.setUint32(at + FIELD_OFFSET, offset, true);
      view.setUint32(at + FIELD_BYTES, size, true);
      view.setUint32(at + FIELD_DESTRUCTOR, slots[i]!, true);
    });
    return address;
  }

  /** Slot plus 1 of the function that releases what a kptr to a kernel object holds. */
  #releaseSlot(destructor: string | undefined): number {
    const fn = destructor && this.#runtime.kfuncFunction(destructor);
    return fn && this.#runtime.kfuncArity(destructor) === 1 ? this.#runtime.addFunction(fn) + 1 : 0;
  }
}
