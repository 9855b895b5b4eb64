// Needs clang, g++, bpftool and libbpf's headers: skeletons are used by C programs. $BPFTOOL is
// another bpftool (7.5 is the one of Linux 6.12), $SKELETON_OBJECTS a folder with more objects.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parseObject } from '../../src/object/index.ts';
import { printSkeleton, printSubskeleton } from '../../src/object/skeleton/index.ts';
import { hasTool } from '../fixtures/read.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'beeyard-skeleton-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a tool; throws with its words if it fails. */
function run(command: string, ...args: string[]): string {
  const { stdout, stderr, status } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

const BPFTOOL = process.env['BPFTOOL'] ?? 'bpftool';
const MORE = process.env['SKELETON_OBJECTS'];
const RATELIMIT = join(root, 'examples/typed-import/ratelimit.bpf.o');

/** Opens, changes and looks; loads nothing (libbpf opens objects without a kernel). */
const USE = `#include <stdio.h>
#include <string.h>
#include <linux/types.h>
#include HEADER
int main(void) {
  struct rl *skel = rl__open();
  if (!skel) return 1;
  printf("%llu %d %s\\n", (unsigned long long)skel->rodata->limit, skel->rodata->settings.report,
         skel->rodata->settings.name);
  skel->rodata->limit = 7;
  skel->bss->dropped = 9;
  printf("%zu %zu\\n", sizeof(*skel->rodata), sizeof(*skel->bss));
  printf("%s %s %s\\n", bpf_map__name(skel->maps.seen), bpf_map__name(skel->maps.rodata),
         bpf_map__name(skel->maps.bss));
  printf("%s %s\\n", bpf_program__name(skel->progs.ratelimit),
         bpf_program__section_name(skel->progs.outgoing));
  printf("%p %p\\n", (void *)skel->links.ratelimit, (void *)skel->links.outgoing);
  size_t size, initial;
  const char *bytes = (const char *)rl__elf_bytes(&size);
  memcpy(&initial, bpf_map__initial_value(skel->maps.rodata, &initial), sizeof(initial));
  printf("%zu %d %zu\\n", size, bytes[1], initial);
  rl__detach(skel);
  rl__destroy(skel);
  rl__destroy(NULL);
  return 0;
}
`;

const USE_CLASS = `#include <cstdio>
#include <linux/types.h>
#include HEADER
int main() {
  rl *skel = rl::open();
  if (!skel) return 1;
  size_t size;
  rl::elf_bytes(&size);
  printf("%llu %zu\\n", (unsigned long long)skel->rodata->limit, size);
  rl::destroy(skel);
}
`;

describe.runIf(hasTool('clang-19') && hasTool('g++') && hasTool(BPFTOOL))('skeletons', () => {
  const bytes = new Uint8Array(readFileSync(RATELIMIT));
  writeFileSync(join(folder, 'ours.h'), printSkeleton(parseObject(bytes), bytes, 'rl'));
  writeFileSync(join(folder, 'theirs.h'), run(BPFTOOL, 'gen', 'skeleton', RATELIMIT, 'name', 'rl'));
  writeFileSync(join(folder, 'use.c'), USE);
  writeFileSync(join(folder, 'use.cpp'), USE_CLASS);

  const built = (compiler: string, source: string, header: string) => {
    const out = `${header}.${compiler}`;
    run(
      compiler,
      '-Wall',
      '-Wextra',
      '-Werror',
      `-DHEADER="${header}"`,
      source,
      '-lbpf',
      '-o',
      out,
    );
    return run(join(folder, out));
  };

  it("behave as bpftool's in C", () => {
    const ours = built('clang-19', 'use.c', 'ours.h');
    expect(ours).toBe(built('clang-19', 'use.c', 'theirs.h'));
    expect(ours.split('\n')[0]).toBe('100 1 ratelimit');
    expect(ours).toContain(`${bytes.length} 69 7`);
  });

  it("behave as bpftool's in C++", () => {
    const ours = built('g++', 'use.cpp', 'ours.h');
    expect(ours).toBe(built('g++', 'use.cpp', 'theirs.h'));
    expect(ours).toBe(`100 ${bytes.length}\n`);
  });

  it('of libraries compile as C and C++', () => {
    writeFileSync(join(folder, 'sub.h'), printSubskeleton(parseObject(bytes), 'rl'));
    const use =
      '#include <linux/types.h>\n#include "sub.h"\n' +
      'int main(void) { struct rl *s = rl__open(NULL); rl__destroy(s); return s != NULL; }\n';
    writeFileSync(join(folder, 'sub.c'), use);
    run('clang-19', '-Wall', '-Werror', 'sub.c', '-lbpf', '-o', 'sub');
    run('g++', '-x', 'c++', '-Wall', '-Werror', 'sub.c', '-lbpf', '-o', 'subcpp');
  });

  const folders = [
    'examples/firewall',
    'tests/machine/programs',
    'bench/programs',
    'tests/fixtures',
    ...(MORE ? [MORE] : []),
  ];
  const objects = folders
    .flatMap((path) => readdirSync(resolve(root, path)).map((name) => resolve(root, path, name)))
    .filter((path) => path.endsWith('.bpf.o'));

  const isOld = !run(BPFTOOL, 'gen', 'skeleton', RATELIMIT).includes('AUTO_ATTACH');

  /**
   * The struct as text without what is free: empty lines and spaces, and sections without variables,
   * which bpftool shows before version 7.5.
   */
  const structOf = (text: string) => {
    const start = text.indexOf('struct skel {');
    const body = text.slice(start, text.indexOf('#ifdef __cplusplus', start));
    return body.replace(/\s*\n\s*/g, '\n').replace(/^struct skel__\w+ \{\n\} \*\w+;\n/gm, '');
  };

  it.each(objects)("have bpftool's struct: %s", (path) => {
    const theirs = spawnSync(BPFTOOL, ['gen', 'skeleton', path, 'name', 'skel'], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    // libbpf does not open all of them.
    if (theirs.status !== 0) return;
    const object = new Uint8Array(readFileSync(path));
    const ours = printSkeleton(parseObject(object), object, 'skel');
    // bpftool before 7.5 knows no tables of struct_ops.
    if (!isOld || !ours.includes('} struct_ops;')) {
      expect(structOf(ours)).toBe(structOf(theirs.stdout));
    }
  });
});
