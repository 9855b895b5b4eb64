import { FormatError } from '../../base/index.ts';
import type { Btf, BtfDatasec } from '../../btf/index.ts';
import { externOrder } from '../kconfig.ts';
import type { MapSpec, ObjectFile } from '../types.ts';
import { internalIdentifier, internalMapName, sectionIdentifier } from './names.ts';

const BPF_F_MMAPABLE = 1 << 10;

/** A map as a skeleton has it. */
export interface SkeletonMap {
  /** Member of `maps`. */
  readonly ident: string;
  /** What `bpf_map__name` says. */
  readonly name: string;
  /** Member that points to its memory, where programs in user space see it. */
  readonly memory: string | undefined;
  /** The variables in that memory. */
  readonly section: DataSection | undefined;
  /** Id of the type of a struct_ops table, else 0. */
  readonly structOps: number;
}

export interface DataSection {
  readonly name: string;
  readonly variables: readonly DataVariable[];
}

export interface DataVariable {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  /** Seen by other files, and so by the skeleton. */
  readonly visible: boolean;
}

/** What an object has for C programs, in libbpf's order. */
export interface SkeletonModel {
  /** The struct, and the start of every function's name. */
  readonly name: string;
  readonly btf: Btf | undefined;
  readonly maps: readonly SkeletonMap[];
  readonly programs: readonly string[];
}

/**
 * Reads the parts of a skeleton from an object. `objectName` is what libbpf is told the object is
 * called, which is in the names of maps; empty for subskeletons. Throws `FormatError` for an object
 * libbpf cannot open.
 */
export function readModel(object: ObjectFile, name: string, objectName = name): SkeletonModel {
  const { btf } = object;
  if (object.maps.some(({ legacy }) => legacy)) {
    throw new FormatError('ELF', 0, "libbpf does not open objects with a 'maps' section any more");
  }
  const maps = object.maps.flatMap((spec) => mapOf(spec, btf, objectName) ?? []);
  const kconfig = kconfigMap(object, objectName);
  const tables = maps.filter(({ structOps }) => structOps !== 0);
  const others = maps.filter(({ structOps }) => structOps === 0);
  // libbpf takes functions in .text for subprograms, also where there is nothing else.
  const loadable = object.programs.filter(({ section }) => section !== '.text');
  const programs = loadable.map((program) => program.name);
  const idents = [...maps, ...kconfig].map(({ ident }) => ident);
  const wrong = [...programs, ...idents].find((ident) => !/^[A-Za-z_]\w*$/.test(ident));
  if (wrong !== undefined) {
    throw new FormatError('ELF', 0, `${JSON.stringify(wrong)} can not be a name in C`);
  }
  return { name, btf, programs, maps: [...others, ...kconfig, ...tables] };
}

function mapOf(spec: MapSpec, btf: Btf | undefined, objectName: string): SkeletonMap | undefined {
  if (spec.dataSection) return dataMap(spec, btf, objectName);
  const isArena = spec.type === 'arena' && spec.initialValue !== undefined;
  return {
    ident: spec.name,
    name: spec.name,
    memory: isArena ? 'arena' : undefined,
    section: isArena && btf ? sectionFor(btf, 'arena') : undefined,
    structOps: spec.type === 'struct_ops' ? spec.valueTypeId : 0,
  };
}

function dataMap(spec: MapSpec, btf: Btf | undefined, object: string): SkeletonMap | undefined {
  const name = internalMapName(object, spec.name);
  const ident = internalIdentifier(name);
  if (ident === undefined) return undefined;
  const memory = spec.flags & BPF_F_MMAPABLE ? ident : undefined;
  const section = memory !== undefined && btf ? sectionFor(btf, memory) : undefined;
  return { ident, name, memory, section, structOps: 0 };
}

/** The first section of BTF whose member would be called that. */
function sectionFor(btf: Btf, ident: string): DataSection | undefined {
  const found = btf.types.find(
    (type): type is BtfDatasec => type.kind === 'datasec' && sectionIdentifier(type.name) === ident,
  );
  return found && { name: found.name, variables: variablesOf(btf, found) };
}

function variablesOf(btf: Btf, { vars }: BtfDatasec): DataVariable[] {
  return vars.flatMap(({ type: id, offset, size }) => {
    const variable = btf.type(id);
    if (variable.kind !== 'var') return [];
    const { name, type, linkage } = variable;
    return [{ name, type, offset, size, visible: linkage !== 'static' }];
  });
}

/** The map libbpf makes of the kernel's configuration, with the places it gives the variables. */
function kconfigMap({ btf, externs }: ObjectFile, objectName: string): SkeletonMap[] {
  const wanted = btf ? externOrder(btf, externs).filter(({ kind }) => kind === 'kconfig') : [];
  if (!btf || wanted.length === 0) return [];
  let end = 0;
  const variables = wanted.map(({ name, typeId }): DataVariable => {
    const variable = btf.type(typeId);
    const type = variable.kind === 'var' ? variable.type : typeId;
    const align = btf.alignOf(type);
    const offset = Math.ceil(end / align) * align;
    end = offset + btf.sizeOf(type);
    return { name, type, offset, size: btf.sizeOf(type), visible: true };
  });
  const name = internalMapName(objectName, '.kconfig');
  const section = { name: '.kconfig', variables };
  return [{ ident: 'kconfig', name, memory: 'kconfig', section, structOps: 0 }];
}
