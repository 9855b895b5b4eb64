import { spinLockOf } from './spin-lock.ts';
import { mapTypes, wildcardFields } from '../abi/index.ts';
import type { Btf, BtfComposite, BtfMember } from '../btf/index.ts';
import { mapTypeWord } from './map-types.ts';
import type { MapSpec } from './types.ts';

/** Fields of a definition as they are collected; sizes may come from a number or from a type. */
interface Fields {
  typeId: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  extra: bigint;
  pinning: 'none' | 'by_name';
  keyTypeId: number;
  valueTypeId: number;
  numaNode?: number;
  inner?: MapSpec;
}

/** A struct that defines a map in `.maps`, and the one template level that may be inside it. */
export class MapDefinition {
  readonly #btf: Btf;
  readonly #name: string;
  readonly #struct: BtfComposite;
  readonly #isInner: boolean;
  readonly #fields: Fields = {
    typeId: 0,
    keySize: 0,
    valueSize: 0,
    maxEntries: 0,
    flags: 0,
    extra: 0n,
    pinning: 'none',
    keyTypeId: 0,
    valueTypeId: 0,
  };

  constructor(btf: Btf, name: string, struct: BtfComposite, isInner = false) {
    this.#btf = btf;
    this.#name = name;
    this.#struct = struct;
    this.#isInner = isInner;
  }

  /**
   * Reads the definition as the macros of bpf_helpers.h write it: `__uint` is a pointer to an array
   * of that many ints, `__type` a pointer to the type, `__ulong` an enum with that one value,
   * `__array` an array of pointers without length. Throws `FormatError` where libbpf refuses.
   */
  read(): MapSpec {
    for (const member of this.#struct.members) this.#readMember(member);
    if (this.#fields.typeId === 0) this.#fail('no type is given');
    const { typeId, keyTypeId } = this.#fields;
    const lock = spinLockOf(this.#btf, this.#fields.valueTypeId);
    const described = mapTypes.find(({ id }) => id === typeId)?.fields;
    const keyFields = described ? wildcardFields(this.#btf, keyTypeId) : undefined;
    return {
      name: this.#name,
      type: mapTypeWord(typeId),
      ...this.#fields,
      ...(keyFields && { fields: keyFields }),
      ...(lock !== undefined && { spinLock: lock }),
    };
  }

  #fail(reason: string): never {
    return this.#btf.fail(this.#struct.id, `map '${this.#name}': ${reason}`);
  }

  #readMember(member: BtfMember): void {
    const fields = this.#fields;
    switch (member.name) {
      case 'type':
        fields.typeId = this.#uint(member);
        break;
      case 'max_entries':
        fields.maxEntries = this.#uint(member);
        break;
      case 'map_flags':
        fields.flags = this.#uint(member);
        break;
      case 'map_extra':
        fields.extra = this.#ulong(member);
        break;
      case 'numa_node':
        fields.numaNode = this.#uint(member);
        break;
      case 'key_size':
        this.#setSize('keySize', this.#uint(member));
        break;
      case 'value_size':
        this.#setSize('valueSize', this.#uint(member));
        break;
      case 'key':
        fields.keyTypeId = this.#pointee(member);
        this.#setSize('keySize', this.#btf.sizeOf(fields.keyTypeId));
        break;
      case 'value':
        fields.valueTypeId = this.#pointee(member);
        this.#setSize('valueSize', this.#btf.sizeOf(fields.valueTypeId));
        break;
      case 'values':
        this.#setSize('valueSize', 4);
        this.#readValues(member);
        break;
      case 'pinning':
        fields.pinning = this.#pinning(this.#uint(member));
        break;
      default:
        this.#fail(`field '${member.name}' is not known`);
    }
  }

  #setSize(field: 'keySize' | 'valueSize', size: number): void {
    const before = this.#fields[field];
    if (before && before !== size) this.#fail(`${field} is said to be ${before} and ${size}`);
    this.#fields[field] = size;
  }

  #pointee(member: BtfMember): number {
    const type = this.#btf.resolved(member.type);
    return type.kind === 'ptr' ? type.type : this.#fail(`'${member.name}' is no pointer`);
  }

  #uint(member: BtfMember): number {
    const array = this.#btf.type(this.#pointee(member));
    return array.kind === 'array' ? array.count : this.#fail(`'${member.name}' is no __uint`);
  }

  #ulong(member: BtfMember): bigint {
    const type = this.#btf.resolved(member.type);
    if (type.kind === 'ptr') return BigInt(this.#uint(member));
    if ((type.kind !== 'enum' && type.kind !== 'enum64') || type.values.length !== 1) {
      this.#fail(`'${member.name}' is no __ulong`);
    }
    return BigInt.asUintN(64, BigInt(type.values[0]!.value));
  }

  #pinning(value: number): 'none' | 'by_name' {
    if (value > 1) this.#fail(`pinning ${value} is not known`);
    return value === 1 ? 'by_name' : 'none';
  }

  /** `values`: slots with inner maps (whose template is the struct) or with programs. */
  #readValues(member: BtfMember): void {
    if (this.#isInner) this.#fail('inner maps of inner maps are not supported');
    const word = mapTypeWord(this.#fields.typeId);
    const array = this.#btf.type(member.type);
    if (array.kind !== 'array') this.#fail("'values' is no array");
    const pointer = this.#btf.resolved(array.type);
    if (pointer.kind !== 'ptr') this.#fail("'values' holds no pointers");
    const target = this.#btf.resolved(pointer.type);
    if (word === 'prog_array' && target.kind === 'func_proto') return;
    if (word !== 'array_of_maps' && word !== 'hash_of_maps') {
      this.#fail(`'values' makes no sense in a map of type ${word}`);
    }
    if (target.kind !== 'struct') this.#fail("'values' does not point to a map definition");
    this.#fields.inner = new MapDefinition(this.#btf, `${this.#name}.inner`, target, true).read();
  }
}
