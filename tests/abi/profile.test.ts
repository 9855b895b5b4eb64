import { beforeAll, describe, expect, test } from 'vitest';
import {
  enums,
  findKernelType,
  kfuncsOf,
  loadKernelProfile,
  moduleKfuncsOf,
  openKernelProfile,
  withModules,
} from '../../src/abi/index.ts';
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

describe('modules of the kernel', () => {
  const programs = enums.bpf_prog_type;

  test('are those of the image that bring kernel functions, in the order they are loaded', () => {
    expect(kernel.modules.map(({ name }) => name)).toEqual([
      'nf_conntrack',
      'nf_nat',
      'nf_flow_table',
      'xfrm_interface',
      'fou',
      'tcp_bbr',
      'tcp_dctcp',
    ]);
    expect(openKernelProfile({ btf: new Uint8Array(), kconfig: '' }).modules).toEqual([]);
  });

  test('have well-formed types over those of the kernel', () => {
    for (const module of kernel.modules) {
      const btf = module.btf();
      expect(btf.base, module.name).toBe(kernel.btf());
      for (let id = btf.firstOwnId; id < btf.count; id++) {
        expect(btf.resolve(id)).toBeLessThan(btf.count);
      }
    }
  });

  test('say which functions programs of a type may call, each a function of theirs', () => {
    const functions = kernel.modules.flatMap((module) =>
      Object.values(module.kfuncs).flatMap((set) => Object.entries(set.kfuncs)),
    );
    expect(functions).toHaveLength(30);
    for (const module of kernel.modules) {
      for (const set of Object.values(module.kfuncs)) {
        for (const [name, [id]] of Object.entries(set.kfuncs)) {
          expect(module.btf().type(id)).toMatchObject({ kind: 'func', name });
        }
      }
    }
    const conntrack = kernel.modules[0]!;
    expect(moduleKfuncsOf(conntrack, programs.BPF_PROG_TYPE_XDP).size).toBe(10);
    expect(moduleKfuncsOf(conntrack, programs.BPF_PROG_TYPE_KPROBE).size).toBe(0);
    const id = conntrack.kfuncs.nf_ct_kfunc_set!.kfuncs.bpf_ct_release![0];
    expect(kfuncsOf(programs.BPF_PROG_TYPE_XDP).has(id)).toBe(false);
  });

  test('are searched behind the kernel', () => {
    expect(findKernelType(kernel, 'func', 'bpf_ct_release')?.module?.name).toBe('nf_conntrack');
    expect(findKernelType(kernel, 'struct', 'task_struct')?.module).toBeUndefined();
    expect(findKernelType(kernel, 'func', 'no_such_function')).toBeUndefined();
    const none = { ...kernel, modules: [] };
    expect(findKernelType(none, 'func', 'bpf_ct_release')).toBeUndefined();
  });

  test('can be added', () => {
    const [first] = kernel.modules;
    const added = { ...first!, name: 'again', btf: new Uint8Array() };
    const more = withModules(kernel, [added]);
    expect(more.modules.map(({ name }) => name).slice(-1)).toEqual(['again']);
    expect(kernel.modules).toHaveLength(7);
    expect(more.btf()).toBe(kernel.btf());
  });
});
