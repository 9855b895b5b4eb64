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
const SHAPE_KEYS = ['rodata', 'maps', 'attach', 'programs'];

/**
 * Reads the file. Throws FormatError, with the line for what is no YAML, and the name of what does
 * not belong there.
 *
 * @example
 * readConfig('objects: [build/*.bpf.o]\nkernels: ["6.1", "6.12"]\ngates: { insns: 10% }', 'ci.yaml');
 */
export function readConfig(text: string, name: string): CiConfig {
  const wrong = (what: string): never => {
    throw new FormatError(name, 0, what);
  };
  const top = recordIn(parsed(text, name), 'the file', wrong);
  known(top, KEYS, 'the file', wrong);
  const { baseline } = top;
  if (baseline !== undefined && typeof baseline !== 'string') wrong('baseline is a path');
  return {
    objects: textsIn(top['objects'], 'objects', wrong),
    kernels: textsIn(top['kernels'] ?? ['6.12'], 'kernels', wrong),
    shapes: shapesIn(top['shapes'], wrong),
    baseline: baseline as string | undefined,
    gates: gatesIn(top['gates'], name, wrong),
  };
}

type Wrong = (what: string) => never;

function parsed(text: string, name: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new FormatError(name, error.pos[0], error.message.split('\n')[0]!);
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
  const texts = list
    .filter((one) => typeof one === 'string' || typeof one === 'number')
    .map(String);
  if (texts.length !== list.length || texts.length === 0) wrong(`${what} is a list of words`);
  return texts;
}

function shapesIn(value: unknown, wrong: Wrong): Shape[] {
  if (value === undefined || value === null) return [DEFAULT_SHAPE];
  const shapes = Object.entries(recordIn(value, 'shapes', wrong)).map(([name, given]) => {
    const shape = recordIn(given ?? {}, `shape '${name}'`, wrong);
    known(shape, SHAPE_KEYS, `shape '${name}'`, wrong);
    for (const key of ['rodata', 'maps', 'attach']) {
      if (shape[key] !== undefined) recordIn(shape[key], `${key} of shape '${name}'`, wrong);
    }
    if (shape['programs'] !== undefined) textsIn(shape['programs'], `programs of '${name}'`, wrong);
    return { name, ...shape } as Shape;
  });
  return shapes.length > 0 ? shapes : [DEFAULT_SHAPE];
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
