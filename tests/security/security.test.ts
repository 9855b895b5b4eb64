import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelError } from '../../src/base/index.ts';
import {
  ALL_CAPABILITIES,
  allowsCommand,
  allowsMap,
  allowsProgram,
  CAPABILITIES,
  type Capability,
  capabilityNames,
  capabilitySet,
  type Credentials,
  DELEGATE_KINDS,
  delegateWords,
  knownBits,
  nsCapable,
  parseCapabilities,
  parseDelegate,
  rootOf,
  tokenCapable,
  tokenInfo,
  UserNamespaces,
} from '../../src/security/index.ts';

describe('capabilities', () => {
  it('are 41, with numbers of the kernel', () => {
    expect(CAPABILITIES.length).toBe(41);
    const numbers = ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_PERFMON', 'CAP_BPF'] as const;
    expect(numbers.map((name) => CAPABILITIES.indexOf(name))).toEqual([12, 21, 38, 39]);
    expect(ALL_CAPABILITIES).toBe(0x1ffffffffffn);
  });

  it('are read from words, and printed as such', () => {
    expect(capabilityNames(parseCapabilities('bpf,CAP_NET_ADMIN'))).toEqual([
      'CAP_NET_ADMIN',
      'CAP_BPF',
    ]);
    expect(parseCapabilities('none')).toBe(0n);
    expect(() => parseCapabilities('cap_everything')).toThrow(KernelError);
    fc.assert(
      fc.property(fc.subarray([...CAPABILITIES]), (names: Capability[]) => {
        expect(parseCapabilities(names.join(',') || 'none')).toBe(capabilitySet(names));
      }),
    );
  });
});

describe('user namespaces', () => {
  const users = new UserNamespaces();
  const web = users.create('web', { owner: 1000 });
  const inner = users.create('inner', { owner: 1000, parent: web });
  const other = users.create('other', { owner: 1001 });
  const user = (uid: number, userns = users.first, capabilities = 0n): Credentials => ({
    uid,
    gid: uid,
    userns,
    capabilities,
  });

  it('root has all capabilities in all below', () => {
    for (const ns of users) expect(nsCapable(rootOf(users.first), ns, 'CAP_BPF')).toBe(true);
  });

  it('root of one has none above and beside it, whoever owns the other', () => {
    expect([...users].map((ns) => nsCapable(rootOf(web), ns, 'CAP_BPF'))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(nsCapable(rootOf(other), inner, 'CAP_BPF')).toBe(false);
  });

  it('who made one, and is in its parent, may do everything in it and below', () => {
    expect(nsCapable(user(1000), web, 'CAP_SYS_ADMIN')).toBe(true);
    expect(nsCapable(user(1000), inner, 'CAP_SYS_ADMIN')).toBe(true);
    expect(nsCapable(user(1000), other, 'CAP_SYS_ADMIN')).toBe(false);
    // In the namespace itself the owner is anybody.
    expect(nsCapable(user(1000, web), web, 'CAP_SYS_ADMIN')).toBe(false);
  });

  it('lie 33 deep at most, and have one name each', () => {
    const many = new UserNamespaces();
    let parent = many.first;
    for (let level = 1; level <= 33; level++) parent = many.create(`n${level}`, { parent });
    expect(parent.level).toBe(33);
    expect(() => many.create('deeper', { parent })).toThrow('ENOSPC');
    expect(() => many.create('n1')).toThrow('EEXIST');
    expect(() => many.get('nobody')).toThrow('ENOENT');
  });
});

describe('tokens', () => {
  const users = new UserNamespaces();
  const userns = users.create('web', { owner: 1000 });
  const allows = { cmds: 0x21n, maps: 2n, progs: 0x40n, attachs: 1n << 37n };
  const token = { userns, allows };

  it('allow what is delegated, program and attach type both', () => {
    expect([0, 5, 18].map((command) => allowsCommand(token, command))).toEqual([true, true, false]);
    expect([1, 2, 34, 1000].map((type) => allowsMap(token, type))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(allowsProgram(token, 6, 37)).toBe(true);
    expect(allowsProgram(token, 6, 0)).toBe(false);
    expect(allowsProgram(token, 2, 37)).toBe(false);
  });

  it('never allow what no kernel knows', () => {
    const all = (1n << 64n) - 1n;
    const any = { userns, allows: { cmds: all, maps: all, progs: all, attachs: all } };
    expect(allowsMap(any, 34)).toBe(false);
    expect(allowsProgram(any, 33, 0)).toBe(false);
    expect(allowsProgram(any, 6, 57)).toBe(false);
    expect(tokenInfo(any)).toBe(DELEGATE_KINDS.map((kind) => `allowed_${kind}:\tany\n`).join(''));
  });

  it('move the question of capabilities into their namespace', () => {
    const root = rootOf(userns);
    expect(tokenCapable(root, users.first, undefined, 'CAP_BPF')).toBe(false);
    expect(tokenCapable(root, users.first, token, 'CAP_BPF')).toBe(true);
    const admin = { ...root, capabilities: parseCapabilities('sys_admin') };
    expect(tokenCapable(admin, users.first, token, 'CAP_NET_ADMIN')).toBe(true);
  });
});

describe('delegate options', () => {
  it('what is printed is read as the same', () => {
    for (const kind of DELEGATE_KINDS) {
      fc.assert(
        fc.property(fc.bigInt({ min: 1n, max: knownBits(kind) }), (mask) => {
          expect(parseDelegate(kind, delegateWords(kind, mask).join(':'))).toBe(
            delegateWords(kind, mask)[0] === 'any' ? (1n << 64n) - 1n : mask,
          );
        }),
      );
    }
  });

  it('any text is a mask of 64 bits or an errno', () => {
    const words = fc.oneof(
      fc.string(),
      fc.constantFrom('any', 'xdp', '0x', '0xff', '08', '-1', ':'),
    );
    fc.assert(
      fc.property(fc.constantFrom(...DELEGATE_KINDS), fc.array(words), (kind, parts) => {
        try {
          const mask = parseDelegate(kind, parts.join(':'));
          expect(mask >= 0n && mask < 1n << 64n).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(KernelError);
        }
      }),
    );
  });
});
