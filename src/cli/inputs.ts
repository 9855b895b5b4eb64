import { FormatError, KernelError } from '../base/index.ts';
import { type BtfInput, encodeValue } from '../btf/index.ts';
import { globalsOf } from '../client/index.ts';
import type { ObjectFile } from '../object/index.ts';
import { usageError } from './exit.ts';
import { closest } from './suggest.ts';

/** '10' → 10, '0x10' → 16, 'true', '{"a": 1}', 'text' → what encodeValue takes. */
export function parseValue(text: string): BtfInput {
  const plain = text.trim();
  if (/^-?(0x[0-9a-f]+|\d+)n?$/i.test(plain)) return wholeNumber(plain.replace(/n$/i, ''));
  if (plain === 'true' || plain === 'false') return plain === 'true';
  if (/^[{["]/.test(plain)) {
    try {
      return JSON.parse(plain) as BtfInput;
    } catch (error) {
      throw usageError(`'${plain}' is no JSON: ${(error as Error).message}`);
    }
  }
  return plain;
}

function wholeNumber(text: string): number | bigint {
  const negative = text.startsWith('-');
  const value = BigInt(negative ? text.slice(1) : text) * (negative ? -1n : 1n);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** `--global NAME=VALUE` options. */
export function parseGlobals(
  given: readonly string[],
  object: ObjectFile,
): Readonly<Record<string, BtfInput>> {
  const known = globalsOf(object);
  const values: Record<string, BtfInput> = {};
  for (const text of given) {
    const equals = text.indexOf('=');
    if (equals <= 0) throw usageError(`--global takes NAME=VALUE, not '${text}'`);
    const name = text.slice(0, equals).trim();
    if (!known.has(name)) {
      const names = [...known.keys()];
      const near = closest(name, names);
      const list = near ? `did you mean '${near}'?` : `it has: ${names.join(', ') || 'none'}`;
      throw usageError(`the object has no global variable '${name}'; ${list}`);
    }
    const value = parseValue(text.slice(equals + 1));
    const { typeId } = known.get(name)!;
    asUsage(`--global ${name}`, () => encodeValue(object.btf!, typeId, value));
    values[name] = value;
  }
  return values;
}

/** Values that do not fit their type were typed wrong. */
export function asUsage(what: string, action: () => unknown): void {
  try {
    action();
  } catch (error) {
    const wrong = error instanceof FormatError || error instanceof KernelError;
    if (!wrong) throw error;
    throw usageError(`${what}: ${error.message.replace(/^value: | \(at offset.*$/g, '')}`);
  }
}

/** `--map MAP:KEY=VALUE` options. The key may hold colons (IPv6), the value may hold anything. */
export function parseMapEntries(
  given: readonly string[],
): { map: string; key: BtfInput; value: BtfInput }[] {
  return given.map((text) => {
    const match = /^([^:=]+):([^=]+)=(.*)$/.exec(text);
    if (!match) throw usageError(`--map takes MAP:KEY=VALUE, not '${text}'`);
    return { map: match[1]!, key: parseValue(match[2]!), value: parseValue(match[3]!) };
  });
}
