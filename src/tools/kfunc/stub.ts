import { kfuncFlags, kfuncSpelling, type OwnKfunc, programTypesOf } from '../../abi/index.ts';
import { kernelInts, prototypeText, structTexts } from './c-types.ts';

/** Only clang knows the attribute. */
const TAG_MACRO = [
  '#ifdef __clang__',
  '#define KFUNC_TAG(text) __attribute__((btf_decl_tag(text)))',
  '#else',
  '#define KFUNC_TAG(text)',
  '#endif',
  '',
];

/**
 * A kernel module in C that brings these functions to Linux 6.12: prototypes, sets and their
 * registration; the bodies are left to be written. What 6.12 cannot be told is kept as declaration
 * tags (which it ignores) and said in comments.
 */
export function kfuncStub(kfuncs: readonly OwnKfunc[], name = 'own_kfuncs'): string {
  const { defined, named } = structTexts(kfuncs, kernelInts);
  const lines = [
    '// SPDX-License-Identifier: GPL-2.0',
    '/* Made by `beeyard kfunc define`: fill in the bodies. */',
    '#include <linux/bpf.h>',
    '#include <linux/btf.h>',
    '#include <linux/btf_ids.h>',
    '#include <linux/init.h>',
    '#include <linux/module.h>',
    '',
    ...(kfuncs.some((own) => kfuncSpelling(own).tags.length > 0) ? TAG_MACRO : []),
    ...named.map((struct) => `struct ${struct};`),
    ...(named.length > 0 ? [''] : []),
    ...defined.flatMap((text) => [text, '']),
    '__bpf_kfunc_start_defs();',
    '',
    ...kfuncs.flatMap(definition),
    '__bpf_kfunc_end_defs();',
    '',
    ...kfuncs.flatMap(setText),
    ...initText(kfuncs, name),
  ];
  return `${lines.join('\n')}\n`;
}

function definition(own: OwnKfunc): string[] {
  const { notPortable, tags } = kfuncSpelling(own);
  const tagOf = (component: number) =>
    tags
      .filter(([at]) => at === component)
      .map(([, tag]) => ` KFUNC_TAG("${tag}")`)
      .join('');
  const { ret } = own;
  const result = !ret ? [] : [`\treturn ${'int' in ret ? '0' : 'NULL'};`];
  return [
    ...notPortable.map((words) => `/* not in Linux 6.12: ${words} */`),
    ...(tagOf(-1) ? [tagOf(-1).trim()] : []),
    `__bpf_kfunc ${prototypeText(own, kernelInts, tagOf)}`,
    '{',
    ...result,
    '}',
    '',
  ];
}

function flagText(flags: number): string {
  const words = Object.entries(kfuncFlags).filter(([, bit]) => flags & bit);
  return words.map(([word]) => `KF_${word}`).join(' | ');
}

function setText(own: OwnKfunc): string[] {
  const flags = flagText(kfuncSpelling(own).flags);
  return [
    `BTF_KFUNCS_START(${own.name}_ids)`,
    `BTF_ID_FLAGS(func, ${own.name}${flags ? `, ${flags}` : ''})`,
    `BTF_KFUNCS_END(${own.name}_ids)`,
    '',
    `static const struct btf_kfunc_id_set ${own.name}_set = {`,
    '\t.owner = THIS_MODULE,',
    `\t.set = &${own.name}_ids,`,
    '};',
    '',
  ];
}

function initText(kfuncs: readonly OwnKfunc[], name: string): string[] {
  const calls = kfuncs.flatMap((own) =>
    programTypesOf(own).map((type) => [
      `\tret = ret ?: register_btf_kfunc_id_set(${type}, &${own.name}_set);`,
    ]),
  );
  return [
    `static int __init ${name}_init(void)`,
    '{',
    '\tint ret = 0;',
    '',
    ...calls.flat(),
    '\treturn ret;',
    '}',
    '',
    `static void __exit ${name}_exit(void)`,
    '{',
    '}',
    '',
    `module_init(${name}_init);`,
    `module_exit(${name}_exit);`,
    `MODULE_DESCRIPTION("Kernel functions ${kfuncs.map((own) => own.name).join(', ')}");`,
    'MODULE_LICENSE("GPL");',
  ];
}
