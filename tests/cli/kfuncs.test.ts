import { describe, expect, it } from 'vitest';
import { beeyard } from './helpers.ts';

interface Listing {
  readonly with?: readonly string[];
  readonly program?: { readonly mask?: number; readonly sleepable: string };
  readonly kfuncs: readonly { name: string; callable?: string; obstacle?: string; why?: string }[];
}

describe('beeyard kfuncs', () => {
  it('lists what an operation may call, and counts the rest by reason', async () => {
    const { code, out } = await beeyard(['kfuncs', '--prog', 'sched_ext_ops.dispatch']);
    expect(code).toBe(0);
    expect(out).toContain('mask 0x2 SCX_KF_DISPATCH');
    expect(out).toContain('scx_bpf_consume');
    expect(out).not.toContain('scx_bpf_select_cpu_dfl');
    expect(out).toMatch(/ {4}2 {2}Linux 6\.12 loads the call and stops the operation/);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('names the others and why with --all', async () => {
    const { out } = await beeyard(['kfuncs', '--prog', 'lsm/file_open', '--all']);
    expect(out).toMatch(/its filter lets only trace_iter through\n {4}bpf_sock_destroy/);
  });

  it('has everything as JSON', async () => {
    const answer = await beeyard(['kfuncs', '--prog', 'sched_ext_ops.init', '-j']);
    const { program, kfuncs, with: parts } = answer.json<Listing>();
    expect(parts).toEqual(['sched_ext']);
    expect(program).toMatchObject({ mask: 0, sleepable: 'possible' });
    const row = kfuncs.find(({ name }) => name === 'scx_bpf_consume');
    expect(row).toMatchObject({ callable: 'no', obstacle: 'run_time' });
  });

  it('lists all of them without a place, those of Debian only', async () => {
    const { kfuncs } = (await beeyard(['kfuncs', '-j'])).json<Listing>();
    const names = kfuncs.map(({ name }) => name);
    expect(names).toContain('bpf_iter_num_new');
    expect(names).not.toContain('scx_bpf_dispatch');
  });

  it.each([
    ['sched_ext_ops', 'which operation of sched_ext_ops?'],
    ['sched_ext_ops.dispach', "did you mean 'dispatch'?"],
    ['xpd', "did you mean 'xdp'?"],
  ])('refuses the place %s', async (place, words) => {
    const { code, err } = await beeyard(['kfuncs', '--prog', place]);
    expect(code).toBe(2);
    expect(err).toContain(words);
  });
});

describe('beeyard proto --all', () => {
  it('has a card of every helper and kfunc', async () => {
    const { calls } = (await beeyard(['proto', '--all', '-j'])).json<{
      calls: { kind: string; name: string; arguments: unknown[]; module?: string }[];
    }>();
    const kinds = new Map(calls.map(({ name, kind }) => [name, kind]));
    expect(kinds.get('bpf_map_lookup_elem')).toBe('helper');
    expect(kinds.get('bpf_task_acquire')).toBe('kfunc');
    expect(calls.find(({ name }) => name === 'bpf_ct_release')?.module).toBe('nf_conntrack');
  });

  it('wants a name without --all, and none with it', async () => {
    expect((await beeyard(['proto'])).code).toBe(2);
    expect((await beeyard(['proto', 'bpf_loop', '--all'])).code).toBe(2);
  });
});
