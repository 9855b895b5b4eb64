import { describe, expect, it } from 'vitest';
import { beeyard, workFolder } from './helpers.ts';

const folder = workFolder();
const OBJECT = 'examples/token/flows.bpf.o';

async function machine(name: string): Promise<(...words: string[]) => ReturnType<typeof beeyard>> {
  const file = folder.path(name);
  const on = (...words: string[]) => beeyard([...words, '--machine', file]);
  expect((await beeyard(['machine', 'create', file])).code).toBe(0);
  expect((await on('machine', 'userns', 'web1', '--owner', '1000')).code).toBe(0);
  return on;
}

describe('a container loads without root', () => {
  it('with a token of exactly what explain says, in one machine file', async () => {
    const on = await machine('m');
    const { options } = (await beeyard(['token', 'explain', OBJECT, '-j'])).json<{
      options: string;
    }>();
    const mounted = await on('machine', 'mount', '/web1', '--userns', 'web1', '-o', options);
    expect(mounted.err).toBe('');
    const load = ['prog', 'load', OBJECT, '/web1/count', 'pinmaps', '/web1'];
    const refused = await on('as', '--userns', 'web1', ...load);
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('EPERM')]);
    const loaded = await on('as', '--userns', 'web1', '--token', '/web1', ...load);
    expect([loaded.err, loaded.code]).toEqual(['', 0]);
    const [program] = (await on('prog', 'show', '-j')).json<{ uid: number; pinned: string[] }[]>();
    expect(program!.pinned).toEqual(['/web1/count']);
    const other = await on('as', '--uid', '1001', '--token', '/web1', 'prog', 'show');
    expect([other.code, other.err]).toEqual([1, expect.stringContaining('EPERM')]);
  }, 120_000);

  it('shows mounts and tokens in the words of Linux and bpftool', async () => {
    const on = await machine('shown');
    await on(
      'machine',
      'mount',
      '/t',
      '--userns',
      'web1',
      '-o',
      'delegate_cmds=0x21,delegate_progs=kprobe',
    );
    expect((await on('machine', 'mounts')).out.split('\n').at(-2)).toBe(
      'bpf /t bpf rw,relatime,uid=1000,gid=1000,delegate_cmds=map_create:prog_load,' +
        'delegate_progs=kprobe 0 0  # user namespace web1',
    );
    expect((await on('token', 'list')).out).toBe(
      'token_info  /t\n\tallowed_cmds:\n\t  map_create          prog_load           ' +
        '\n\tallowed_maps:\n\tallowed_progs:\n\t  kprobe              \n\tallowed_attachs:\n',
    );
    expect((await on('token', 'show', '-j')).json()).toEqual([
      {
        token_info: '/t',
        allowed_cmds: ['map_create', 'prog_load'],
        allowed_maps: [],
        allowed_progs: ['kprobe'],
        allowed_attachs: [],
      },
    ]);
    const sysctl = 'kernel.unprivileged_bpf_disabled';
    expect((await on('machine', 'sysctl', sysctl)).out).toBe(`${sysctl} = 2\n`);
    expect((await on('as', '--uid', '1000', 'machine', 'sysctl', `${sysctl}=0`)).err).toContain(
      'EACCES',
    );
    expect((await on('machine', 'sysctl', `${sysctl}=1`)).code).toBe(0);
    expect((await on('machine', 'sysctl', `${sysctl}=0`)).err).toContain('EPERM');
  }, 120_000);

  it('explains part by part', async () => {
    const { out, code } = await beeyard(['token', 'explain', OBJECT], { columns: 100 });
    expect(code).toBe(0);
    expect(out).toMatch(/program count_flows +xdp +prog_load xdp xdp +BPF NET_ADMIN\n/);
    expect(out).toContain('mount options:  delegate_cmds=');
    expect(await beeyard(['token', 'explain', 'examples/classifier/wildcard.bpf.o'])).toMatchObject(
      {
        code: 1,
      },
    );
  });

  it('says what the holder could do', async () => {
    const options = 'delegate_cmds=any,delegate_progs=xdp:kprobe,delegate_attachs=xdp';
    const { out } = await beeyard(['token', 'scope', options, OBJECT, '--caps', 'bpf,net_admin']);
    expect(out).toContain('delegate_progs=kprobe');
    expect(out).toContain('CAP_PERFMON is missing');
    const json = (await beeyard(['token', 'scope', options, '-j'])).json<{ btf: boolean }>();
    expect(json.btf).toBe(true);
    expect((await beeyard(['token', 'scope', 'delegate_cmds=nothing'])).code).toBe(1);
  });

  it('refuses what makes no sense', async () => {
    expect((await beeyard(['as'])).code).toBe(2);
    expect((await beeyard(['as', '--uid', 'x', 'prog', 'show'])).code).toBe(2);
    expect((await beeyard(['as', '--shoe', '1', 'prog', 'show'])).code).toBe(2);
    expect((await beeyard(['as', '--uid', '1'])).code).toBe(2);
    expect((await beeyard(['as', '--help'])).code).toBe(0);
  });
});
