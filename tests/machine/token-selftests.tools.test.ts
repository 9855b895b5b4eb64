/** Objects of the kernel's selftests, unmodified, as prog_tests/token.c loads them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { enums, loadKernelProfile } from '../../src/abi/index.ts';
import { KernelError } from '../../src/base/index.ts';
import { loadObject } from '../../src/client/index.ts';
import { bootMachine, type Machine } from '../../src/machine/index.ts';
import { libbpfToken, ProcessKernel } from '../../src/machine/bpf/kernel.ts';
import { type ObjectFile, parseObject } from '../../src/object/index.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const folders = existsSync(cache) ? readdirSync(cache) : [];
const folder = folders.find((name) => existsSync(join(cache, name, 'priv_map.bpf.o')));
const { BPF_MAP_CREATE, BPF_PROG_LOAD, BPF_BTF_LOAD } = enums.bpf_cmd;
const bits = (...numbers: number[]): string =>
  String(numbers.reduce((all, n) => all | (1 << n), 0));

describe.runIf(folder)('objects of prog_tests/token.c', () => {
  const object = (name: string): ObjectFile =>
    parseObject(readFileSync(join(cache, folder!, `${name}.bpf.o`)));
  let machine: Machine;

  beforeAll(async () => {
    const kernel = await loadKernelProfile();
    ({ machine } = await bootMachine({ kernel, engine: 'interpreter' }));
    machine.users.create('container', { owner: 1000 });
  });

  /** The errno or reason, or 'loads'. */
  function load(name: string, token: string | undefined): string {
    const process = machine.process({ userns: 'container' });
    try {
      const view = new ProcessKernel(process, libbpfToken(process, token));
      const { refused, programs, owned } = loadObject(view, object(name));
      for (const program of programs.values()) program.close();
      for (const map of owned) map.close();
      const [first] = refused.values();
      return first ? first.code : 'loads';
    } catch (error) {
      if (error instanceof KernelError) return error.code;
      throw error;
    }
  }

  const STRUCT_OPS =
    'delegate_maps=struct_ops:array,delegate_progs=struct_ops,delegate_attachs=any';

  it.each([
    ['priv_map', `delegate_cmds=${bits(BPF_MAP_CREATE)},delegate_maps=queue`, 'loads'],
    [
      'priv_prog',
      `delegate_cmds=${bits(BPF_PROG_LOAD)},delegate_progs=kprobe,delegate_attachs=any`,
      'loads',
    ],
    [
      'dummy_st_ops_success',
      `delegate_cmds=${bits(BPF_MAP_CREATE, BPF_PROG_LOAD)},${STRUCT_OPS}`,
      'EPERM',
    ],
    [
      'dummy_st_ops_success',
      `delegate_cmds=${bits(BPF_MAP_CREATE, BPF_PROG_LOAD, BPF_BTF_LOAD)},${STRUCT_OPS}`,
      // All that a token can give: this machine runs no struct_ops programs, not for root either.
      'EINVAL',
    ],
  ])('%s with %s: %s', (name, options, outcome) => {
    expect(load(name, undefined)).toBe('EPERM');
    machine.mountBpffs('/token', { userns: 'container', options });
    expect(load(name, '/token')).toBe(outcome);
  });

  it('the token of /sys/fs/bpf is made unasked, unless that is prevented', () => {
    expect(load('priv_map', undefined)).toBe('EPERM');
    const options = 'delegate_cmds=map_create,delegate_maps=queue';
    machine.mountBpffs('/sys/fs/bpf', { userns: 'container', options });
    expect(load('priv_map', undefined)).toBe('loads');
    expect(load('priv_map', '')).toBe('EPERM');
    expect(load('priv_map', '/nowhere')).toBe('ENOENT');
  });
});
