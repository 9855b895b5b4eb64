import { describe, expect, it } from 'vitest';
import { beeyard, workFolder } from './helpers.ts';

const files = workFolder();
const FIREWALL = 'examples/firewall/firewall.bpf.o';
const broken = (name: string) => `tests/fixtures/broken/${name}.bpf.o`;

interface Report {
  readonly file: string;
  readonly little_endian: boolean;
  readonly programs: readonly { readonly attach_type?: string; readonly gpl_helpers: string[] }[];
  readonly btf_ext: { readonly core: object };
  readonly findings: readonly { readonly code: string; readonly severity: string }[];
}

describe('beeyard obj doctor', () => {
  it('calls a sound object sound', async () => {
    const { out, code } = await beeyard(['obj', 'doctor', FIREWALL]);
    expect(code).toBe(0);
    expect(out).toMatch(/^examples\/firewall\/firewall\.bpf\.o\n {2}by clang/);
    expect(out).toMatch(/^ +xdp +[\d,]+ +xdp program/m);
    expect(out).toMatch(/^ +program +\w+ +loaded as xdp/m);
    expect(out).toMatch(/healthy: nothing to mend\n$/);
  });

  it('says what breaks, in whose words, and how to mend it', async () => {
    const { out, code } = await beeyard(['obj', 'doctor', '--brief', broken('static_map')]);
    expect(code).toBe(1);
    expect(out).toContain(
      [
        'error static-map',
        "    map 'hidden' is a static variable",
        "    says: map 'hidden': unsupported map linkage static.",
        '    mend: drop `static`: a map is a global variable',
      ].join('\n'),
    );
    expect(out).not.toMatch(/to libbpf/);
  });

  it('ends well when there are only warnings and notes', async () => {
    const { out, code } = await beeyard(['obj', 'doctor', broken('map_surprises')]);
    expect(code).toBe(0);
    expect(out).toMatch(/^note map-name-cut$/m);
  });

  it('has stable codes in JSON, for several files', async () => {
    const args = ['obj', 'doctor', FIREWALL, broken('unknown_section'), '-j'];
    const result = await beeyard(args);
    expect(result.code).toBe(1);
    const [sound, unknown] = result.json<Report[]>();
    expect(sound).toMatchObject({ file: FIREWALL, little_endian: true, findings: [] });
    expect(sound!.programs[0]).toMatchObject({ attach_type: 'xdp', gpl_helpers: [] });
    expect(unknown!.findings.map(({ code, severity }) => [code, severity])).toEqual([
      ['unknown-section', 'error'],
    ]);
  });

  it('asks the kernel unless told not to', async () => {
    const path = broken('rejected');
    expect((await beeyard(['obj', 'doctor', path])).code).toBe(1);
    expect((await beeyard(['obj', 'doctor', path, '--static'])).code).toBe(0);
  });

  it.each([80, 120])('fits %i columns', async (columns) => {
    for (const name of ['gcc', 'call_outside_text', 'struct_ops_unused']) {
      const { out } = await beeyard(['obj', 'doctor', broken(name)], { columns });
      const widest = Math.max(...out.split('\n').map((line) => line.length));
      expect(widest, name).toBeLessThanOrEqual(columns);
    }
  });

  it('refuses what is no object', async () => {
    expect((await beeyard(['obj', 'doctor', files.write('x.o', 'no ELF')])).code).toBe(3);
    expect((await beeyard(['obj', 'doctor', 'missing.o'])).code).toBe(3);
    expect((await beeyard(['obj', 'doctor'])).code).toBe(2);
  });
});
