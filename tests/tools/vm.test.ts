import { describe, expect, test } from 'vitest';
import {
  encodeJob,
  initramfs,
  neededModules,
  newestImage,
  parseVmConfig,
  qemuArguments,
  type QemuSettings,
} from '../../src/tools/vm/index.ts';

const TARGET = '[[target]]\nname = "one"\nkernel = "./bzImage"\ncommand = "uname -r"\n';

describe('vmtest.toml', () => {
  test('the kernel target of its README', () => {
    const text = [
      '[[target]]',
      'name = "AWS kernel"',
      'kernel = "./bzImage-5.15.0-1022-aws"',
      `command = "/bin/bash -c 'uname -r | grep -e aws$'"`,
    ].join('\n');
    expect(parseVmConfig(text)).toEqual([
      {
        name: 'AWS kernel',
        kernel: './bzImage-5.15.0-1022-aws',
        kernelArguments: '',
        rootfs: '/',
        command: "/bin/bash -c 'uname -r | grep -e aws$'",
        vm: { cpus: 2, memory: '4G', mounts: {}, extraArguments: [] },
      },
    ]);
  });

  test('everything a kernel target can say', () => {
    const text = `${TARGET}kernel_args = "quiet"
      rootfs = "./root"
      arch = "x86_64"
      uefi = false
      [target.vm]
      num_cpus = 4
      memory = "512M"
      extra_args = ["-device", "virtio-rng-pci"]
      [target.vm.mounts]
      "/mnt/data" = { host_path = "./data", writable = true }
      "/mnt/more" = { host_path = "/srv" }`;
    const [target] = parseVmConfig(text);
    expect(target).toMatchObject({ kernelArguments: 'quiet', rootfs: './root' });
    expect(target!.vm).toEqual({
      cpus: 4,
      memory: '512M',
      extraArguments: ['-device', 'virtio-rng-pci'],
      mounts: {
        '/mnt/data': { host: './data', writable: true },
        '/mnt/more': { host: '/srv', writable: false },
      },
    });
  });

  test('several targets, in their order', () => {
    const text = TARGET + TARGET.replace('one', 'two');
    expect(parseVmConfig(text).map(({ name }) => name)).toEqual(['one', 'two']);
  });

  test.each([
    ['', 'vmtest.toml has no [[target]]'],
    ['target = 3', 'vmtest.toml has no [[target]]'],
    ['target = [3]', '[[target]] is no table'],
    ['[[targets]]', "vmtest.toml: there is no 'targets' (there is: target)"],
    ['[[target]]\nname = ', 'line 2: '],
    ['[[target]]\nkernel = "k"', 'target 1 has no name'],
    ['[[target]]\nname = "one"\ncommand = "c"', "target 'one' has no kernel"],
    ['[[target]]\nname = "one"\nkernel = "k"', "target 'one' has no command"],
    [`${TARGET}image = "disk.qcow2"`, 'disk images are not supported: name a kernel'],
    [`${TARGET}uefi = true`, 'uefi is not supported'],
    [`${TARGET}uefi = "yes"`, 'uefi is true or false'],
    [`${TARGET}arch = "aarch64"`, "arch is x86_64 only, not 'aarch64'"],
    [`${TARGET}kernel_arg = "x"`, "there is no 'kernel_arg'"],
    [`${TARGET}kernel_args = 5`, 'kernel_args is a text in quotes'],
    [`${TARGET}rootfs = "a\\u0000b"`, 'rootfs has a NUL in it'],
    [`${TARGET}vm = 1`, "target 'one', vm is no table"],
    [`${TARGET}vm = { num_cpus = 0 }`, 'num_cpus is a whole number from 1 to 255'],
    [`${TARGET}vm = { memory = "much" }`, "memory is like 512M or 4G, not 'much'"],
    [`${TARGET}vm = { bios = "ovmf.fd" }`, 'bios is for uefi, which is not supported'],
    [`${TARGET}vm = { extra_args = "-s" }`, 'extra_args is a list of texts'],
    [`${TARGET}vm = { disk = "x" }`, "there is no 'disk'"],
    [`${TARGET}vm = { mounts = { data = { host_path = "x" } } }`, 'the path must start with /'],
    [`${TARGET}vm = { mounts = { "/d" = {} } }`, "mount '/d' has no host_path"],
    [`${TARGET}vm = { mounts = { "/d" = { host_path = "x", mode = 1 } } }`, "there is no 'mode'"],
  ])('%j is refused', (text, words) => {
    expect(() => parseVmConfig(text)).toThrow(words);
  });

  test('damaged files are refused, never misread', () => {
    const text = `${TARGET}[target.vm]\nnum_cpus = 4\nmounts = { "/d" = { host_path = "x" } }\n`;
    for (let at = 0; at < text.length; at++) {
      for (const other of ['', '"', '[', '=', '\0', '\n', '7']) {
        try {
          parseVmConfig(text.slice(0, at) + other + text.slice(at + 1));
        } catch (error) {
          expect((error as Error).name).toBe('VmConfigError');
        }
      }
    }
  });
});

