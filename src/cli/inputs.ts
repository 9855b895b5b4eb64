import { FormatError, KernelError } from '../base/index.ts';
import type { BtfInput } from '../btf/index.ts';
import { globalsOf, patchValue } from '../client/index.ts';
import type { ObjectFile } from '../object/index.ts';
import { type CliError, usageError } from './exit.ts';
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

/** `--global NAME=VALUE` options. 'config.limit=5' sets one member of a struct. */
export function parseGlobals(
  given: readonly string[],
  object: ObjectFile,
): Readonly<Record<string, BtfInput>> {
  const known = globalsOf(object);
  const values: Record<string, BtfInput> = {};
  for (const text of given) {
    const equals = text.indexOf('=');
    if (equals <= 0) throw usageError(`--global takes NAME=VALUE, not '${text}'`);
    const path = text.slice(0, equals).trim();
    const variable = known.get(path) ?? known.get(path.split('.')[0]!);
    if (!variable) throw unknownGlobal(path, [...known.keys()]);
    const members = path === variable.name ? [] : path.split('.').slice(1);
    const value = nested(members, parseValue(text.slice(equals + 1)));
    const image = new Uint8Array(variable.size);
    asUsage(`--global ${path}`, () => patchValue(object.btf!, variable.typeId, value, image, 0));
    values[variable.name] = merged(values[variable.name], value);
  }
  return values;
}

function unknownGlobal(name: string, names: readonly string[]): CliError {
  const near = closest(name, names);
  const list = near ? `did you mean '${near}'?` : `it has: ${names.join(', ') || 'none'}`;
  return usageError(`the object has no global variable '${name}'; ${list}`);
}

/** ['a', 'b'], 1 → { a: { b: 1 } }. */
function nested(path: readonly string[], value: BtfInput): BtfInput {
  return path.reduceRight<BtfInput>((inner, name) => ({ [name]: inner }), value);
}

function isObject(value: BtfInput | undefined): value is Record<string, BtfInput> {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** Several options for members of one struct add up; otherwise the last one counts. */
function merged(before: BtfInput | undefined, value: BtfInput): BtfInput {
  if (!isObject(before) || !isObject(value)) return value;
  const both: Record<string, BtfInput> = { ...before };
  for (const [name, inner] of Object.entries(value)) both[name] = merged(before[name], inner);
  return both;
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
