import { beforeAll, describe, expect, test } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import type { KernelProfile } from '../../src/abi/index.ts';

let kernel: KernelProfile;
beforeAll(async () => {
  kernel = await loadKernelProfile();
});

describe('the kernel profile', () => {
  test('has the types of the kernel', () => {
    const btf = kernel.btf();
    expect(btf.count).toBe(112769);
    expect(btf.sizeOf(btf.find('struct', 'sk_buff')!)).toBe(232);
    const proto = btf.type(btf.find('func', 'bpf_dynptr_slice')!);
    expect(proto).toMatchObject({ kind: 'func', name: 'bpf_dynptr_slice' });
    expect(kernel.btf()).toBe(btf);
  });

  test('has well-formed types, all of them', () => {
    const btf = kernel.btf();
    for (let id = 1; id < btf.count; id++) expect(btf.resolve(id)).toBeLessThan(btf.count);
    expect(btf.types).toHaveLength(btf.count);
  });

  test('knows the options of the kernel by name', () => {
    expect(kernel.kconfig('CONFIG_BPF_SYSCALL')).toBe('y');
    expect(kernel.kconfig('CONFIG_NF_CONNTRACK')).toBe('m');
    expect(kernel.kconfig('CONFIG_HZ')).toBe(250n);
    expect(kernel.kconfig('CONFIG_DEFAULT_HOSTNAME')).toBe('(none)');
    expect(kernel.kconfig('CONFIG_PHYSICAL_START')).toBe(0x1000000n);
    expect(kernel.kconfig('CONFIG_HID_BPF')).toBeUndefined();
  });

  test('says its version as LINUX_KERNEL_VERSION does', () => {
    expect(kernel.versionCode).toBe(0x060c75);
  });
});
