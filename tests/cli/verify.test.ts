import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { beeyard, NET, workFolder } from './helpers.ts';

const files = workFolder();

interface Verified {
  name: string;
  verdict: string;
  errno_name: string;
  reason?: { code: string; text: string; insn: number; source: { line: number; text: string } };
  stats: Record<string, number>;
  log: string;
}

describe('beeyard verify', () => {
  it("prints a table, and before it the kernel's log of what is rejected", async () => {
    const { out, code } = await beeyard(['verify', NET]);
    expect(code).toBe(1);
    expect(out).toMatch(/^careless\n0: R1=ctx\(\) R10=fp0$/m);
    expect(out).toMatch(/^invalid access to packet, off=39 size=1, R1\(id=0,off=39,r=0\)$/m);
    expect(out).toMatch(/^program +type +verdict +insns +states +peak +stack +time$/m);
    expect(out).toMatch(/^second +xdp +accepted +2 +0 +0 +0 +\S+ \S+$/m);
    expect(out).toMatch(/^careless +xdp +rejected \(EACCES\) +2 /m);
    expect(out).not.toMatch(/^second\n/m);
  });

  it('verifies what --prog names; 0 when all of it passes', async () => {
    const { out, code } = await beeyard(['verify', NET, '--prog', 'second', '--prog', 'first']);
    expect(code).toBe(0);
    expect(out.trim().split('\n')).toHaveLength(3);
  });

  it('shows the log at the level that is asked for', async () => {
    const of = (...args: string[]) => beeyard(['verify', NET, '--prog', 'second', ...args]);
    expect((await of()).out).not.toContain('R10=fp0');
    expect((await of('--log-level', '2')).out).toContain('0: R1=ctx() R10=fp0');
    const figures = (await of('--log-level', '4')).out;
    expect(figures).toMatch(/^verification time \d+ usec\nstack depth 0\nprocessed 2 insns /m);
    expect((await of('--log-level', '9')).code).toBe(2);
  });

  it("gives veristat's columns", async () => {
    const { out, code } = await beeyard(['verify', NET, '--csv']);
    expect(code).toBe(1);
    const [head, ...rows] = out.trim().split('\n');
    expect(head).toBe(
      'file_name,prog_name,verdict,duration,total_insns,total_states,peak_states,' +
        'max_states_per_insn,max_mark_read_len',
    );
    expect(rows).toContainEqual(
      expect.stringMatching(/^net\.bpf\.o,second,success,\d+,2,0,0,0,0$/),
    );
    expect(rows).toContainEqual(
      expect.stringMatching(/^net\.bpf\.o,careless,failure,\d+,2,0,0,0,0$/),
    );
  });

  it('gives JSON: verdict, reason with its source line, figures, log', async () => {
    const args = ['verify', NET, '-j', '--prog', 'careless', '--prog', 'by_length'];
    const [passes, fails] = (await beeyard(args)).json<Verified[]>();
    expect(passes).toMatchObject({ name: 'by_length', verdict: 'accepted', errno_name: '' });
    expect(passes!.stats['insns']).toBeGreaterThan(0);
    expect(fails).toMatchObject({ verdict: 'rejected', errno_name: 'EACCES' });
    expect(fails!.reason).toMatchObject({ insn: 1, source: { line: 77 } });
    expect(fails!.reason!.code).toMatch(/^[a-z_]+\.[a-z_]+$/);
    expect(fails!.log).toContain(fails!.reason!.text);
  });

  it('explains in plain words', async () => {
    const args = ['verify', NET, '--prog', 'careless'];
    const plain = await beeyard(args);
    const { out, code } = await beeyard([...args, '--explain']);
    expect(code).toBe(1);
    expect(out.length).toBeGreaterThan(plain.out.length + 100);
    const [one] = (await beeyard([...args, '--explain', '-j'])).json<
      { explanation: { problem: string; advice: string[] } }[]
    >();
    expect(one!.explanation.problem.length).toBeGreaterThan(20);
  });

  it('tells where the cost is', async () => {
    const args = ['verify', NET, '--prog', 'second', '--profile'];
    const { out, code } = await beeyard(args);
    expect(code).toBe(0);
    expect(out).toMatch(/Cost by source line\n +insns +share +states +where +source\n/);
    expect(out).toMatch(/ [0-9.]+ % +█+/);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    const [one] = (await beeyard([...args, '-j'])).json<
      { stats: { insns: number }; profile: { lines: { processed: number }[] } }[]
    >();
    const sum = one!.profile.lines.reduce((all, { processed }) => all + processed, 0);
    expect(sum).toBe(one!.stats.insns);
  });

  it('takes privileges away', async () => {
    const of = async (...args: string[]) => {
      const run = await beeyard(['verify', NET, '--prog', 'second', '-j', ...args]);
      return run.json<Verified[]>()[0]!.errno_name;
    };
    expect(await of()).toBe('');
    expect(await of('--unpriv')).toBe('EPERM');
    expect(await of('--caps', 'none')).toBe('EPERM');
    expect(await of('--caps', 'bpf,net_admin')).toBe('');
    expect(await of('--caps', 'CAP_BPF,CAP_NET_ADMIN')).toBe('');
    expect(await of('--caps', 'perfmon')).toBe('EPERM');
  });

  it('names the file when there are several', async () => {
    const other = 'examples/firewall/firewall.bpf.o';
    const { out } = await beeyard(['verify', NET, other], { columns: 200 });
    expect(out).toMatch(/^net\.bpf\.o: second +xdp/m);
    expect(out).toMatch(/^firewall\.bpf\.o: /m);
  });

  it.each([
    [['--prog', 'secnod'], /did you mean 'second'/],
    [['--caps', 'bpf,netadmin'], /did you mean 'net_admin'/],
    [['--unpriv', '--caps', 'bpf'], /exclude each other/],
    [['--kernel', '5.4'], /--kernel takes 6\.12/],
  ])('%j is a mistake: exit code 2', async (args, message) => {
    const { code, err, out } = await beeyard(['verify', NET, ...args]);
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(out).toBe('');
  });

  it('a file that is no object: exit code 3', async () => {
    const { code, err } = await beeyard(['verify', files.write('x.o', 'not an object')]);
    expect(code).toBe(3);
    expect(err).toContain('x.o');
  });
});