const SETTINGS: QemuSettings = {
  accelerator: 'tcg',
  cpus: 3,
  memory: '2G',
  kernel: '/boot/bzImage',
  kernelArguments: 'lsm=bpf',
  rootfs: '/',
  shares: [
    { host: '/home/a,b', guest: '/mnt/vmtest', writable: true },
    { host: '/srv', guest: '/srv', writable: false },
  ],
  extraArguments: ['-s'],
};

/** What stands behind an option, each time. */
const after = (words: readonly string[], option: string) =>
  words.flatMap((word, index) => (word === option ? [words[index + 1]!] : []));

describe('the command line of QEMU', () => {
  const words = qemuArguments(SETTINGS);

  test('the root and what is not writable are read-only', () => {
    const [root, home, srv] = after(words, '-fsdev');
    expect(root).toMatch(/^local,id=root,path=\/,.*readonly=on$/);
    expect(home).not.toContain('readonly');
    expect(srv).toContain('readonly=on');
  });

  test('commas in paths are doubled', () => {
    expect(after(words, '-fsdev')[1]).toContain('path=/home/a,,b,');
  });

  test('what the user says comes last', () => {
    expect(words.at(-1)).toBe('-s');
    expect(after(words, '-append')[0]).toMatch(/ rdinit=\/init lsm=bpf$/);
    expect(after(words, '-smp')).toEqual(['3']);
    expect(after(words, '-m')).toEqual(['2G']);
  });

  test('emulated CPUs share a thread; those of KVM are as the host', () => {
    expect(after(words, '-accel')).toEqual(['tcg,thread=single']);
    expect(after(qemuArguments({ ...SETTINGS, accelerator: 'kvm' }), '-cpu')).toEqual(['host']);
  });
});

describe('what the machine starts from', () => {
  test('a job is strings with NULs behind them', () => {
    const bytes = encodeJob({
      shares: SETTINGS.shares,
      folder: '/srv',
      environment: { HOME: '/root' },
      words: ['ls', '-l'],
    });
    const texts = new TextDecoder().decode(bytes).split('\0');
    const shares = ['2', 'share0', '/mnt/vmtest', '1', 'share1', '/srv', '0'];
    const rest = ['/srv', '0', '0', '0', '1', 'HOME=/root', '2', 'ls', '-l', ''];
    expect(texts).toEqual([...shares, ...rest]);
  });

  test('an archive: headers, names and bytes at multiples of 4', () => {
    const bytes = initramfs({ init: Uint8Array.of(1, 2, 3, 4, 5), job: new Uint8Array(0) });
    const text = String.fromCharCode(...bytes);
    expect(bytes.length % 4).toBe(0);
    const heads = [...text.matchAll(/070701/g)].map(({ index }) => index);
    expect(heads.every((at) => at % 4 === 0)).toBe(true);
    const names = heads.map((at) => text.slice(at + 110, text.indexOf('\0', at)));
    expect(names).toEqual(['init', 'job', 'TRAILER!!!']);
    const size = Number.parseInt(text.slice(heads[0]! + 54, heads[0]! + 62), 16);
    const at = (heads[0]! + 110 + 5 + 3) & ~3;
    expect([...bytes.subarray(at, at + size)]).toEqual([1, 2, 3, 4, 5]);
  });

  test('modules: those it needs, after those they need', () => {
    const paths = ['kernel/fs/9p/9p.ko.xz', 'net/9p/9pnet.ko.xz', 'virtio_blk.ko', 'overlay.ko'];
    expect(neededModules(paths)).toEqual([paths[1], paths[0], paths[3]]);
  });

  test('the newest kernel of a version', () => {
    const names = [
      'linux-image-6.12-amd64',
      'linux-image-6.12.99+deb12-amd64',
      'linux-image-6.12.117+deb12-amd64',
      'linux-image-6.12.117+deb12-amd64-unsigned',
      'linux-image-6.12.118+deb12-rt-amd64',
      'linux-image-6.12.118+deb12-amd64-dbg',
      'linux-image-6.1.0-56-amd64-unsigned',
      'linux-image-6.1.0-9-amd64-unsigned',
    ];
    expect(newestImage(names, '6.12')).toBe('linux-image-6.12.117+deb12-amd64-unsigned');
    expect(newestImage(names, '6.12.99')).toBe('linux-image-6.12.99+deb12-amd64');
    expect(newestImage(names, '6.1')).toBe('linux-image-6.1.0-56-amd64-unsigned');
    expect(newestImage(names, '6.1.0-9')).toBe('linux-image-6.1.0-9-amd64-unsigned');
    expect(newestImage(names, '5.10')).toBeUndefined();
  });
});
