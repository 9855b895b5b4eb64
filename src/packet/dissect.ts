import { fieldAt } from './build.ts';
import type { Field } from './fields.ts';
import { fixedSize, type Placed, type Protocol } from './protocol.ts';
import { following, protocolNamed } from './registry.ts';

/** A field of a dissected header. */
export interface DissectedField {
  readonly name: string;
  /** Where it is: bits from the packet's start, how many. */
  readonly bit: number;
  readonly bits: number;
  readonly value: unknown;
  /** The value for people. */
  readonly text: string;
}

/** A header of a packet, its contents, or what is wrong with the rest. */
export interface DissectedLayer {
  /** 'Ethernet', 'IPv4', …; 'data' for contents, 'padding' for what is behind them. */
  readonly protocol: string;
  /** Bytes from `start` to before `end`: of a header without what it carries. */
  readonly start: number;
  readonly end: number;
  readonly fields: readonly DissectedField[];
  /** Fields by name. */
  readonly values: Readonly<Record<string, unknown>>;
  /** What its options say. */
  readonly options?: string;
  /** What is wrong: a checksum, a length, an end too soon. */
  readonly problems: readonly string[];
}

/** More headers than this are no packet. */
const MAX_LAYERS = 32;

/**
 * Takes a packet apart. Never throws: what is cut off or wrong is in `problems` of the layer it
 * concerns. `first`: the outermost protocol, 'Ethernet' unless said otherwise.
 *
 * @example
 * dissect(bytes).map(({ protocol }) => protocol); // ['Ethernet', 'IPv4', 'UDP', 'data']
 */
export function dissect(bytes: Uint8Array, first = 'Ethernet'): DissectedLayer[] {
  return new Dissector(bytes).run(protocolNamed(first));
}

class Dissector {
  readonly #bytes: Uint8Array;
  readonly #layers: DissectedLayer[] = [];
  readonly #trailers: DissectedLayer[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  run(first: Protocol | undefined): DissectedLayer[] {
    let start = 0;
    let end = this.#bytes.length;
    let protocol = first;
    let outer: Placed | undefined;
    while (protocol && this.#layers.length < MAX_LAYERS) {
      const place = this.#header(protocol, start, end, outer);
      if (!place) return this.#done();
      const trailer = protocol.trailer ?? 0;
      ({ body: start } = place);
      end = place.end - trailer;
      const next = protocol.next?.(place.values, outer);
      protocol = next && start < end ? following(next) : undefined;
      outer = place;
    }
    if (start < end) this.#layers.push(plain('data', start, end));
    return this.#done();
  }

  #done(): DissectedLayer[] {
    return [...this.#layers, ...this.#trailers.toReversed()];
  }

  #header(
    protocol: Protocol,
    start: number,
    end: number,
    outer: Placed | undefined,
  ): Placed | undefined {
    const size = fixedSize(protocol);
    if (end - start < size) {
      this.#cut(protocol, start, end, `${protocol.name} takes ${size} bytes`);
      return undefined;
    }
    const { fields, values } = read(protocol, this.#bytes, start);
    const body = start + size + (protocol.options?.(values) ?? 0);
    if (body > end || body < start + size) {
      const text = `a header of ${body - start} bytes where ${end - start} are left`;
      this.#cut(protocol, start, end, text);
      return undefined;
    }
    const { close, problems } = this.#close({ protocol, start, body, end }, values, outer);
    const place = { packet: this.#bytes, protocol, start, body, end: close, values, outer };
    const options = this.#bytes.subarray(start + size, body);
    const described = options.length > 0 ? protocol.describe?.(options) : undefined;
    this.#layers.push({
      protocol: protocol.name,
      start,
      end: body,
      fields,
      values,
      ...(described === undefined ? {} : { options: described }),
      problems: problems.length > 0 ? problems : wrongSums(place),
    });
    return place;
  }

  /** Where what a header carries ends, by its own account; what is behind that is padding. */
  #close(
    at: { protocol: Protocol; start: number; body: number; end: number },
    values: Readonly<Record<string, unknown>>,
    outer: Placed | undefined,
  ): { close: number; problems: string[] } {
    const { protocol, start, body, end } = at;
    const length = protocol.length?.(values, outer) ?? end - start;
    const close = start + length;
    const least = body + (protocol.trailer ?? 0);
    if (close < least || close > end) {
      const text = `it says ${length} bytes: ${end - start} are there, ${least - start} needed`;
      return { close: Math.max(least > end ? body : least, end), problems: [text] };
    }
    if (close < end) this.#trailers.push(plain('padding', close, end));
    return { close, problems: [] };
  }

  #cut(protocol: Protocol, start: number, end: number, problem: string): void {
    const layer = plain(protocol.name, start, end);
    this.#layers.push({ ...layer, problems: [`cut off: ${problem}`] });
  }
}

const plain = (protocol: string, start: number, end: number): DissectedLayer => ({
  protocol,
  start,
  end,
  fields: [],
  values: {},
  problems: [],
});

function read(protocol: Protocol, bytes: Uint8Array, start: number) {
  const fields: DissectedField[] = [];
  const values: Record<string, unknown> = {};
  let bit = start * 8;
  for (const [name, field] of Object.entries(protocol.fields) as [string, Field<unknown>][]) {
    const value = field.read(bytes, bit);
    values[name] = value;
    fields.push({ name, bit, bits: field.bits, value, text: field.text(value) });
    bit += field.bits;
  }
  return { fields, values };
}

function wrongSums(place: Placed): string[] {
  const { protocol, packet, end } = place;
  if (end - place.body < (protocol.trailer ?? 0)) return [];
  return (protocol.sums ?? []).flatMap(({ field, none, compute }) => {
    const right = compute(place);
    if (right === undefined) return [];
    const there =
      field === undefined
        ? new DataView(packet.buffer, packet.byteOffset).getUint32(end - 4, true)
        : fieldAt(place, field).kind.read(packet, fieldAt(place, field).bit);
    if (there === right || there === none) return [];
    const word = field ?? 'ICRC';
    return [`${word} is 0x${Number(there).toString(16)}, right is 0x${right.toString(16)}`];
  });
}