interface ProtoCard {
  kind: string;
  module?: string;
  arguments: { name: string; type: string; kind: string; access: string; notes: string[] }[];
  callback?: unknown;
  notes: string[];
  callers: { type: string; capability?: string }[];
}

describe('beeyard proto', () => {
  it('shows the card of a helper', async () => {
    const { out, code } = await beeyard(['proto', 'bpf_skb_load_bytes'], { columns: 100 });
    expect(code).toBe(0);
    expect(out).toMatch(/^bpf_skb_load_bytes\(.*void \*to, u32 len\) +helper 26$/m);
    expect(out).toMatch(
      /^ +3 void \*to +mem +write +need not be initialised, as long as len says$/m,
    );
    expect(out).toMatch(/^ +4 u32 len +size +not 0$/m);
    expect(out).toContain('socket_filter');
  });

  it('gives it as JSON', async () => {
    const card = (await beeyard(['proto', 'probe_read_kernel', '-j'])).json<ProtoCard>();
    expect(card.kind).toBe('helper');
    expect(card.notes).toContain('only programs under a GPL-compatible licence');
    expect(card.callers).toContainEqual({ type: 'xdp', capability: 'CAP_PERFMON' });
    expect(card.callers.map(({ type }) => type)).not.toContain('unspec');
  });

  it('shows the card of a kfunc with the same keys', async () => {
    const card = (await beeyard(['proto', 'bpf_task_release', '-j'])).json<ProtoCard>();
    expect(card.kind).toBe('kfunc');
    expect(card.arguments).toMatchObject([
      {
        name: 'p',
        type: 'struct task_struct *',
        kind: 'btf_object',
        trust: 'trusted',
        release: true,
      },
    ]);
    const text = await beeyard(['proto', 'bpf_task_release']);
    expect(text.out).toMatch(/^void bpf_task_release\(struct task_struct \*p\) +kfunc \d+$/m);
    const helper = (await beeyard(['proto', 'bpf_sk_release', '-j'])).json<ProtoCard>();
    expect(Object.keys(card)).toEqual(Object.keys(helper));
  });

  it('cuts nothing on a narrow terminal', async () => {
    const { out } = await beeyard(['proto', 'bpf_crypto_ctx_create'], { columns: 80 });
    expect(out).not.toContain('…');
    expect(out.replace(/\s+/g, ' ')).toContain('as long as params__sz says');
  });

  it('tells what a callback is called with', async () => {
    const card = (await beeyard(['proto', 'bpf_find_vma', '-j'])).json<ProtoCard>();
    expect(card.callback).toMatchObject({
      when: 'synchronous',
      arguments: [
        { name: 'task', kind: 'btf_object' },
        { name: 'vma', kind: 'btf_object', notes: ['struct vm_area_struct'] },
        { name: 'ctx', kind: 'any' },
      ],
      returns: { kind: 'integer', notes: ['0 to 1'] },
    });
  });

  it('tells the scope down to members of struct_ops, and to sleepable programs', async () => {
    const option = (await beeyard(['proto', 'bpf_setsockopt', '-j'])).json<ProtoCard>();
    expect(option.callers).toContainEqual({
      type: 'struct_ops',
      struct_ops: 'tcp_congestion_ops',
      except_members: ['release'],
    });
    const copy = (await beeyard(['proto', 'bpf_copy_from_user_str', '-j'])).json<ProtoCard>();
    expect(copy.callers).toContainEqual({ type: 'lsm', sleepable: true });
    expect(copy.callers.map(({ type }) => type)).not.toContain('xdp');
    const cookie = (await beeyard(['proto', 'bpf_session_cookie', '-j'])).json<ProtoCard>();
    expect(cookie.callers).toEqual([{ type: 'kprobe', attach: ['BPF_TRACE_KPROBE_SESSION'] }]);
  });

  it('shows the card of a kfunc that a module of the kernel brings', async () => {
    const card = (await beeyard(['proto', 'bpf_ct_release', '-j'])).json<ProtoCard>();
    expect(card).toMatchObject({ kind: 'kfunc', module: 'nf_conntrack' });
    expect(card.arguments).toMatchObject([{ type: 'struct nf_conn *' }]);
    expect(card.callers.map(({ type }) => type)).toEqual(['sched_cls', 'xdp']);
  });

  it('shows the card of a function of an object, as its tags say', async () => {
    const object = join(import.meta.dirname, '../fixtures/functions.bpf.o');
    const cardOf = async (name: string) =>
      (await beeyard(['proto', `${object}:${name}`, '-j'])).json<ProtoCard>();
    expect(await cardOf('takes_nonnull')).toMatchObject({
      kind: 'function',
      declaration: 'int takes_nonnull(struct pair *pair)',
      arguments: [{ name: 'pair', kind: 'mem', access: 'readwrite', size: 16 }],
    });
    expect((await cardOf('takes_memory')).arguments).toMatchObject([{ nullable: true }]);
    expect((await cardOf('takes_tagged_context')).arguments).toMatchObject([{ kind: 'ctx' }]);
    expect((await cardOf('takes_numbers')).arguments).toMatchObject([
      { type: 'int', kind: 'scalar' },
      { type: 'long', kind: 'scalar' },
    ]);
    const wrong = await beeyard(['proto', `${object}:takes_wrong_tags`]);
    expect(wrong.code).toBe(1);
    expect(wrong.err).toContain('contradict');
    expect((await beeyard(['proto', `${object}:takes_nombers`])).err).toContain('takes_numbers');
  });

  it('knows every helper and kfunc by name', async () => {
    const { code, err } = await beeyard(['proto', 'bpf_map_lokup_elem']);
    expect(code).toBe(2);
    expect(err).toMatch(/did you mean 'bpf_map_lookup_elem'/);
  });
});
