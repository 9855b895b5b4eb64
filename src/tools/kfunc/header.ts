import { kfuncSpelling, type OwnKfunc } from '../../abi/index.ts';
import { plainInts, prototypeText, structTexts } from './c-types.ts';

/**
 * The C header that programs include to call these functions: it stands alone, and goes with
 * vmlinux.h, too. What Linux 6.12 could not be told stands in comments.
 *
 * @example
 * writeFileSync('my_get.h', kfuncHeader([myGet]));
 */
export function kfuncHeader(kfuncs: readonly OwnKfunc[], name = 'own_kfuncs'): string {
  const guard = `${name.toUpperCase().replace(/\W/g, '_')}_H`;
  const { defined, named } = structTexts(kfuncs, plainInts);
  const lines = [
    '/* Made by `beeyard kfunc define`. */',
    `#ifndef ${guard}`,
    `#define ${guard}`,
    '',
    '#ifndef __ksym',
    '#define __ksym __attribute__((section(".ksyms")))',
    '#endif',
    '',
    ...named.map((struct) => `struct ${struct};`),
    ...(named.length > 0 ? [''] : []),
    ...defined.flatMap((text) => [text, '']),
    ...kfuncs.flatMap((own) => [
      ...kfuncSpelling(own).notPortable.map((words) => `/* not in Linux 6.12: ${words} */`),
      `extern ${prototypeText(own, plainInts)} __ksym;`,
    ]),
    '',
    '#endif',
  ];
  return `${lines.join('\n')}\n`;
}
