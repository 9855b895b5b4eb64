import { describe, expect, it } from 'vitest';
import type { ObjectCompat } from '../../src/tools/index.ts';
import { beeyard, NET } from './helpers.ts';

const FIREWALL = 'examples/firewall/firewall.bpf.o';
const compat = async (...files: string[]) =>
  (await beeyard(['compat', ...files, '-j'])).json<ObjectCompat[]>();

describe('beeyard compat', () => {
  it('says from which kernel on an object loads, and what asks for it', async () => {
    const { out, code } = await beeyard(['compat', FIREWALL]);
    expect(code).toBe(0);
    expect(out).toMatch(/^firewall\.bpf\.o loads from Linux 5\.8 on$/m);
    expect(out).toMatch(/^program +from +6\.1 +6\.12 +groups$/m);
    expect(out).toMatch(/^firewall +5\.8 +verified +verified +base32 base64 atomic64 divmul64$/m);
    expect(out).toMatch(/^bpf_ringbuf_reserve +5\.8 +firewall:\d+ firewall\.bpf\.c:\d+$/m);
    expect(out).toMatch(/^helper bpf_map_lookup_elem +\d+ +firewall:\d+ firewall\.bpf\.c:\d+$/m);
    expect(out.split('\n').every((line) => line.length <= 80)).toBe(true);
  });

  it('gives every place: instruction, function, source line', async () => {
    const [answer] = await compat(FIREWALL);
    const need = answer!.programs[0]!.needs.find(({ name }) => name === 'bpf_ringbuf_reserve')!;
    const { program, insn, function: name, source } = need.place;
    expect({ program, name }).toEqual({ program: 'firewall', name: 'firewall' });
    expect(insn).toBe(need.insn);
    expect(source?.text).toContain('bpf_ringbuf_reserve');
    const flag = answer!.needs.find(({ kind }) => kind === 'map_flag')!;
    expect(flag).toMatchObject({ name: 'RDONLY_PROG', since: '5.2', place: { map: '.rodata' } });
  });

  it('gives a range where the verifier of 6.1 rejects older features', async () => {
    const [answer] = await compat('tests/machine/programs/kfuncs.bpf.o');
    expect(answer).toMatchObject({ lowest: '6.2', atMost: '6.12' });
    expect(answer!.programs.find(({ program }) => program === 'absent')).toMatchObject({
      lowest: '4.8',
      verdicts: [
        { kernel: '6.1', verdict: 'accepted' },
        { kernel: '6.12', verdict: 'accepted' },
      ],
    });
    const sum = answer!.programs[0]!.beyond.find(({ name }) => name === 'bpf_iter_num_new');
    expect(sum).toMatchObject({ kind: 'kfunc', uses: 1, place: { program: 'sum' } });
  });

  it('a program that no verifier takes loads nowhere: 1', async () => {
    const { out, code } = await beeyard(['compat', NET]);
    expect(code).toBe(1);
    expect(out).toMatch(/^net\.bpf\.o loads on none of the kernels that are known: 6\.1, 6\.12$/m);
    expect(out).toMatch(/^rejected careless on 6\.1: \S/m);
  });

  it('what only beeyard has loads nowhere', async () => {
    const { out, code } = await beeyard(['compat', 'examples/static-keys/tracing.bpf.o']);
    expect(code).toBe(1);
    expect(out).toMatch(/^rejected map \w+: no Linux has maps of its type$/m);
  });

  it('names instructions that Linux has and the standard has not, and BTF that is taken out', async () => {
    const [answer] = await compat('tests/fixtures/special.bpf.o');
    const beyond = answer!.programs.flatMap((one) => one.beyond);
    expect(beyond.map(({ kind, name }) => `${kind} ${name}`)).toContain(
      'instruction addr_space_cast',
    );
    expect(answer!.replaced.map(({ name, since }) => `${name} ${since}`)).toEqual([
      'enum64 6.0',
      'decl_tag 5.16',
    ]);
  });
});
