import type { KernelMap } from '../../kernel/index.ts';
import type { Dictionary } from './dictionary.ts';
import { AS_LOADED, randomFilling } from './maps.ts';
import type { Random } from './random.ts';
import type { RunInput } from './types.ts';

const SHORTEST = 14;

/** Makes inputs out of others. */
export class Mutator {
  readonly #dictionary: Dictionary;
  readonly #maps: ReadonlyMap<string, KernelMap>;
  readonly #random: Random;

  constructor(dictionary: Dictionary, maps: ReadonlyMap<string, KernelMap>, random: Random) {
    this.#dictionary = dictionary;
    this.#maps = maps;
    this.#random = random;
  }

  /** A changed copy: a few changes at once. */
  mutate(input: RunInput): RunInput {
    const random = this.#random;
    let packet: Uint8Array = input.packet.slice();
    let { maps } = input;
    const context = input.context.slice();
    for (let left = 1 + random.below(4); left > 0; left--) {
      const kind = random.below(10);
      if (kind < 2) packet = this.#resized(packet);
      else if (kind < 7) this.#write(packet);
      else if (kind === 7) this.#write(context);
      else if (kind === 8) maps = randomFilling(this.#maps, this.#dictionary, packet, random);
      else if (random.chance(2)) maps = AS_LOADED;
      else packet[random.below(packet.length)] = random.bits();
    }
    return { packet, context, maps };
  }

  #resized(packet: Uint8Array): Uint8Array {
    const random = this.#random;
    const { lengths } = this.#dictionary;
    const near = SHORTEST + random.below(packet.length);
    const length = random.chance(3) ? near : random.pick(lengths);
    const resized = new Uint8Array(Math.max(SHORTEST, length));
    resized.set(packet.subarray(0, resized.length));
    return resized;
  }

  /** A number of the program's, in some width and byte order, mostly where the program reads. */
  #write(bytes: Uint8Array): void {
    const random = this.#random;
    const { values, offsets } = this.#dictionary;
    const size = random.pick([1, 2, 4, 4]);
    if (bytes.length < size) return;
    const place = random.chance(3) ? random.below(bytes.length) : random.pick(offsets);
    const at = Math.min(place, bytes.length - size);
    const value = random.chance(5) ? random.bits() : random.pick(values);
    const view = new DataView(bytes.buffer);
    const little = random.chance(2);
    if (size === 1) view.setUint8(at, value);
    else if (size === 2) view.setUint16(at, value, little);
    else view.setUint32(at, value, little);
  }
}
