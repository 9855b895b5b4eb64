/** Helpers, kfuncs and the maps helpers take, against the kernel's answers. */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  enums,
  helperAvailability,
  helperId,
  helperName,
  helperTakesMap,
  kfuncByName,
  kfuncsOf,
  loadKernelProfile,
  mayUpdateSockmap,
  modifyReturnFlags,
} from '../../src/abi/index.ts';
import type { CallAvailability, KernelProfile } from '../../src/abi/index.ts';
import {
  CAP_BPF,
  CAP_PERFMON,
  CAP_SYS_ADMIN,
  attachOf,
  has,
  nameOf,
  readRecord,
  typeOf,
  type RecordedProgram,
} from './oracle.ts';

interface HelperRow extends RecordedProgram {
  readonly capabilities: number;
  readonly answers: readonly number[];
}
const helpers = readRecord<{ messages: readonly string[]; rows: readonly HelperRow[] }>('helpers');

interface KfuncRow extends RecordedProgram {
  readonly answers: readonly number[];
}
const kfuncs = readRecord<{
  kfuncs: readonly string[];
  messages: readonly string[];
  rows: readonly KfuncRow[];
}>('kfuncs');

interface MapRow {
  readonly type: string;
  readonly attach: string | null;
  readonly helper: string;
  readonly refused: readonly string[];
  readonly taken: readonly string[];
}
const { rows: mapRows } = readRecord<{ rows: readonly MapRow[] }>('map-helpers');

let profile: KernelProfile;
beforeAll(async () => {
  profile = await loadKernelProfile();
});

/** Iterators over sockets have two helpers of their own, which no program type's table knows. */
const OF_ITERATORS = /^(tracing) BPF_TRACE_ITER bpf_iter_(tcp|unix) \w*sockopt$/;

const CAPABILITIES: Readonly<Record<string, number>> = {
  CAP_BPF,
  CAP_PERFMON,
  CAP_SYS_ADMIN,
};

/** Whether a program of that row may call it: true, false, or 'conditional' if only the verifier knows. */
function mayCall(row: HelperRow, found: CallAvailability | undefined): boolean | 'conditional' {
  if (!found) return false;
  if (found.config?.some((option) => profile.kconfig(option) === undefined)) return false;
  const attach = attachOf(row);
  const names = Object.entries(enums.bpf_attach_type)
    .filter(([, id]) => id === attach)
    .map(([name]) => name);
  if (found.capability && !has(row.capabilities, CAPABILITIES[found.capability]!)) return false;
  if (found.attach && !found.attach.some((name) => names.includes(name))) return false;
  if (found.exceptAttach?.some((name) => names.includes(name))) return false;
  return found.conditional ? 'conditional' : true;
}

describe('helpers', () => {
  const plain = helpers.rows.filter(({ type }) => type !== 'struct_ops');
  test.each(plain.map((row) => [`${nameOf(row)} with ${row.capabilities}`, row] as const))(
    'may be called by %s as the kernel says',
    (_, row) => {
      const wrong = row.answers.flatMap((answer, index) => {
        const id = index + 1;
        const name = helperName(id);
        const words = helpers.messages[answer]!;
        const kernel = !/cannot use helper|invalid func/.test(words);
        const ours = name ? mayCall(row, helperAvailability(typeOf(row), id)) : false;
        if (OF_ITERATORS.test(`${nameOf(row)} ${name}`)) return kernel ? [] : [name];
        return ours === kernel || ours === 'conditional' ? [] : [`${name}: ${words || 'fine'}`];
      });
      expect(wrong).toEqual([]);
    },
  );
});

describe('kfuncs', () => {
  /** Refused by name before anything else is asked: their program must be bound to a device. */
  const DEVICE = /metadata kfuncs require device-bound program/;
  test.each(kfuncs.rows.map((row) => [nameOf(row), row] as const))(
    'may be called by %s as the kernel says',
    (_, row) => {
      const attach = row.type === 'struct_ops' ? 0 : attachOf(row);
      const allowed = kfuncsOf(typeOf(row), attach);
      const names = new Set([...allowed.values()].map(({ name }) => name));
      const wrong = kfuncs.kfuncs.filter((name, index) => {
        const words = kfuncs.messages[row.answers[index]!]!;
        if (DEVICE.test(words)) return kfuncByName(name)!.set !== 'xdp_metadata_kfunc_ids';
        return names.has(name) === /calling kernel function %k is not allowed/.test(words);
      });
      expect(wrong).toEqual([]);
    },
  );

  test('all were asked for', () => {
    const asked = kfuncs.kfuncs.filter((name) => kfuncByName(name));
    expect(asked).toHaveLength(129);
    expect(modifyReturnFlags(0)).toBeUndefined();
  });
});

describe('maps', () => {
  const types: Readonly<Record<string, number>> = enums.bpf_map_type;
  test.each(mapRows.map((row) => [`${row.helper} in ${row.type}`, row] as const))(
    '%s takes the map types the kernel takes',
    (_, row) => {
      const helper = helperId(row.helper)!;
      const sockmap = mayUpdateSockmap(typeOf(row), attachOf(row), helper);
      const takes = (map: string): boolean =>
        helperTakesMap(helper, types[`BPF_MAP_TYPE_${map}`]!, sockmap);
      expect(row.taken.filter((map) => !takes(map))).toEqual([]);
      expect(row.refused.filter(takes)).toEqual([]);
    },
  );
});
