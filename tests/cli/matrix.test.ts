import { describe, expect, it } from 'vitest';
import { beeyard, NET } from './helpers.ts';

interface Row {
  name: string;
  needs: { kind: string; name: string; since: string }[];
  kernels: {
    kernel: string;
    certainty: string;
    verdict: string;
    insns: number | null;
    reason: string | null;
    missing: { name: string; since: string }[];
  }[];
}

const SPECIAL = 'tests/fixtures/special.bpf.o';

describe('beeyard matrix', () => {
  it('tells exact kernels from likely ones', async () => {
    const { out, code } = await beeyard(['matrix', NET, '--prog', 'second']);
    expect(code).toBe(0);
    expect(out).toMatch(/^program +kernel +rules +verdict +insns +reason$/m);
    expect(out).toMatch(/^second +5\.4 +likely +probably$/m);
    expect(out).toMatch(/^ +6\.1 +exact +accepted +2$/m);
    expect(out).toMatch(/^ +6\.12 +exact +accepted +2$/m);
    expect(out.split('\n').every((line) => line.length <= 80)).toBe(true);
  });

  it('names the feature a kernel has not got, with its first version', async () => {
    const args = ['matrix', SPECIAL, '--kernel', '5.4,5.15', '-j'];
    const rows = (await beeyard(args)).json<Row[]>();
    expect(rows.length).toBeGreaterThan(0);
    for (const { needs, kernels } of rows) {
      expect(kernels.map(({ kernel }) => kernel)).toEqual(['5.4', '5.15']);
      for (const { certainty, insns, missing, kernel } of kernels) {
        expect({ certainty, insns }).toEqual({ certainty: 'likely', insns: null });
        const limit = Number(kernel.slice(2));
        const later = needs.filter(({ since }) => {
          const [major, minor] = since.split('.').map(Number);
          return major! > 5 || (major === 5 && minor! > limit);
        });
        expect(missing).toEqual(later);
      }
    }
    expect(rows.some(({ kernels }) => kernels[0]!.missing.length > 0)).toBe(true);
  });

  it('gives JSON with the reason and the instructions of exact kernels', async () => {
    const rows = (await beeyard(['matrix', NET, '--prog', 'careless', '-j'])).json<Row[]>();
    const cell = rows[0]!.kernels.find(({ kernel }) => kernel === '6.1')!;
    expect(cell).toMatchObject({ certainty: 'exact', verdict: 'rejected', insns: 2, missing: [] });
    expect(cell.reason).toMatch(/^invalid access to packet|^R1 offset is outside/);
  });

  it('ends with 1 for a rejected program only when asked', async () => {
    const args = ['matrix', NET, '--prog', 'careless', '--kernel', '6.1'];
    expect((await beeyard(args)).code).toBe(0);
    expect((await beeyard([...args, '--fail-on', '6.1'])).code).toBe(1);
    expect((await beeyard([...args, '--fail-on', 'exact'])).code).toBe(1);
    const fine = ['matrix', NET, '--prog', 'second', '--fail-on', 'exact'];
    expect((await beeyard(fine)).code).toBe(0);
  });

  it('refuses kernels and programs that are not there', async () => {
    expect((await beeyard(['matrix', NET, '--kernel', '5.16'])).code).toBe(2);
    expect((await beeyard(['matrix', NET, '--fail-on', '5.15'])).code).toBe(2);
    expect((await beeyard(['matrix', NET, '--prog', 'nobody'])).code).toBe(2);
    expect((await beeyard(['matrix', 'tests/no-such.bpf.o'])).code).toBe(3);
  });
});

describe('beeyard verify --kernel 6.1', () => {
  it('answers in the words of that kernel', async () => {
    const args = ['verify', NET, '--prog', 'careless', '--kernel', '6.1'];
    const { out, code } = await beeyard(args);
    expect(code).toBe(1);
    expect(out).toMatch(/^0: R1=ctx\(off=0,imm=0\) R10=fp0$/m);
    expect(out).toMatch(/^invalid access to packet, off=39 size=1, R1\(id=0,off=39,r=0\)$/m);
  });
});
