import { parse, YAMLParseError } from 'yaml';
import { FormatError } from '../../base/index.ts';
import { allowance, GATED } from './gates.ts';
import type { Gates, Shape } from './types.ts';

/** What a `beeyard-ci.yaml` says; paths are as written. */
export interface CiConfig {
  /** Files, or patterns with `*`. */
  readonly objects: readonly string[];
  readonly kernels: readonly string[];
  readonly shapes: readonly Shape[];
  readonly baseline: string | undefined;
  readonly gates: Gates;
}

export const DEFAULT_SHAPE: Shape = { name: 'default' };
export const DEFAULT_GATES: Gates = { verdict: 'same', figures: {} };

const KEYS = ['objects', 'kernels', 'shapes', 'baseline', 'gates'];
const SHAPE_KEYS = ['rodata', 'maps', 'attach', 'programs', 'loader', 'objects'];

/**
 * Reads the file. Throws FormatError, with the line for what is no YAML, and the name of what does
 * not belong there.
 *
 * @example
 * readConfig('objects: [build/*.bpf.o]\nkernels: [6.1, 6.12]\ngates: { insns: 10% }', 'ci.yaml');
 */
export function readConfig(text: string, name: string): CiConfig {
  const wrong = (what: string): never => {
    throw new FormatError(name, 0, what);
  };
  const top = recordIn(parsed(text, name, 'core'), 'the file', wrong);
  // As they are written: 6.10 is no number.
  const words = recordIn(parsed(text, name, 'failsafe'), 'the file', wrong);
  known(top, KEYS, 'the file', wrong);
  const { baseline } = words;
  if (baseline !== undefined && typeof baseline !== 'string') wrong('baseline is a path');
  return {
    objects: textsIn(words['objects'], 'objects', wrong),
    kernels: textsIn(words['kernels'] ?? ['6.12'], 'kernels', wrong),
    shapes: shapesIn(top['shapes'], wrong),
    baseline: baseline as string | undefined,
    gates: gatesIn(words['gates'] || undefined, name, wrong),
  };
}

type Wrong = (what: string) => never;

function parsed(text: string, name: string, schema: 'core' | 'failsafe'): unknown {
  try {
    // 64-bit values do not fit a number; a few lines shall not become a million by aliases.
    return parse(text, { schema, intAsBigInt: true, maxAliasCount: 100, logLevel: 'error' });
  } catch (error) {
    if (error instanceof YAMLParseError) {
      throw new FormatError(name, error.pos[0], error.message.split('\n')[0]!);
    }
    // Aliases without an anchor, or too many of them.
    if (error instanceof ReferenceError) throw new FormatError(name, 0, error.message);
    throw error;
  }
}

function recordIn(value: unknown, what: string, wrong: Wrong): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  return wrong(`${what} has to have names and values`);
}

function known(value: object, keys: readonly string[], what: string, wrong: Wrong): void {
  const strange = Object.keys(value).find((key) => !keys.includes(key));
  if (strange !== undefined) wrong(`${what} has no '${strange}'; there are ${keys.join(', ')}`);
}

function textsIn(value: unknown, what: string, wrong: Wrong): string[] {
  const list = Array.isArray(value) ? value : [value];
  const texts = list.filter((one) => typeof one === 'string' && one !== '');
  if (texts.length !== list.length || texts.length === 0) wrong(`${what} is a list of words`);
  return texts;
}

function shapesIn(value: unknown, wrong: Wrong): Shape[] {
  if (value === undefined || value === null) return [DEFAULT_SHAPE];
  const shapes = Object.entries(recordIn(value, 'shapes', wrong)).map(([name, given]) =>
    shapeIn(name, recordIn(given ?? {}, `shape '${name}'`, wrong), wrong),
  );
  return shapes.length > 0 ? shapes : [DEFAULT_SHAPE];
}

function shapeIn(name: string, shape: Record<string, unknown>, wrong: Wrong): Shape {
  known(shape, SHAPE_KEYS, `shape '${name}'`, wrong);
  const { rodata, maps, attach, programs, loader, objects } = shape;
  const recordOf = (key: string, given: unknown) =>
    recordIn(given ?? {}, `${key} of shape '${name}'`, wrong);
  const targets = recordOf('attach', attach);
  for (const [program, target] of Object.entries(targets)) {
    if (typeof target !== 'string') wrong(`attach of shape '${name}': '${program}' needs a name`);
  }
  if (loader !== undefined && loader !== 'veristat') wrong(`loader of '${name}' is veristat`);
  return {
    name,
    rodata: recordOf('rodata', rodata),
    maps: sizesIn(recordOf('maps', maps), name, wrong),
    attach: targets as Record<string, string>,
    ...(programs !== undefined && { programs: textsIn(programs, `programs of '${name}'`, wrong) }),
    ...(loader !== undefined && { loader: 'veristat' as const }),
    ...(objects !== undefined && { objects: textsIn(objects, `objects of '${name}'`, wrong) }),
  };
}

function sizesIn(maps: Record<string, unknown>, shape: string, wrong: Wrong) {
  const sizes = Object.entries(maps).map(([map, given]) => {
    const where = `map '${map}' of shape '${shape}'`;
    const size = recordIn(given, where, wrong);
    known(size, ['max_entries'], where, wrong);
    const entries = size['max_entries'];
    const fits = typeof entries === 'bigint' && entries >= 0n && entries < 1n << 32n;
    if (!fits) wrong(`${where}: max_entries is a whole number of 32 bits`);
    return [map, { max_entries: Number(entries) }] as const;
  });
  return Object.fromEntries(sizes);
}

function gatesIn(value: unknown, name: string, wrong: Wrong): Gates {
  if (value === undefined || value === null) return DEFAULT_GATES;
  const given = recordIn(value, 'gates', wrong);
  known(given, ['verdict', ...GATED], 'gates', wrong);
  const verdict = given['verdict'] ?? 'same';
  if (verdict !== 'same' && verdict !== 'success') wrong("gates: verdict is 'same' or 'success'");
  const figures = Object.fromEntries(
    GATED.filter((figure) => given[figure] !== undefined).map((figure) => [
      figure,
      allowance(String(given[figure]), `${name}: gates.${figure}`),
    ]),
  );
  return { verdict: verdict as Gates['verdict'], figures };
}
