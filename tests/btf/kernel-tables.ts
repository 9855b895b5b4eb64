/**
 * The tables of the kernel's own BTF tests (prog_tests/btf.c), read at test time: the part of the
 * file that holds them is compiled with the host's compiler into a program that prints them.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Types as numbers, and strings; in types, some numbers stand for names. */
interface RawTypes {
  readonly types: readonly number[];
  readonly strings: string;
}

export interface LoadCase extends RawTypes {
  readonly descr: string;
  readonly refused: boolean;
  readonly error: string;
  /** What the test changes in the header: hdr_len, type_off, str_off, str_len. */
  readonly deltas: readonly [number, number, number, number];
}

export interface DedupCase {
  readonly descr: string;
  readonly input: RawTypes;
  readonly expect: RawTypes;
}

const script = new URL('../../scripts/corpus/tree.mjs', import.meta.url).href;

const PROLOGUE = `
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include "test_btf.h"
struct btf_dedup_opts { unsigned long sz; void *btf_ext; bool force_collisions; };
`;

const PRINTER = `
static void text(const char *s, unsigned long n) {
  putchar('"');
  for (unsigned long i = 0; s && i < n; i++) printf("\\\\u%04x", (unsigned char)s[i]);
  putchar('"');
}
static void types(const __u32 *raw, const char *str, unsigned long size) {
  printf("\\"types\\":[");
  for (int i = 0; i < MAX_NR_RAW_U32 && raw[i] != BTF_END_RAW; i++) printf("%s%u", i ? "," : "", raw[i]);
  printf("],\\"strings\\":");
  text(str, size);
}
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
int main(void) {
  printf("{\\"load\\":[");
  for (unsigned i = 0; i < COUNT(raw_tests); i++) {
    struct btf_raw_test *t = &raw_tests[i];
    printf("%s{\\"descr\\":", i ? "," : "");
    text(t->descr, strlen(t->descr));
    printf(",\\"refused\\":%s,\\"error\\":", t->btf_load_err ? "true" : "false");
    text(t->err_str, t->err_str ? strlen(t->err_str) : 0);
    printf(",\\"deltas\\":[%d,%d,%d,%d],", t->hdr_len_delta, t->type_off_delta, t->str_off_delta, t->str_len_delta);
    types(t->raw_types, t->str_sec, t->str_sec_size);
    printf("}\\n");
  }
  printf("],\\"dedup\\":[");
  for (unsigned i = 0; i < COUNT(dedup_tests); i++) {
    struct btf_dedup_test *t = &dedup_tests[i];
    printf("%s{\\"descr\\":", i ? "," : "");
    text(t->descr, strlen(t->descr));
    printf(",\\"input\\":{");
    types(t->input.raw_types, t->input.str_sec, t->input.str_sec_size);
    printf("},\\"expect\\":{");
    types(t->expect.raw_types, t->expect.str_sec, t->expect.str_sec_size);
    printf("}}\\n");
  }
  printf("]}");
}
`;

/** The lines from one that starts so to the next that ends the table. */
function between(source: string, start: string, end: RegExp): string {
  const from = source.indexOf(start);
  if (from < 0) throw new Error(`the kernel's test has no '${start}'`);
  end.lastIndex = source.indexOf('[] = {', from);
  const found = end.exec(source);
  return source.slice(from, found!.index + found![0].length);
}

/** The kernel's cases for loading and for dedup. */
export async function kernelTables(): Promise<{
  readonly load: readonly LoadCase[];
  readonly dedup: readonly DedupCase[];
}> {
  const { kernelTree } = (await import(script)) as { kernelTree(): string };
  const tree = kernelTree();
  const tests = join(tree, 'tools/testing/selftests/bpf');
  const source = readFileSync(join(tests, 'prog_tests/btf.c'), 'utf8');
  const program = [
    PROLOGUE,
    between(source, '#define MAX_INSNS', /^};.*$/gm),
    between(source, 'struct btf_raw_data {', /^};.*$/gm),
    PRINTER,
  ].join('\n');
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-tables-'));
  try {
    const [file, binary] = [join(folder, 'tables.c'), join(folder, 'tables')];
    writeFileSync(file, program);
    const includes = [`-I${tests}`, `-I${join(tree, 'tools/include/uapi')}`];
    execFileSync('cc', ['-w', ...includes, '-o', binary, file], { stdio: 'pipe' });
    return JSON.parse(execFileSync(binary, { encoding: 'utf8', maxBuffer: 1 << 27 }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const NEXT_NAME = 0xdeadb33f;
const isNthName = (word: number): boolean => word >>> 16 === 0xfffe;

/** The section a case describes; `deltas` are added to the header's fields. */
export function sectionOf({ types, strings }: RawTypes, deltas = [0, 0, 0, 0]): Uint8Array {
  const text = Uint8Array.from(strings, (char) => char.charCodeAt(0));
  const starts: number[] = [];
  for (let at = 1; at < text.length; at = text.indexOf(0, at) + 1) {
    // As the test counts strings: those that are not empty, up to the last NUL.
    if (text[at] !== 0) starts.push(at);
    if (text.indexOf(0, at) < 0) break;
  }
  let next = 0;
  const words = types.map((word) => {
    if (word === NEXT_NAME) return starts[next++]!;
    return isNthName(word) ? starts[(word & 0xffff) - 1]! : word;
  });
  const bytes = new Uint8Array(24 + words.length * 4 + text.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, true);
  bytes[2] = 1;
  const [header, typeOffset, stringOffset, stringLength] = deltas as [
    number,
    number,
    number,
    number,
  ];
  const length = words.length * 4;
  const fields = [
    24 + header,
    typeOffset,
    length,
    length + stringOffset,
    text.length + stringLength,
  ];
  for (const [i, field] of fields.entries()) view.setUint32(4 + 4 * i, field >>> 0, true);
  for (const [i, word] of words.entries()) view.setUint32(24 + 4 * i, word, true);
  bytes.set(text, 24 + length);
  return bytes;
}
