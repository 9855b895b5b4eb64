import type { Field } from './fields.ts';
import { fixedSize, type Layer, type Placed } from './protocol.ts';

const encoder = new TextEncoder();

/** Bytes, text in UTF-8, or so many zeros. */
export function payload(contents: Uint8Array | string | number): Layer {
  const bytes =
    typeof contents === 'string'
      ? encoder.encode(contents)
      : typeof contents === 'number'
        ? new Uint8Array(contents)
        : contents;
  return { protocol: undefined, given: {}, bytes };
}

/**
 * Puts headers and contents together, outermost first. Lengths, types of what follows and checksums
 * are filled in where they are not given: a packet that is wrong on purpose gives them.
 *
 * @example
 * const bytes = packet(ethernet(), ipv4({ destination: '10.0.0.2' }), udp({ destinationPort: 53 }),
 *   'hello');
 */
export function packet(...parts: readonly (Layer | Uint8Array | string)[]): Uint8Array {
  const layers = parts.map((part) =>
    typeof part === 'string' || part instanceof Uint8Array ? payload(part) : part,
  );
  const headers = layers.map(headerSize);
  const trailers = layers.map(({ protocol }) => protocol?.trailer ?? 0);
  const sum = (sizes: readonly number[]) => sizes.reduce((all, size) => all + size, 0);
  const bytes = new Uint8Array(sum(headers) + sum(trailers));
  const placed: { readonly place: Placed; readonly layer: Layer }[] = [];
  let start = 0;
  let end = bytes.length;
  layers.forEach((layer, i) => {
    const body = start + headers[i]!;
    const place = write(bytes, layer, { start, body, end }, layers[i + 1], placed.at(-1)?.place);
    if (place) placed.push({ place, layer });
    start = body;
    end -= trailers[i]!;
  });
  for (const { place, layer } of placed.toReversed()) seal(place, layer.given);
  return bytes;
}

function headerSize({ protocol, bytes }: Layer): number {
  if (!protocol) return bytes.length;
  const align = protocol.optionsAlign ?? 1;
  return fixedSize(protocol) + Math.ceil(bytes.length / align) * align;
}

function write(
  packetBytes: Uint8Array,
  { protocol, given, bytes }: Layer,
  { start, body, end }: { start: number; body: number; end: number },
  next: Layer | undefined,
  outer: Placed | undefined,
): Placed | undefined {
  if (!protocol) {
    packetBytes.set(bytes, start);
    return undefined;
  }
  const around = { header: body - start, body: end - body, next: next?.protocol?.numbers, outer };
  const values = { ...protocol.complete?.(around, given), ...given };
  let bit = start * 8;
  const all: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(protocol.fields) as [string, Field<unknown>][]) {
    all[name] = values[name] ?? field.initial;
    put(packetBytes, bit, field, all[name], `${protocol.name} ${name}`);
    bit += field.bits;
  }
  packetBytes.set(bytes, bit / 8);
  return { packet: packetBytes, protocol, start, body, end, values: all, outer };
}

function put(bytes: Uint8Array, bit: number, field: Field<unknown>, value: unknown, what: string) {
  try {
    field.write(bytes, bit, value);
  } catch (error) {
    throw new RangeError(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

/** Fills in the checksums of a header, those inside it being right already. */
function seal(place: Placed, given: Layer['given']): void {
  const { protocol, packet: bytes, end } = place;
  for (const { field, compute } of protocol.sums ?? []) {
    if (field !== undefined && given[field] !== undefined) continue;
    const sum = compute(place);
    if (sum === undefined) continue;
    if (field === undefined) new DataView(bytes.buffer).setUint32(end - 4, sum, true);
    else {
      const { bit, kind } = fieldAt(place, field);
      kind.write(bytes, bit, sum as never);
    }
  }
}

/** Where a field is in its packet, and what it is. */
export function fieldAt(place: Placed, name: string): { bit: number; kind: Field<unknown> } {
  let bit = place.start * 8;
  for (const [each, field] of Object.entries(place.protocol.fields)) {
    if (each === name) return { bit, kind: field as Field<unknown> };
    bit += field.bits;
  }
  throw new RangeError(`${place.protocol.name} has no field '${name}'`);
}
