import { describe, expect, it } from 'vitest';
import {
  kfunc,
  kfuncAccess,
  kfuncById,
  kfuncFlags,
  kfuncModule,
  kfuncSpelling,
  constants,
  loadKernelProfile,
  type OwnKfunc,
  withModules,
} from '../../src/abi/index.ts';

const kernel = await loadKernelProfile();
const withOwn = (...kfuncs: OwnKfunc[]) => withModules(kernel, [kfuncModule(kernel.btf(), kfuncs)]);

/** The contract of a definition, as the verifier reads it from the BTF that is made. */
function contractOf(own: OwnKfunc) {
  const profile = withOwn(own);
  const module = profile.modules.at(-1)!;
  const id = module.btf().find('func', own.name)!;
  return kfuncById(profile, id, module.name)!;
}

describe('kfunc', () => {
  it('spells arguments with the suffixes and flags of the kernel', () => {
    const own = kfunc('my_get', {
      args: [
        { ptr: 'task_struct', trusted: true },
        { buf: true, sizeArg: 2, nullable: true },
        { int: 'u32', constant: true },
        { string: true },
      ],
      ret: { ptr: 'cgroup', acquire: true, nullable: true },
      sleepable: true,
    });
    const { params, flags, tags, notPortable } = kfuncSpelling(own);
    expect(params).toEqual(['task_struct1', 'buf2__nullable', 'size3__szk', 'text4__str']);
    const { ACQUIRE, RET_NULL, TRUSTED_ARGS, SLEEPABLE } = kfuncFlags;
    expect(flags).toBe(ACQUIRE | RET_NULL | TRUSTED_ARGS | SLEEPABLE);
    expect([tags, notPortable]).toEqual([[], []]);
    expect(contractOf(own)).toMatchObject({
      maySleep: true,
      args: [
        { kind: 'btf_object', btf: 'task_struct', trust: 'trusted' },
        { kind: 'mem', sizeFrom: 2, nullable: true },
        { kind: 'size', constant: true },
        { kind: 'const_string' },
      ],
      returns: { kind: 'btf_object', btf: 'cgroup', acquire: true, nullable: true },
    });
  });

  it('releases with KF_RELEASE where that is clear, else argument by argument', () => {
    const one = kfunc('put', { args: [{ ptr: 'cgroup', release: true }, { int: 's64' }] });
    expect(kfuncSpelling(one)).toMatchObject({ flags: kfuncFlags.RELEASE, notPortable: [] });
    expect(contractOf(one)).toMatchObject({ release: true, args: [{ release: true }, {}] });
    const two = kfunc('put_both', {
      args: [
        { ptr: 'cgroup', release: true },
        { ptr: 'task_struct', release: true },
      ],
    });
    expect(kfuncSpelling(two).notPortable).toEqual([
      '2 arguments are released: KF_RELEASE takes one',
    ]);
    const contract = contractOf(two);
    expect(contract.release).toBeUndefined();
    expect(contract.args.map(({ release }) => release)).toEqual([true, true]);
  });

  it('keeps the trust of each argument', () => {
    const own = kfunc('mixed', {
      args: [
        { ptr: 'cgroup', trusted: true },
        { ptr: 'task_struct', rcu: true },
        { ptr: 'sk_buff' },
      ],
    });
    expect(kfuncSpelling(own).notPortable).toHaveLength(1);
    expect(contractOf(own).args.map(({ trust }) => trust)).toEqual(['trusted', 'rcu', undefined]);
  });

  it('belongs to program types and operations', () => {
    const own = kfunc('scoped', { programs: ['tc', 'tcp_congestion_ops.ssthresh'] });
    const profile = withOwn(own);
    const at = (type: number, member = 'ssthresh') =>
      kfuncAccess(profile, {
        type,
        attachType: 0,
        sleepable: 'no',
        ...(type === constants.BPF_PROG_TYPE_STRUCT_OPS && {
          operation: { table: 'tcp_congestion_ops', member },
        }),
      }).find(({ kfunc: { name } }) => name === 'scoped')!.callable;
    expect(at(constants.BPF_PROG_TYPE_SCHED_CLS)).toBe('yes');
    expect(at(constants.BPF_PROG_TYPE_XDP)).toBe('no');
    expect(at(constants.BPF_PROG_TYPE_STRUCT_OPS)).toBe('yes');
    expect(at(constants.BPF_PROG_TYPE_STRUCT_OPS, 'init')).toBe('no');
    expect(kfuncSpelling(own).notPortable[0]).toContain('only in tcp_congestion_ops.ssthresh');
  });

  it('lays structs of its own out as C does', () => {
    const structs = { mine: { a: 'u8', b: 'u64', c: 's16', d: 'bool' } } as const;
    const own = kfunc('take', { args: [{ ptr: 'mine' }], structs });
    const btf = withOwn(own).modules.at(-1)!.btf();
    const struct = btf.type(btf.find('struct', 'mine')!);
    expect(struct).toMatchObject({ size: 24 });
    expect(
      struct.kind === 'struct' && struct.members.map(({ bitOffset }) => bitOffset / 8),
    ).toEqual([0, 8, 16, 18]);
  });

  it.each<[string, () => unknown, string]>([
    ['a name', () => kfunc('a-b'), 'not one of C'],
    [
      'six arguments',
      () => kfunc('f', { args: Array.from({ length: 6 }, () => ({ int: 'u8' as const })) }),
      'more than 5',
    ],
    ['a buffer without length', () => kfunc('f', { args: [{ buf: true }] }), 'a sizeArg or a size'],
    [
      'a length elsewhere',
      () => kfunc('f', { args: [{ buf: true, sizeArg: 2 }, { int: 'u8' }, { int: 'u8' }] }),
      'the next argument',
    ],
    [
      'two kinds of trust',
      () => kfunc('f', { args: [{ ptr: 'cgroup', trusted: true, rcu: true }] }),
      'either trusted',
    ],
    ['a program type', () => withOwn(kfunc('f', { programs: ['xpd'] })), "no programs 'xpd'"],
    ['a struct', () => withOwn(kfunc('f', { args: [{ ptr: 'nowhere' }] })), 'struct nowhere'],
    ['a number there is not', () => kfunc('f', { args: [{ int: 'u24' as 'u8' }] }), "'u24'"],
    ['a result there is not', () => kfunc('f', { ret: { int: 'u24' as 'u8' } }), 'to return'],
    ['no kind', () => kfunc('f', { args: [{} as { string: true }] }), 'one of int, ptr'],
    ['a size of none', () => kfunc('f', { args: [{ buf: true, size: 0 }] }), 'a size of 0'],
    ['the same twice', () => withOwn(kfunc('f'), kfunc('f')), "'f' is there twice"],
    [
      "a struct of the kernel's",
      () => withOwn(kfunc('f', { args: [{ ptr: 'bucket' }], structs: { bucket: { a: 'u8' } } })),
      'of its own',
    ],
  ])('refuses %s', (_, make, words) => {
    expect(make).toThrow(words);
  });
});
