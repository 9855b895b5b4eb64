import { describe, expect, it } from 'vitest';
import { enums } from '../../src/abi/generated/6.12/enums.ts';
import { helperNames } from '../../src/abi/generated/6.12/helpers.ts';
import { rawModules } from '../../src/abi/generated/6.12/modules.ts';
import {
  type FeatureKind,
  firstVersion,
  gatesOf,
  gateSince,
  type KernelGate,
  loadTargetKernel,
  newestGates,
  newestTables,
  versionCodeOf,
  versionedNames,
} from '../../src/abi/index.ts';

const old = (await loadTargetKernel('6.1')).tables;
const isOld = (kind: FeatureKind, name: string): boolean =>
  versionCodeOf(firstVersion(kind, name)!) <= versionCodeOf('6.1');

/** Words of an enum, without its ends and other names for the same number. */
function words(entries: Readonly<Record<string, number>>, prefix: string): [string, number][] {
  return Object.entries(entries)
    .filter(([name]) => name.startsWith(prefix) && !/_DEPRECATED$|UNSPEC/.test(name))
    .map(([name, id]) => [name.slice(prefix.length).toLowerCase(), id]);
}

describe('first versions', () => {
  const { bpf_prog_type, bpf_map_type, bpf_attach_type } = enums;
  it.each([
    ['program_type', words(bpf_prog_type, 'BPF_PROG_TYPE_'), old.counts.programTypes],
    ['map_type', words(bpf_map_type, 'BPF_MAP_TYPE_'), old.counts.mapTypes],
    ['attach_type', words(bpf_attach_type, 'BPF_'), old.counts.attachTypes],
    ['helper', helperNames.slice(1).map((name, i) => [name, i + 1] as const), old.helperCount],
  ] as const)('of every %s are on the side of 6.1 that its enums say', (kind, all, count) => {
    expect([...versionedNames(kind)].sort()).toEqual(all.map(([name]) => name).sort());
    for (const [name, id] of all) expect([name, isOld(kind, name)]).toEqual([name, id < count]);
  });

  it('of helpers and types grow with their numbers', () => {
    const codes = helperNames.slice(1).map((name) => versionCodeOf(firstVersion('helper', name)!));
    expect(codes).toEqual(codes.toSorted((a, b) => a - b));
  });

  it('of kfuncs are on the side of 6.1 that its sets say', () => {
    const names = (sets: Readonly<Record<string, { kfuncs: object }>>): string[] =>
      Object.values(sets).flatMap(({ kfuncs }) => Object.keys(kfuncs));
    const now = new Set([
      ...names(newestTables.kfuncSets),
      ...rawModules.flatMap(({ kfuncs }) => names(kfuncs)),
    ]);
    const then = new Set(names(old.kfuncSets));
    const ofModules = new Set(rawModules.flatMap(({ kfuncs }) => names(kfuncs)));
    for (const name of versionedNames('kfunc')) {
      expect([name, now.has(name)]).toEqual([name, true]);
      // The tables of 6.1 are without those of modules.
      if (!ofModules.has(name)) {
        expect([name, isOld('kfunc', name)]).toEqual([name, then.has(name)]);
      }
    }
  });
});

describe('gates', () => {
  it('of the newest kernel are open but for what is later, those of 6.1 by their version', () => {
    const later = Object.entries(newestGates).filter(([, open]) => !open);
    expect(later.map(([gate]) => gateSince(gate as KernelGate))).toEqual(['6.13']);
    const gates = gatesOf('6.1.192');
    for (const [gate, open] of Object.entries(gates)) {
      const since = versionCodeOf(gateSince(gate as KernelGate));
      expect([gate, open]).toEqual([gate, since <= versionCodeOf('6.1.192')]);
    }
    expect(gates.trustedPointers).toBe(false);
  });
});
