/**
 * How rules about access to context structs are written down, and the tables they become.
 *
 * A rule covers a range of offsets an access may start at. Every access must be aligned to its
 * size; what no rule covers is refused. Mirrors the `is_valid_access` functions of Linux 6.12,
 * which the tests hold every cell against.
 */
import { structs } from '../generated/6.12/structs.ts';

/** Kinds of access: a load, a sign-extending load, a store. */
export const READ = 0;
export const READ_SIGNED = 1;
export const WRITE = 2;
export type ContextAccess = typeof READ | typeof READ_SIGNED | typeof WRITE;

/** Register types a load may yield, as in enum bpf_reg_type and enum bpf_type_flag. */
export const registerTypes = {
  SCALAR_VALUE: 1,
  PTR_TO_PACKET_META: 7,
  PTR_TO_PACKET: 8,
  PTR_TO_PACKET_END: 9,
  PTR_TO_FLOW_KEYS: 10,
  PTR_TO_SOCKET: 11,
  PTR_TO_SOCK_COMMON: 12,
  PTR_TO_TCP_SOCK: 13,
  PTR_TO_TP_BUFFER: 14,
  PTR_TO_XDP_SOCK: 15,
  PTR_TO_BTF_ID: 16,
  PTR_MAYBE_NULL: 1 << 8,
  PTR_TRUSTED: 1 << 20,
} as const;

/**
 * Allowed sizes in bytes, each with the size of the field the load is a part of (the kernel's
 * `ctx_field_size`: it loads that and masks; 0: the access must be of the field's size).
 */
export type Sizes = Readonly<Partial<Record<1 | 2 | 4 | 8, number>>>;

export const ANY: Sizes = { 1: 0, 2: 0, 4: 0, 8: 0 };
export const WORD: Sizes = { 4: 0 };
export const DOUBLE: Sizes = { 8: 0 };
/** A 4-byte field, of which parts may be read. */
export const NARROW: Sizes = { 1: 4, 2: 4, 4: 4 };

export interface FieldRule {
  /** Offsets an access may start at: from `from` up to, not including, `to`. */
  readonly from: number;
  readonly to: number;
  readonly read?: Sizes;
  readonly write?: Sizes;
  /** The access must also end before `to`. */
  readonly fits?: true;
  /** Type of the register a load yields; a number by default. */
  readonly gives?: number;
  /** Struct of the kernel's BTF, where that is PTR_TO_BTF_ID. */
  readonly struct?: string;
  /** No sign-extending load. */
  readonly unsigned?: true;
  /** Only for programs with these expected attach types (BPF_* numbers). */
  readonly attach?: readonly number[];
  /** Kinds of access that need CAP_BPF. */
  readonly privileged?: 'all' | 'write';
}

/** The rules of a context. */
export interface ContextDef {
  /** Bytes of the struct; accesses start below that. */
  readonly size: number;
  readonly rules: readonly FieldRule[];
  /** Accesses start at or above that; 0 by default. */
  readonly lowest?: number;
  /**
   * Arguments of a kernel function, 8 bytes each: what the rules allow must then also be right by
   * BTF (`btf_ctx_access`).
   */
  readonly btf?: true;
  /** Memory as it stands there: loads are not rewritten, and helpers may be given parts of it. */
  readonly plain?: true;
}

/** Contexts larger than that are looked up rule by rule instead of in a table. */
const TABLE_BYTES_MAX = 512;
const MODES = 3;
const CELLS_PER_BYTE = 4 * MODES * 2;
const FIELD_SIZE_SHIFT = 27;
const TYPE_MASK = (1 << FIELD_SIZE_SHIFT) - 1;

/** Result of `ContextRules.access` for an access that is refused. */
export const REFUSED = -1;

/** Type of the register a load yields, from the result of `ContextRules.access`. */
export const accessType = (result: number): number => result & TYPE_MASK;

/** `ctx_field_size` in bytes (0: none), from the result of `ContextRules.access`. */
export const accessFieldSize = (result: number): number => (1 << (result >> FIELD_SIZE_SHIFT)) >> 1;

/** What programs of one type and attach type may do with their context. */
export class ContextRules {
  readonly size: number;
  /** See `ContextDef.btf` and `ContextDef.plain`. */
  readonly btf: boolean;
  readonly plain: boolean;
  readonly #lowest: number;
  readonly #rules: readonly FieldRule[];
  readonly #table: Int32Array | undefined;

