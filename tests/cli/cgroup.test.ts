import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { beeyard, workFolder } from './helpers.ts';

const folder = workFolder();
const POLICY = join(import.meta.dirname, '..', '..', 'examples', 'cgroup-policy', 'policy.bpf.o');

async function machine(name: string) {
  const file = folder.path(name);
  const on = (line: string) => beeyard([...line.split(' '), '--machine', file]);
  expect(await beeyard(['machine', 'create', file])).toMatchObject({ code: 0 });
  expect(await on(`prog loadall ${POLICY} /sys/fs/bpf/p`)).toMatchObject({ code: 0, err: '' });
  const shown = (await on('prog show -j')).json<{ id: number; name: string }[]>();
  const id = (program: string) => shown.find(({ name }) => name === program)!.id;
  return { on, id };
}

describe('cgroups of a machine in a file', () => {
  it('have the programs that were attached, and run those of cgroups above', async () => {
    const { on, id } = await machine('m');
    const attach = 'cgroup attach /kube connect4 pinned /sys/fs/bpf/p/to_backend multi';
    expect(await on(attach)).toMatchObject({ code: 0, err: '', out: '' });
    await on(`cgroup attach /sys/fs/cgroup/kube/pod1 egress id ${id('stop')}`);
    const service = {
      id: id('to_backend'),
      attach_type: 'cgroup_inet4_connect',
      attach_flags: 'multi',
      name: 'to_backend',
      attach_btf_obj_id: 0,
      attach_btf_id: 0,
    };
    const stop = {
      ...service,
      id: id('stop'),
      attach_type: 'cgroup_inet_egress',
      attach_flags: '',
      name: 'stop',
    };
    expect((await on('cgroup show /kube -j')).json()).toEqual([service]);
    expect((await on('cgroup tree -j')).json()).toEqual([
      { cgroup: '/kube', programs: [service] },
      { cgroup: '/kube/pod1', programs: [stop] },
    ]);
    const effective = (await on('cgroup list /kube/pod1 effective')).out.split('\n');
    expect(effective[0]).toBe('ID       AttachType      Name');
    expect(effective.slice(1).join('\n')).toMatch(
      /cgroup_inet_egress stop\n.*connect to_backend\n/,
    );
    expect((await on('cgroup tree')).out).toMatch(/^CgroupPath\nID .*\n\/kube\n {4}\d/);
    await on(`cgroup detach /kube connect4 id ${id('to_backend')}`);
    expect((await on('cgroup show /kube -j')).json()).toEqual([]);
  });

  it('say what is wrong', async () => {
    const { on, id } = await machine('wrong');
    const answers = [
      [`cgroup attach /a egress id ${id('to_backend')}`, 'EINVAL'],
      [`cgroup attach /a nothing id ${id('stop')}`, 'no attach type'],
      [`cgroup attach /a egress id ${id('stop')} often`, 'multi, override'],
      ['cgroup show /nowhere', 'ENOENT'],
      [`cgroup detach / egress id ${id('stop')}`, 'ENOENT'],
    ] as const;
    for (const [line, why] of answers) {
      const { code, err } = await on(line);
      expect(err).toContain(why);
      expect(code).toBeGreaterThan(0);
    }
  });
});
