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

describe('beeyard kfunc define', () => {
  const file = 'tests/cli/own-kfuncs.mjs';

  it('prints the header, and says what is not portable', async () => {
    const { code, out, err } = await beeyard(['kfunc', 'define', file]);
    expect(code).toBe(0);
    expect(out).toContain('extern void put_both(struct task_struct *task_struct1, ');
    expect(err).toBe('not portable: put_both: 2 arguments are released: KF_RELEASE takes one\n');
  });

  it('prints a kernel module, the types, and the definition as JSON', async () => {
    const stub = await beeyard(['kfunc', 'define', file, '-o', 'stub', '--name', 'mine']);
    expect(stub.out).toContain('register_btf_kfunc_id_set(BPF_PROG_TYPE_XDP, &sum_set)');
    expect(stub.out).toContain('module_init(mine_init);');
    const btf = await beeyard(['kfunc', 'define', file, '-o', 'btf']);
    expect(btf.out).toMatch(/FUNC 'sum' type_id=\d+ linkage=static/);
    expect(btf.out).toContain("DECL_TAG 'kfunc:release'");
    const answer = await beeyard(['kfunc', 'define', file, '-j']);
    const { kfuncs } = answer.json<{ kfuncs: { name: string; params: string[] }[] }>();
    expect(kfuncs.find(({ name }) => name === 'sum')?.params).toEqual(['buf1', 'size2__sz']);
  });

  it('refuses with --portable what Linux 6.12 has no words for', async () => {
    const { code, out } = await beeyard(['kfunc', 'define', file, '--portable']);
    expect([code, out]).toEqual([1, '']);
  });

  it('is what programs are verified with', async () => {
    const example = 'examples/own-kfunc';
    const object = `${example}/limit.bpf.o`;
    expect((await beeyard(['verify', object])).out).toContain('not loaded (ESRCH)');
    const answer = await beeyard(['verify', object, '--kfuncs', `${example}/kfuncs.mjs`]);
    expect([answer.code, answer.err]).toEqual([0, '']);
    const cpus = [
      'run',
      object,
      '--pcap',
      object,
      '--kfuncs',
      `${example}/kfuncs.mjs`,
      '--cpus',
      '2',
    ];
    expect((await beeyard(cpus)).err).toContain('one CPU');
  });

  it('refuses files that define nothing, and files that are none', async () => {
    expect((await beeyard(['kfunc', 'define', 'scripts/lib.mjs'])).code).toBe(2);
    expect((await beeyard(['kfunc', 'define', 'no/such/file.mjs'])).code).toBe(3);
  });
});
