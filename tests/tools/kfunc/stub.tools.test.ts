import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kfunc, type OwnKfunc } from '../../../src/abi/index.ts';
import { createMachine } from '../../../src/index.ts';
import { kfuncHeader, kfuncStub } from '../../../src/tools/kfunc/index.ts';
import { hasTool } from '../../fixtures/read.ts';

/** A folder with linux-headers-6.12.*-common and -amd64 as Debian's packages have them. */
const headers = process.env['BEEYARD_KERNEL_HEADERS'] ?? '/usr/src';
const named = (pattern: RegExp): string | undefined => {
  const found = existsSync(headers) && readdirSync(headers).find((name) => pattern.test(name));
  return found ? join(headers, found) : undefined;
};
const common = named(/^linux-headers-6\.12\..*-common$/);
const build = named(/^linux-headers-6\.12\.\d+\+deb12-amd64$/);

const twice: OwnKfunc[] = [
  kfunc('swap_owners', {
    args: [
      { ptr: 'task_struct', release: true, name: 'a' },
      { ptr: 'task_struct', release: true, name: 'b' },
    ],
    ret: { ptr: 'task_struct', acquire: true, nullable: true },
    programs: ['syscall', 'tc', 'tcp_congestion_ops.init'],
  }),
  kfunc('mix', {
    args: [
      { ptr: 'sk_buff', trusted: true },
      { ptr: 'cgroup' },
      { buf: true, size: 12, nullable: true },
      { string: true },
      { int: 's16', constant: true },
    ],
    ret: { int: 'bool' },
    sleepable: true,
    destructive: true,
  }),
];

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-kfunc-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const CODE = [
  '-m64',
  '-mcmodel=kernel',
  '-mno-sse',
  '-mno-mmx',
  '-fno-pie',
  '-fcf-protection=branch',
];
const KERNEL = ['-D__KERNEL__', '-DMODULE', '-DKBUILD_MODNAME="x"', '-DKBUILD_BASENAME="x"'];

function compileModule(source: string, folder: string): string {
  const path = join(folder, 'x.c');
  writeFileSync(path, source);
  const own = execFileSync('gcc', ['-print-file-name=include'], { encoding: 'utf8' }).trim();
  const parts = ['arch/x86/include', 'include', 'arch/x86/include/uapi', 'include/uapi'];
  const made = [
    'arch/x86/include/generated',
    'include',
    'arch/x86/include/generated/uapi',
    'include/generated/uapi',
  ];
  const includes = parts.flatMap((part, i) => [`-I${common}/${part}`, `-I${build}/${made[i]}`]);
  const before = ['compiler-version', 'kconfig', 'compiler_types'].flatMap((name) => [
    '-include',
    `${common}/include/linux/${name}.h`,
  ]);
  const flags = ['-nostdinc', '-isystem', own, ...includes, ...before, ...KERNEL, ...CODE];
  const rest = ['-D__KBUILD_MODNAME=kmod_x', '-std=gnu11', '-O2', '-Wall', '-Werror'];
  const { stderr, status } = spawnSync(
    'gcc',
    [
      ...flags,
      ...rest,
      '-fno-strict-aliasing',
      '-Wno-pointer-sign',
      '-c',
      path,
      '-o',
      join(folder, 'x.o'),
    ],
    { encoding: 'utf8' },
  );
  expect(status, stderr).toBe(0);
  return execFileSync('nm', [join(folder, 'x.o')], { encoding: 'utf8' });
}

describe.runIf(common && build && hasTool('gcc'))('a kernel module for Linux 6.12', () => {
  it('compiles against the headers of the kernel, and holds the sets', () => {
    const symbols = inFolder((folder) => compileModule(kfuncStub(twice), folder));
    for (const name of ['swap_owners', 'mix', 'register_btf_kfunc_id_set', 'init_module']) {
      expect(symbols).toMatch(new RegExp(`[TUt] ${name}$`, 'm'));
    }
    expect(symbols).toMatch(/__BTF_ID__func__swap_owners__/);
    expect(symbols).toMatch(/__BTF_ID__set8__mix_ids/);
  });
});

const PROGRAM = `
#include <beeyard/bpf.h>
#include "own.h"
__u64 result;
SEC("xdp") int use(struct xdp_md *ctx) {
  unsigned char bytes[4] = {1, 2, 3, 250};
  struct pair *pair = pair_new(40, 2);
  if (!pair) return XDP_ABORTED;
  result = total(bytes, sizeof(bytes), "add") + pair->left + pair->right;
  pair_drop(pair);
  return XDP_PASS;
}
LICENSE("GPL");
`;

describe.runIf(hasTool('clang-19'))('a header made of a definition', () => {
  const structs = { pair: { left: 'u32', right: 'u16' } } as const;
  const seen: unknown[] = [];
  const kfuncs = [
    kfunc('pair_new', {
      args: [{ int: 'u32' }, { int: 'u16' }],
      ret: { ptr: 'pair', acquire: true, nullable: true },
      structs,
      body: (context, left, right) => context.create('pair', { left, right }),
    }),
    kfunc('pair_drop', {
      args: [{ ptr: 'pair', release: true }],
      structs,
      body: (context, pair) => {
        seen.push(pair.get());
        context.free(pair);
      },
    }),
    kfunc('total', {
      args: [{ buf: true, sizeArg: 1 }, { int: 'u32' }, { string: true }],
      ret: { int: 'u64' },
      body: (_, bytes, size, text) => {
        seen.push(text);
        return bytes.reduce((sum, byte) => sum + byte, size * 1e9);
      },
    }),
  ];

  it.each(['wasm', 'interpreter'] as const)('compiles, verifies and runs on %s', async (engine) => {
    const object = inFolder((folder) => {
      writeFileSync(join(folder, 'own.h'), kfuncHeader(kfuncs, 'own'));
      writeFileSync(join(folder, 'x.bpf.c'), PROGRAM);
      const flags = ['-target', 'bpf', '-O2', '-g', '-Wall', '-Werror', `-I${folder}`, '-Iinclude'];
      execFileSync('clang-19', [
        ...flags,
        '-c',
        join(folder, 'x.bpf.c'),
        '-o',
        join(folder, 'x.o'),
      ]);
      return new Uint8Array(readFileSync(join(folder, 'x.o')));
    });
    seen.length = 0;
    using host = await createMachine({ engine, kfuncs });
    const { programs, globals } = await host.load(object);
    expect(programs['use']!.run({ data: new Uint8Array(64) }).verdict).toBe('pass');
    expect(globals.get('result')).toBe(4_000_000_256n + 42n);
    expect(seen).toEqual(['add', { left: 40, right: 2 }]);
  });

  it('compiles where what 6.12 has no words for is said', () => {
    inFolder((folder) => {
      writeFileSync(join(folder, 'own.c'), `${kfuncHeader(twice)}\nint x;\n`);
      const flags = ['-target', 'bpf', '-Wall', '-Werror', '-fsyntax-only'];
      execFileSync('clang-19', [...flags, join(folder, 'own.c')]);
    });
  });
});