  constructor(def: ContextDef, attachType: number) {
    this.size = def.size;
    this.btf = def.btf === true;
    this.plain = def.plain === true;
    this.#lowest = def.lowest ?? 0;
    this.#rules = def.rules.filter(({ attach }) => !attach || attach.includes(attachType));
    if (def.size <= TABLE_BYTES_MAX) this.#table = this.#makeTable();
  }

  /**
   * `REFUSED`, or what `accessType` and `accessFieldSize` take apart. `size` is 1, 2, 4 or 8.
   */
  access(offset: number, size: number, mode: ContextAccess, capBpf: boolean): number {
    if (offset < this.#lowest || offset >= this.size) return REFUSED;
    if (!this.#table) return this.#search(offset, size, mode, capBpf);
    return this.#table[cell(offset, size, mode, capBpf)]!;
  }

  /** The struct in the kernel's BTF that a load at `offset` points to, if any. */
  structAt(offset: number): string | undefined {
    return this.#rules.find(({ from, to }) => offset >= from && offset < to)?.struct;
  }

  #search(offset: number, size: number, mode: ContextAccess, capBpf: boolean): number {
    if (offset % size !== 0) return REFUSED;
    for (const rule of this.#rules) {
      const result = applyRule(rule, offset, size, mode, capBpf);
      if (result !== REFUSED) return result;
    }
    return REFUSED;
  }

  #makeTable(): Int32Array {
    const table = new Int32Array(this.size * CELLS_PER_BYTE);
    for (let offset = 0; offset < this.size; offset++) {
      for (const size of [1, 2, 4, 8]) {
        for (const mode of [READ, READ_SIGNED, WRITE] as const) {
          for (const capBpf of [false, true]) {
            const at = cell(offset, size, mode, capBpf);
            table[at] = this.#search(offset, size, mode, capBpf);
          }
        }
      }
    }
    return table;
  }
}

function cell(offset: number, size: number, mode: ContextAccess, capBpf: boolean): number {
  const sizeLog = 31 - Math.clz32(size);
  return ((offset * 4 + sizeLog) * MODES + mode) * 2 + (capBpf ? 1 : 0);
}

function applyRule(
  rule: FieldRule,
  offset: number,
  size: number,
  mode: ContextAccess,
  capBpf: boolean,
): number {
  if (offset < rule.from || offset >= rule.to) return REFUSED;
  if (rule.fits && offset + size > rule.to) return REFUSED;
  if (mode === READ_SIGNED && rule.unsigned) return REFUSED;
  if (!capBpf && (rule.privileged === 'all' || (rule.privileged && mode === WRITE))) return REFUSED;
  const sizes = mode === WRITE ? rule.write : rule.read;
  const fieldSize = sizes?.[size as 1 | 2 | 4 | 8];
  if (fieldSize === undefined) return REFUSED;
  const type = mode === WRITE ? undefined : rule.gives;
  const fieldSizeCode = fieldSize === 0 ? 0 : 32 - Math.clz32(fieldSize);
  return (type ?? registerTypes.SCALAR_VALUE) | (fieldSizeCode << FIELD_SIZE_SHIFT);
}

type Rest = Omit<FieldRule, 'from' | 'to'>;

/** Rules for fields of a UAPI struct: `field('protocol', …)` or, for a range, `'family..type'`. */
export function fieldsOf(struct: string) {
  const { size, fields } = structs[struct]!;
  const find = (name: string) => {
    const found = fields.find((candidate) => candidate.name === name);
    if (!found) throw new RangeError(`struct ${struct} has no field ${name}`);
    return found;
  };
  return {
    size,
    /** Accesses that start anywhere in the field, or in the fields from the first to the last. */
    field(names: string, rest: Rest): FieldRule {
      const [first, last] = names.split('..') as [string, string?];
      const end = find(last ?? first);
      return { from: find(first).offset, to: end.offset + end.size, ...rest };
    },
    /** Accesses at the field's first byte. */
    start(name: string, rest: Rest): FieldRule {
      const { offset } = find(name);
      return { from: offset, to: offset + 1, ...rest };
    },
    /** Accesses in the padding behind a field, up to the next one. */
    padding(name: string, next: string, rest: Rest): FieldRule {
      const { offset, size: bytes } = find(name);
      return { from: offset + bytes, to: find(next).offset, ...rest };
    },
  };
}
