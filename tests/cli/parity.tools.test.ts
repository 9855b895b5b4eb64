/**
 * Our JSON beside that of the real bpftool, for what it does without root. $BPFTOOL names one of
 * another version; Debian 12's is of Linux 6.1, whose lists are the beginning of 6.12's.
 */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { beeyard } from './helpers.ts';

const BPFTOOL = process.env['BPFTOOL'] ?? 'bpftool';

function bpftool<T>(...args: string[]): T {
  const text = execFileSync(BPFTOOL, ['-j', ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });
  return JSON.parse(text) as T;
}

const ours = async <T>(...args: string[]) => (await beeyard([...args, '-j'])).json<T>();

/** 6.12's is 7.5 with libbpf 1.5. */
const theirs = bpftool<{ libbpf_version: string; features: object }>('version');

describe(`bpftool with libbpf ${theirs.libbpf_version}`, () => {
  it.each(['prog_types', 'map_types', 'attach_types', 'link_types', 'helpers'])(
    'lists the same %s',
    async (group) => {
      const list = bpftool<string[]>('feature', 'list_builtins', group);
      const own = await ours<string[]>('feature', 'list_builtins', group);
      if (theirs.libbpf_version === '1.5') expect(own).toEqual(list);
      else expect(own.slice(0, list.length)).toEqual(list);
    },
  );

  it('has the same keys in its version', async () => {
    const own = await ours<{ features: object }>('version');
    expect(Object.keys(own)).toEqual(expect.arrayContaining(Object.keys(theirs)));
    const missing = Object.keys(theirs.features).filter((key) => !(key in own.features));
    // Dropped since: libbpf is always strict.
    expect(missing.filter((key) => key !== 'libbpf_strict')).toEqual([]);
  });

  it('takes the same abbreviations', () => {
    expect(bpftool('f', 'list', 'link')).toEqual(bpftool('feature', 'list_builtins', 'link_types'));
  });
});
