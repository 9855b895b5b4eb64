import { sameBytes } from '../../base/index.ts';
import { dissect } from '../../packet/index.ts';
import { packetText } from '../words.ts';
import type { Answer, Context } from './types.ts';

/** The packet, or that of a result, is these bytes. The message names the fields that differ. */
function toEqualPacket(this: Context, received: unknown, expected: Uint8Array): Answer {
  const actual = bytesOf(received);
  const pass = sameBytes(actual, expected);
  return {
    pass,
    message: () =>
      this.isNot
        ? 'expected another packet'
        : [
            'expected the packets to be equal',
            ...differences(actual, expected),
            packetText(actual),
          ].join('\n'),
  };
}

function bytesOf(received: unknown): Uint8Array {
  if (received instanceof Uint8Array) return received;
  const data = (received as { data?: unknown } | null | undefined)?.data;
  if (data instanceof Uint8Array) return data;
  throw new TypeError('toEqualPacket takes bytes, or a result that has some');
}

const SHOWN = 12;

/** Fields that differ; where headers are the same, bytes. */
function differences(actual: Uint8Array, expected: Uint8Array): string[] {
  const found: string[] = [];
  if (actual.length !== expected.length) {
    found.push(`  ${actual.length} bytes, not ${expected.length}`);
  }
  const others = dissect(expected);
  for (const [i, { protocol, fields }] of dissect(actual).entries()) {
    const other = others[i];
    if (other?.protocol !== protocol) {
      found.push(`  ${protocol} where ${other?.protocol ?? 'nothing'} was expected`);
      break;
    }
    fields.forEach(({ name, text }, k) => {
      const wanted = other.fields[k];
      if (wanted?.name === name && wanted.text !== text) {
        found.push(`  ${protocol} ${name}: ${text}, not ${wanted.text}`);
      }
    });
  }
  if (found.length === 0) {
    const at = actual.findIndex((one, i) => one !== expected[i]);
    found.push(`  byte ${at}: ${hex(actual[at])}, not ${hex(expected[at])}`);
  }
  return found.slice(0, SHOWN);
}

const hex = (byte: number | undefined): string => `0x${(byte ?? 0).toString(16).padStart(2, '0')}`;

export const packetMatchers = { toEqualPacket };
