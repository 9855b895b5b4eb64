/** The commands of bpf(2): union bpf_attr, and how far into it each command reads. */
import { stripComments } from './c-text.mjs';
import { parseUnion } from './structs.mjs';

const SOURCE = 'kernel/bpf/syscall.c';
/** Commands whose last member has the name of a family (CHECK_ATTR of the function they share). */
const FAMILIES = {
  OBJ: ['OBJ_PIN', 'OBJ_GET'],
  OBJ_GET_NEXT_ID: ['PROG_GET_NEXT_ID', 'MAP_GET_NEXT_ID', 'BTF_GET_NEXT_ID', 'LINK_GET_NEXT_ID'],
  MAP_BATCH: [
    'MAP_LOOKUP_BATCH',
    'MAP_LOOKUP_AND_DELETE_BATCH',
    'MAP_UPDATE_BATCH',
    'MAP_DELETE_BATCH',
  ],
};

/** { size, fields, last }: of the union, and by command (without BPF_) its last member. */
export function readCommands(read, structs, scope) {
  const header = stripComments(read('include/uapi/linux/bpf.h'));
  const { size, fields } = parseUnion(header, 'bpf_attr', structs, scope);
  const found = read(SOURCE).matchAll(/^#define BPF_(\w+)_LAST_FIELD ([\w.]+)$/gm);
  const last = {};
  for (const [, name, member] of found) {
    for (const command of FAMILIES[name] ?? [name]) last[command] = member;
  }
  const known = new Set(fields.map(({ name }) => name));
  for (const [command, member] of Object.entries(last)) {
    if (!known.has(member)) throw new Error(`${command}: no member ${member} of union bpf_attr`);
  }
  return { size, fields, last };
}

export function renderCommands({ size, fields, last }) {
  const lines = [
    '',
    '/** Bytes of union bpf_attr. */',
    `export const attrSize = ${size};`,
    '',
    '/** Members of union bpf_attr: offset and bytes. */',
    'export const attrMembers: Readonly<Record<string, readonly [offset: number, size: number]>> = {',
    ...fields.map(({ name, offset, size: bytes }) => `  ${quoted(name)}: [${offset}, ${bytes}],`),
    '};',
    '',
    '/** The last member a command reads; what stands behind it must be zero (CHECK_ATTR). */',
    'export const lastMembers: Readonly<Record<string, string>> = {',
    ...Object.entries(last).map(([command, member]) => `  BPF_${command}: '${member}',`),
    '};',
  ];
  return `${lines.join('\n')}\n`;
}

const quoted = (name) => (/^\w+$/.test(name) ? name : `'${name}'`);
