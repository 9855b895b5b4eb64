/** The declaration of an object file: what its programs, maps and globals are, for TypeScript. */
import { type Btf, memberKey, TsTypes } from '../../btf/index.ts';
import type { MapSpec, ObjectFile, ProgramSpec } from '../types.ts';
import { mapType } from './map-type.ts';
import { recordTypes } from './records.ts';

/** Names of beeyard's that a declaration may use; the object's types get others. */
const IMPORTS = [
  'Address',
  'AddressPrefix',
  'Arena',
  'Ipv4',
  'Ipv4Prefix',
  'MapOf',
  'ObjectMap',
  'OwnedList',
  'PerCpuMap',
  'Program',
  'Queue',
  'RecordMap',
  'TypedObject',
  'UserRing',
];
const RECORDS = 'Records';

type Member = readonly [key: string, text: string];

/**
 * A TypeScript declaration for the module that an import of the object gives: its default export is
 * a `TypedObject` with everything the object has. `name` is the file's, for the comment on top.
 *
 * @example
 * writeFileSync('counter.bpf.d.o.ts', declareObject(parseObject(bytes), 'counter.bpf.o'));
 */
export function declareObject(object: ObjectFile, name: string): string {
  const types =
    object.btf &&
    new TsTypes(object.btf, [...IMPORTS, RECORDS, 'object', 'Uint8Array'], 'OwnedList');
  const programs = object.programs.map(programMember);
  const maps = object.maps.map((map) => mapMember(map, types, object.btf));
  const globals = object.maps.flatMap((map) => globalMembers(map, types, object.btf));
  const shape = [block('programs', programs), block('maps', maps), block('globals', globals)];
  const body = `TypedObject<{\n${shape.join('')}}>`;
  const records = types && body.includes(RECORDS) ? recordTypes(object, types, RECORDS) : '';
  const declarations = types?.declarations() ?? '';
  const parts = [
    `${head(name)}\n${importLine(body + declarations)}`,
    declarations,
    records,
    `declare const object: ${body};\nexport default object;\n`,
  ];
  return parts.filter(Boolean).join('\n');
}

/** What TypeScript looks for beside 'counter.bpf.o': 'counter.bpf.d.o.ts'. */
export function declarationName(file: string): string {
  const dot = file.lastIndexOf('.');
  return dot < 0 ? `${file}.d.ts` : `${file.slice(0, dot)}.d${file.slice(dot)}.ts`;
}

function head(name: string): string {
  const maker = "made by 'beeyard gen types'. Do not edit.";
  return `// What is in ${comment(name)}, for TypeScript: ${maker}`;
}

function importLine(body: string): string {
  const used = IMPORTS.filter((name) => new RegExp(`\\b${name}\\b`).test(body));
  const line = `import type { ${used.join(', ')} } from 'beeyard';\n`;
  return line.length <= 101
    ? line
    : `import type {\n${used.map((one) => `  ${one},\n`).join('')}} from 'beeyard';\n`;
}

/** Members by key and text; of two with one key the last one counts, as when they are loaded. */
function block(name: string, members: readonly Member[]): string {
  const lines = [...new Map(members).values()];
  return lines.length > 0 ? `  ${name}: {\n${lines.join('')}  };\n` : `  ${name}: {};\n`;
}

/** Text that may stand in a comment. */
const comment = (text: string): string =>
  text.replaceAll('*/', '*\u200b/').replace(/[\r\n\u2028\u2029]/g, ' ');

const described = (text: string, key: string, type: string): Member => [
  key,
  `    /** ${comment(text)} */\n    ${key}: ${type};\n`,
];

function programMember({ name, section, type }: ProgramSpec): Member {
  const program = type === undefined ? 'Program' : `Program<'${type}'>`;
  return described(`SEC("${section}")`, memberKey(name), program);
}

function mapMember(map: MapSpec, types: TsTypes | undefined, btf: Btf | undefined): Member {
  const entries = map.maxEntries > 0 ? `, max_entries ${map.maxEntries}` : '';
  const what = map.dataSection
    ? 'global variables'
    : `${map.type ?? `type ${map.typeId}`}${entries}`;
  return described(what, memberKey(map.name), mapType(map, types, btf, RECORDS));
}

/** The variables of a data section; constants can only be set before loading. */
function globalMembers(
  { dataSection, valueTypeId }: MapSpec,
  types: TsTypes | undefined,
  btf: Btf | undefined,
): Member[] {
  const section = btf?.resolved(valueTypeId);
  if (!dataSection || !btf || !types || section?.kind !== 'datasec') return [];
  const constant = dataSection === 'rodata' ? 'readonly ' : '';
  return section.vars.map(({ type }) => {
    const key = memberKey(btf.type(type).name);
    return [key, `    ${constant}${key}: ${types.reference(type, 2)};\n`];
  });
}
