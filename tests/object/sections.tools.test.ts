/** Our section forms are those of the table in libbpf's source (Debian's kernel package). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { kernelTree } from '../../scripts/corpus/tree.mjs';
import { attachTypeId, enums, programTypeId } from '../../src/abi/index.ts';
import { SECTION_FORMS } from '../../src/object/index.ts';

const source = readFileSync(join(kernelTree(), 'tools/lib/bpf/libbpf.c'), 'utf8');
const table = /section_defs\[\] = \{([^]*?)\n\};/.exec(source)![1]!;
const attachTypes: Readonly<Record<string, number>> = enums.bpf_attach_type;
const programTypes: Readonly<Record<string, number>> = enums.bpf_prog_type;

/** Form, types by number, and which of libbpf's flags that matter when loading are set. */
const theirs = [
  ...table.matchAll(/SEC_DEF\("([^"]+)",\s*(\w+),\s*(\w+),\s*([\w |]+?)\s*(?:,\s*\w+)?\)/g),
].map(([, form, type, attach, flags]) => ({
  form: form!,
  type: programTypes[`BPF_PROG_TYPE_${type}`],
  attach: attach === '0' ? 0 : attachTypes[attach!],
  sleepable: /SEC_SLEEPABLE/.test(flags!),
  frags: /SEC_XDP_FRAGS/.test(flags!),
}));

const ours = SECTION_FORMS.map(({ form, type, attachType, flags }) => ({
  form,
  type: programTypeId(type),
  attach: attachType === undefined ? 0 : attachTypeId(attachType),
  sleepable: flags.includes('sleepable'),
  frags: flags.includes('frags'),
}));

const byForm = (a: { form: string }, b: { form: string }) => (a.form < b.form ? -1 : 1);

test('every form of libbpf is there, with its types and flags, and no other', () => {
  expect(theirs).toHaveLength([...table.matchAll(/SEC_DEF\(/g)].length);
  expect(theirs).toHaveLength(101);
  expect(ours.toSorted(byForm)).toEqual(theirs.toSorted(byForm));
});
