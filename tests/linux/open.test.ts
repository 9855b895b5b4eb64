/** What is known before the first bpf(2): nothing here asks the kernel of this computer anything. */
import { describe, expect, it } from 'vitest';
import { TARGET } from '../../src/cli/command-options.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { linuxNouns } from '../../src/cli/linux/run.ts';
import { parseObject } from '../../src/index.ts';
import { loadableBtf } from '../../src/linux/btf.ts';
import { linuxRefusal, openLinux } from '../../src/linux/index.ts';
import { platformRefusal } from '../../src/linux/libc.ts';
import { kernelVersion } from '../../src/linux/profile.ts';
import { cpuList } from '../../src/linux/system.ts';
import { openBtf } from '../../src/btf/index.ts';
import { beeyard } from '../cli/helpers.ts';
import { fixture } from '../fixtures/read.ts';
import { netObject } from '../machine/helpers.ts';

const ROOT = { platform: 'linux', arch: 'x64', setting: undefined, status: 'CapEff:\t1ffffffffff' };

describe('this computer is refused', () => {
  it('with another system or processor', () => {
    expect(linuxRefusal({ ...ROOT, platform: 'darwin' })!.text).toMatch(/this is darwin/);
    expect(linuxRefusal({ ...ROOT, arch: 'arm64' })!.text).toMatch(/this is arm64/);
    expect(platformRefusal('linux', 'x64')).toBeUndefined();
  });

  it('without CAP_BPF and CAP_SYS_ADMIN, in words that say what to do', () => {
    const status = (bits: bigint) => ({
      ...ROOT,
      status: `Name:\tnode\nCapEff:\t${bits.toString(16)}`,
    });
    const refused = linuxRefusal(status(0n))!;
    expect(refused.code).toBe('EPERM');
    expect(refused.text).toMatch(/CAP_BPF is missing: .*beeyard vm -k 6\.12/);
    expect(linuxRefusal(status(1n << 12n))!.code).toBe('EPERM');
    expect(linuxRefusal(status(1n << 39n))).toBeUndefined();
    expect(linuxRefusal(status(1n << 21n))).toBeUndefined();
    expect(linuxRefusal(ROOT)).toBeUndefined();
  });

  it('with BEEYARD_LINUX=off, which is so for these tests', async () => {
    expect(process.env['BEEYARD_LINUX']).toBe('off');
    await expect(openLinux()).rejects.toThrow(/left alone \(EOPNOTSUPP\)/);
  });

  it('by commands too', async () => {
    const { code, err } = await beeyard(['map', 'show', '--target', 'linux']);
    expect({ code, err }).toMatchObject({ code: 4, err: expect.stringMatching(/left alone/) });
  });

  it('by every command that has --target', () => {
    const takers = COMMANDS.filter(({ options }) => options['target'] === TARGET);
    const names = takers.map(({ path }) => path.join(' '));
    expect(Object.keys(linuxNouns).sort()).toEqual(names.sort());
    // What bpftool does to a kernel, we do.
    expect(names).toEqual(expect.arrayContaining(['prog load', 'net attach', 'cgroup tree']));
  });
});

describe('what Linux tells', () => {
  it('its version as libbpf reads it', () => {
    const debian = '#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2025-09-01)';
    expect(kernelVersion(debian, '6.1.0-56-amd64')).toEqual([6, 1, 176]);
    expect(kernelVersion('#1 SMP', '6.12.117+deb12-amd64')).toEqual([6, 12, 117]);
    expect(kernelVersion('#1 SMP', '6.18-rc1')).toEqual([6, 18, 0]);
  });

  it('lists of CPUs', () => {
    expect(cpuList('0\n')).toEqual([0]);
    expect(cpuList('0-3,6\n')).toEqual([0, 1, 2, 3, 6]);
  });
});

describe('types for BPF_BTF_LOAD', () => {
  it('have the types of the object, its lines, and nothing extern', () => {
    for (const bytes of [netObject(), fixture('shared.bpf.o'), fixture('pinned.bpf.o')]) {
      const object = parseObject(bytes);
      const { bytes: made, stringAt } = loadableBtf(object.btf!);
      const again = openBtf(made);
      expect(again.count).toBeGreaterThanOrEqual(object.btf!.count);
      const lines = object.programs.flatMap((program) => program.lines);
      expect(lines.length).toBeGreaterThan(0);
      for (const { text, file } of lines) {
        expect(again.stringAt(stringAt(text))).toBe(text);
        expect(again.stringAt(stringAt(file))).toBe(file);
      }
      expect(stringAt('a text no object has')).toBe(0);
      for (let id = 1; id < again.count; id++) {
        const type = again.type(id);
        if (type.kind === 'var') expect(type.linkage).not.toBe('extern');
      }
    }
  });
});
