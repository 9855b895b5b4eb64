import { FormatError, KernelError } from '../../base/index.ts';
import type { BtfInput } from '../../btf/index.ts';
import { withGlobals } from '../../client/index.ts';
import type { MapSpec, ObjectFile, ProgramSpec } from '../../object/index.ts';
import type { Shape } from './types.ts';
import { standalone, withEntry } from './veristat.ts';

/**
 * The object as a loader makes it ready in this shape. Throws FormatError for names that the object
 * has not, and for values that do not fit.
 */
export function shaped(object: ObjectFile, shape: Shape, file: string): ObjectFile {
  const refuse = (kind: string, name: string): never => {
    throw new FormatError(
      file,
      0,
      `shape '${shape.name}' names ${kind} '${name}', which it has not`,
    );
  };
  const { rodata = {}, maps = {}, attach = {}, programs } = shape;
  const isVeristat = shape.loader === 'veristat';
  const hasMap = (name: string) => object.maps.some((map) => map.name === name);
  const hasProgram = (name: string) => object.programs.some((one) => one.name === name);
  for (const name of Object.keys(maps)) if (!hasMap(name)) refuse('map', name);
  for (const name of [...Object.keys(attach), ...(programs ?? [])]) {
    if (!hasProgram(name)) refuse('program', name);
  }
  const specs = globals(object, shape.name, rodata, file).map((spec) =>
    sized(isVeristat ? withEntry(spec) : spec, maps[spec.name]),
  );
  const isLoaded = ({ name, autoload }: ProgramSpec) =>
    programs?.includes(name) ?? (isVeristat || autoload !== false);
  return {
    ...object,
    maps: specs,
    programs: object.programs
      .filter(isLoaded)
      .map((program) => (isVeristat ? standalone(object, program) : program))
      .map((program) => attached(program, attach[program.name])),
  };
}

function globals(
  object: ObjectFile,
  shape: string,
  values: Readonly<Record<string, unknown>>,
  file: string,
): readonly MapSpec[] {
  try {
    return withGlobals(object, nested(values));
  } catch (error) {
    if (!(error instanceof KernelError || error instanceof FormatError)) throw error;
    throw new FormatError(file, 0, `shape '${shape}': rodata: ${error.message}`);
  }
}

function sized(spec: MapSpec, wanted: { readonly max_entries?: number } | undefined): MapSpec {
  return wanted?.max_entries === undefined ? spec : { ...spec, maxEntries: wanted.max_entries };
}

function attached(program: ProgramSpec, target: string | undefined): ProgramSpec {
  return target === undefined ? program : { ...program, attachTarget: target || undefined };
}

/** { 'a.b': 1 } → { a: { b: 1 } }. */
function nested(values: Readonly<Record<string, unknown>>): Record<string, BtfInput> {
  const all: Record<string, BtfInput> = {};
  for (const [path, value] of Object.entries(values)) {
    const [first = '', ...rest] = path.split('.');
    const inner = rest.reduceRight<BtfInput>((one, name) => ({ [name]: one }), value as BtfInput);
    const old = all[first];
    const merge = typeof old === 'object' && typeof inner === 'object' && rest.length > 0;
    all[first] = merge ? (merged(old as object, inner as object) as BtfInput) : inner;
  }
  return all;
}

function merged(a: object, b: object): object {
  const all: Record<string, unknown> = { ...a };
  for (const [name, inner] of Object.entries(b)) {
    const old = all[name];
    const both = [old, inner].every((one) => typeof one === 'object' && one !== null);
    all[name] = both ? merged(old as object, inner) : inner;
  }
  return all;
}
