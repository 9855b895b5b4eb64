/**
 * Debugging information (DWARF 4 and 5) as plain data. Names are those of the standard without
 * their prefix: 'subprogram' is DW_TAG_subprogram.
 */

/** The sections there may be, by their name without `.debug_`; relocated. */
export type DwarfSectionName =
  | 'info'
  | 'abbrev'
  | 'str'
  | 'line_str'
  | 'str_offsets'
  | 'addr'
  | 'loclists'
  | 'rnglists'
  | 'loc'
  | 'ranges';

export interface DwarfSections {
  readonly littleEndian: boolean;
  readonly bytes: Readonly<Partial<Record<DwarfSectionName, Uint8Array>>>;
}

/**
 * A place in the program: in a linked file its address. In a relocatable file, where sections have
 * none, `codeAddress(section, byte)`.
 */
export type Address = number;

/** What an attribute says. */
export type AttributeValue =
  | { readonly kind: 'number'; readonly value: number | bigint }
  | { readonly kind: 'address'; readonly value: Address }
  | { readonly kind: 'flag'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'block'; readonly value: Uint8Array }
  /** Another entry: its byte in .debug_info. */
  | { readonly kind: 'reference'; readonly value: number }
  /** A byte of another section, or a place in a table of it (`indexed`). */
  | { readonly kind: 'offset'; readonly value: number; readonly indexed: boolean };

/** An entry (DIE). */
export interface Entry {
  /** Its byte in .debug_info, which is what references say. */
  readonly offset: number;
  readonly tag: string;
  readonly unit: Unit;
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  readonly children: readonly Entry[];
}

/** What was compiled at once. */
export interface Unit {
  readonly offset: number;
  readonly version: number;
  readonly addressSize: number;
  /** Bytes of an offset: 4, or 8 in the 64-bit format. */
  readonly offsetSize: 4 | 8;
  readonly root: Entry;
}

/** From `start` to before `end`. */
export interface AddressRange {
  readonly start: Address;
  readonly end: Address;
}

/** Where a part of a variable is. `size`: bytes, or 0 for all of it. */
export type Piece =
  | { readonly kind: 'register'; readonly register: number; readonly size: number }
  | { readonly kind: 'memory'; readonly address: bigint; readonly size: number }
  /** In no memory: the value itself. */
  | { readonly kind: 'value'; readonly value: bigint; readonly size: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly size: number }
  /** The compiler kept it nowhere. */
  | { readonly kind: 'missing'; readonly size: number };
