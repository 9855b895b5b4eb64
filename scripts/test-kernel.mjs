/**
 * `npm run test:kernel`: the tests that hold beeyard against other people's tools: clang, the
 * kernel's own source, llvm-objdump, bpftool, tshark. With BEEYARD_TOOLS=required a test that would
 * skip for want of a tool fails instead.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bin, fail, has, install, root, run } from './lib.mjs';

const needs = {
  'clang-19': has('clang-19'),
  'llvm-19': has('llvm-objdump-19'),
  'gcc-bpf': has('bpf-gcc'),
  bpftool: has('bpftool') || existsSync('/usr/sbin/bpftool'),
  python3: has('python3'),
  gcc: has('gcc'),
  'g++': has('g++'),
  'libbpf-dev': existsSync('/usr/include/bpf/libbpf.h'),
  'libelf-dev': existsSync('/usr/include/libelf.h'),
  'zlib1g-dev': existsSync('/usr/include/zlib.h'),
  tshark: has('tshark'),
  'linux-source-6.12': existsSync('/usr/src/linux-source-6.12.tar.xz'),
  'linux-source-6.1': existsSync('/usr/src/linux-source-6.1.tar.xz'),
};
const missing = Object.keys(needs).filter((name) => !needs[name]);
if (missing.length > 0) fail(`missing: apt-get install ${missing.join(' ')}`, 4);

install();
run(process.execPath, [join(root, 'scripts', 'build.mjs')]);
run(
  bin('vitest'),
  ['run', '--config', join(root, 'vitest.tools.config.ts'), ...process.argv.slice(2)],
  {
    env: { ...process.env, BEEYARD_TOOLS: 'required', PATH: `${process.env.PATH}:/usr/sbin` },
  },
);
