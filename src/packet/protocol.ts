import type { Field, Shape, Values } from './fields.ts';

/** A table of what may follow a header, and the number in it. */
export interface Following {
  readonly by: 'ethertype' | 'ip' | 'udp port' | 'name';
  readonly number: number | string;
  /** Looked for when nothing has the number. */
  readonly otherwise?: number;
}

/** A header in a packet. */
export interface Placed {
  readonly packet: Uint8Array;
  readonly protocol: Protocol;
  /** Byte offsets: of the header, of what it carries, and of the end of that with its trailer. */
  readonly start: number;
  readonly body: number;
  readonly end: number;
  readonly values: Readonly<Record<string, unknown>>;
  /** The header that carries this one. */
  readonly outer: Placed | undefined;
}

/** What a header knows of what it carries while it is made. */
export interface Around {
  /** Bytes of this header. */
  readonly header: number;
  /** Bytes behind it, its trailer among them. */
  readonly body: number;
  /** The numbers by which the next header is known; undefined: there is none. */
  readonly next: Numbers | undefined;
  readonly outer: Placed | undefined;
}

/** The numbers by which others announce a protocol. */
export interface Numbers {
  readonly ethertype?: number;
  readonly ip?: number;
  readonly udpPort?: number;
}

/** A checksum of a header. */
export interface Sum {
  /** The field that has it; undefined: it is the trailer, lowest byte first. */
  readonly field?: string;
  /** The value that says: there is none. */
  readonly none?: number;
  /** What it has to be; undefined: that cannot be known. */
  compute(place: Placed): number | undefined;
}

/**
 * A protocol as data: from one table of fields both the builder and the dissector work.
 */
export interface Protocol {
  readonly name: string;
  readonly fields: Shape;
  readonly numbers?: Numbers;
  /** Options and other variable parts of the header come in steps of so many bytes. Default 1. */
  readonly optionsAlign?: number;
  /** Bytes at the end of what it carries. */
  readonly trailer?: number;
  readonly sums?: readonly Sum[];
  /** Fields that follow from the rest, unless they are given. */
  complete?(around: Around, given: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** Bytes of the header behind the fields. Default: none. */
  options?(values: Readonly<Record<string, unknown>>): number;
  /** Bytes from the header's start to the end of what it carries; undefined: all there is. */
  length?(values: Readonly<Record<string, unknown>>, outer: Placed | undefined): number | undefined;
  /** What its options say, as text. */
  describe?(options: Uint8Array): string;
  next?(
    values: Readonly<Record<string, unknown>>,
    outer: Placed | undefined,
  ): Following | undefined;
}

/** Part of a packet that is to be built. */
export interface Layer {
  readonly protocol: Protocol | undefined;
  readonly given: Readonly<Record<string, unknown>>;
  /** The variable part of the header; without a protocol: all the bytes. */
  readonly bytes: Uint8Array;
}

/** What a builder of headers takes: each field, and the bytes of its options. */
export type Given<Fields> = Partial<Values<Fields>> & { readonly options?: Uint8Array };

/** The function that makes layers of a protocol. */
export type Builder<Fields> = ((given?: Given<Fields>) => Layer) & { readonly protocol: Protocol };

/** Makes the builder of a protocol from its table. */
export function protocol<const Fields extends Readonly<Record<string, Field<unknown>>>>(
  table: Omit<Protocol, 'fields'> & { readonly fields: Fields },
): Builder<Fields> {
  const known = table as unknown as Protocol;
  const build = ({ options, ...given }: Given<Fields> = {}): Layer => {
    for (const name of Object.keys(given)) {
      if (!(name in table.fields)) throw new RangeError(`${known.name} has no field '${name}'`);
    }
    return { protocol: known, given, bytes: options ?? new Uint8Array() };
  };
  return Object.assign(build, { protocol: known });
}

/** Bytes of a header without options. */
export function fixedSize({ fields }: Protocol): number {
  let bits = 0;
  for (const field of Object.values(fields)) bits += field.bits;
  return bits / 8;
}

/** The nearest header around that is one of these protocols. */
export function enclosing(place: Placed, ...names: readonly string[]): Placed | undefined {
  for (let at = place.outer; at; at = at.outer) if (names.includes(at.protocol.name)) return at;
  return undefined;
}
