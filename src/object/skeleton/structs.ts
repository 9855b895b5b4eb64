/** The members of a skeleton's struct, as C. */
import { FormatError } from '../../base/index.ts';
import { type Btf, CDeclare } from '../../btf/index.ts';
import { asIdentifier } from './names.ts';
import type { DataSection, DataVariable, SkeletonMap, SkeletonModel } from './model.ts';

/** Pointers and longs have this alignment at least, on every machine the header may be used on. */
const LEAST_POINTER_ALIGN = 4;

/** Lines as a nested struct: nothing at all without lines. */
export function member(lines: readonly string[], name: string): string {
  return lines.length > 0 ? `\tstruct {\n${lines.join('')}\t} ${name};\n` : '';
}

/** `struct bpf_map *flows;` for every map, and so on. */
export function pointers(type: string, names: readonly string[]): string[] {
  return names.map((name) => `\t\tstruct ${type} *${name};\n`);
}

/** Structs over the memory of data sections, one after the other. */
export function memoryStructs({ name, btf, maps }: SkeletonModel): string {
  if (!btf) return '';
  // C has one name for one type: all sections share the count of names.
  const declares = { bare: new CDeclare(btf, true), whole: new CDeclare(btf) };
  return maps
    .filter(({ memory }) => memory !== undefined)
    .map(({ memory, section }) => {
      const declare = section?.name === '.kconfig' ? declares.whole : declares.bare;
      const lines = section ? layout(btf, section, declare) : [];
      return `\tstruct ${name}__${memory} {\n${lines.join('')}\t} *${memory};\n`;
    })
    .join('');
}

/** Variables where BTF says they are; what is not shown is padding. */
function layout(btf: Btf, { name, variables }: DataSection, declare: CDeclare): string[] {
  const lines: string[] = [];
  let end = 0;
  let pads = 0;
  for (const variable of variables.filter(({ visible }) => visible)) {
    const { type, offset, size } = variable;
    if (offset < end) throw new FormatError('BTF', 0, `variables of ${name} overlap`);
    const align = Math.min(btf.alignOf(type), LEAST_POINTER_ALIGN);
    if (Math.ceil(end / align) * align !== offset) {
      lines.push(`\t\tchar __pad${pads++}[${offset - end}];\n`);
    }
    lines.push(`\t\t${declare.declare(type, asIdentifier(variable.name), 2)};\n`);
    end = offset + size;
  }
  return lines;
}

/** Variables by pointer, as subskeletons have them. */
export function memoryPointers({ name, btf, maps }: SkeletonModel): string {
  if (!btf) return '';
  const declares = { bare: new CDeclare(btf, true), whole: new CDeclare(btf) };
  return maps
    .flatMap(({ memory, section }) =>
      memory !== undefined && section ? [{ memory, section }] : [],
    )
    .map(({ memory, section }) => {
      const declare = section.name === '.kconfig' ? declares.whole : declares.bare;
      const lines = visible(section).map((one) => `\t\t${pointerTo(btf, one, declare)};\n`);
      return `\tstruct ${name}__${memory} {\n${lines.join('')}\t} ${memory};\n`;
    })
    .join('');
}

const visible = ({ variables }: DataSection): DataVariable[] =>
  variables.filter((variable) => variable.visible);

/** Arrays and pointers to functions wrap the name, which a `*` in front of it would change. */
function pointerTo(btf: Btf, { name, type }: DataVariable, declare: CDeclare): string {
  const target = btf.resolved(type);
  const isFunction = target.kind === 'ptr' && btf.type(target.type).kind === 'func_proto';
  const text = declare.declare(type, '', 2);
  const isWrapped = target.kind === 'array' || isFunction;
  return `${isWrapped ? `__typeof__(${text})` : text} *${asIdentifier(name)}`;
}

/** Checks of the compiler that the variables have the sizes they had for BPF. */
export function sizeChecks({ btf, maps }: SkeletonModel): string {
  return maps
    .flatMap(({ memory, section }) =>
      (section ? visible(section) : []).map((variable) => ({ memory, variable })),
    )
    .map(({ memory, variable: { name, type } }) => {
      const ident = asIdentifier(name);
      const what = `sizeof(s->${memory}->${ident}) == ${btf!.sizeOf(type)}`;
      return `\t_Static_assert(${what}, "the size of '${ident}' is another one");\n`;
    })
    .join('');
}

/** `struct_ops`: tables of programs and numbers that can be changed before loading. */
export function tableStructs({ name, btf, maps }: SkeletonModel): string {
  const tables = maps.filter(({ structOps }) => structOps !== 0);
  if (!btf || tables.length === 0) return '';
  const lines = tables.map((map) => tableStruct(btf, name, map));
  return member(lines, 'struct_ops');
}

function tableStruct(btf: Btf, name: string, { ident, structOps }: SkeletonMap): string {
  const type = btf.resolved(structOps);
  const lines = type.kind === 'struct' ? tableMembers(btf, type) : [];
  return `\t\tstruct ${name}__${ident}__${type.name} {\n${lines.join('')}\t\t} *${ident};\n`;
}

/**
 * Numbers as they are, programs for pointers to functions. The rest only takes its room: its types
 * might be defined in two headers.
 */
function tableMembers(btf: Btf, type: { size: number; members: readonly TableMember[] }): string[] {
  const declare = new CDeclare(btf);
  const lines: string[] = [];
  let end = 0;
  type.members.forEach(({ name, type: id, bitOffset }, i) => {
    const offset = Math.floor(bitOffset / 8);
    if (end < offset) lines.push(`\t\t\tchar __padding_${i}[${offset - end}];\n`);
    const target = btf.resolved(id);
    const size = btf.sizeOf(id);
    if (isNumber(target.kind)) lines.push(`\t\t\t${declare.declare(target.id, name, 3)};\n`);
    else if (target.kind === 'ptr' && btf.resolved(target.type).kind === 'func_proto') {
      lines.push(`\t\t\tstruct bpf_program *${name};\n`);
    } else lines.push(`\t\t\tchar __unsupported_${i}[${size}];\n`);
    end = offset + size;
  });
  if (end < type.size) lines.push(`\t\t\tchar __padding_end[${type.size - end}];\n`);
  return lines;
}

interface TableMember {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
}

const isNumber = (kind: string): boolean =>
  kind === 'int' || kind === 'float' || kind === 'enum' || kind === 'enum64';
