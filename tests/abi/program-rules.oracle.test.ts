/** Return values, attach types, capabilities, packet access: all against the kernel's answers. */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  canBeSleepable,
  constants,
  loadKernelProfile,
  lsmHook,
  programRules,
  returnRange,
  returnsNothing,
  takesAttachType,
} from '../../src/abi/index.ts';
import type { Btf } from '../../src/btf/index.ts';
import {
  CAP_BPF,
  CAP_NET_ADMIN,
  CAP_PERFMON,
  attachOf,
  expand,
  has,
  nameOf,
  readRecord,
  typeOf,
  type Ranges,
  type RecordedProgram,
} from './oracle.ts';

type Values = Readonly<Record<string, string>>;
interface Record_ {
  readonly returns: readonly (RecordedProgram & { readonly values: Values })[];
  readonly lsm: readonly {
    readonly hook: string;
    readonly attach: string;
    readonly sleepable?: boolean;
    readonly values: Values;
  }[];
  readonly attach: readonly {
    readonly type: string;
    readonly probed: Ranges;
    readonly accepted: Ranges;
    readonly sleepable: Ranges;
    readonly mustSleep: Ranges;
    readonly cannotSleep: Ranges;
  }[];
  readonly capabilities: readonly (RecordedProgram & { readonly refused: readonly number[] })[];
  readonly legacyPacketLoads: readonly (RecordedProgram & { readonly allowed: boolean })[];
  readonly packet: readonly (RecordedProgram & {
    readonly read: boolean;
    readonly write: boolean;
    readonly helper: boolean;
    readonly 'helper pkt_access': boolean;
  })[];
}
const kernel = readRecord<Record_>('program-rules');

let btf: Btf;
beforeAll(async () => {
  btf = (await loadKernelProfile()).btf();
});

function targetIsVoid({ type, target, member }: RecordedProgram): boolean {
  if (!target) return false;
  const kind = type === 'struct_ops' ? 'struct' : 'func';
  const found = btf.find(kind, target);
  if (found === undefined) return false;
  let proto = btf.type(found);
  if (proto.kind === 'struct') {
    const pointer = btf.resolved(proto.members.find(({ name }) => name === member)!.type);
    proto = btf.type('type' in pointer ? pointer.type : 0);
  }
  if (proto.kind === 'func') proto = btf.type(proto.type);
  return proto.kind === 'func_proto' && proto.returns === 0;
}

/** [what the low half is, what all of r0 is] for the words of the record. */
const SPECIAL: Readonly<Record<string, readonly [number, number]>> = {
  '-1w': [-1, 0xffff_ffff],
  '1<<32': [0, 2 ** 32],
  '1<<32|1': [1, 2 ** 32 + 1],
};

function verdict(program: RecordedProgram, value: string): string {
  const isVoid = targetIsVoid(program);
  const [type, attach] = [typeOf(program), attachOf(program)];
  const nothing = returnsNothing(type, attach, isVoid);
  if (value === 'unset') return nothing ? 'ok' : 'unset';
  const range = returnRange(type, attach, {
    attachBtf: program.target !== undefined,
    targetIsVoid: isVoid,
    ...(program.target && { target: program.target }),
  });
  if (nothing || range === 'any') return 'ok';
  if (range === 'unsupported') return 'unsupported';
  const [low, all] = SPECIAL[value] ?? [Number(value), Number(value)];
  const number = range.bits32 ? low : all;
  return number >= range.min && number <= range.max ? 'ok' : 'range';
}

const ours = (program: RecordedProgram, values: Values): Values =>
  Object.fromEntries(Object.keys(values).map((value) => [value, verdict(program, value)]));

describe('return values', () => {
  test.each(kernel.returns.map((row) => [nameOf(row), row] as const))('of %s', (_, row) => {
    expect(ours(row, row.values)).toEqual(row.values);
  });
});

describe('LSM hooks', () => {
  test('take the programs and return values the kernel takes', () => {
    for (const { hook, attach, sleepable, values } of kernel.lsm) {
      const program = { type: 'lsm', attach, target: hook };
      const { disabled, sleepable: maySleep } = lsmHook(hook)!;
      const refused = !sleepable
        ? disabled && 'disabled'
        : (!canBeSleepable(constants.BPF_PROG_TYPE_LSM, attachOf(program)) &&
            'cannot be sleepable') ||
          (!maySleep && 'hook is not sleepable') ||
          (disabled && 'disabled');
      const expected = refused
        ? Object.fromEntries(Object.keys(values).map((value) => [value, refused]))
        : ours(program, values);
      expect(expected, `${hook} ${attach}`).toEqual(values);
    }
  });
});

describe('expected attach types', () => {
  test.each(kernel.attach.map((row) => [row.type, row] as const))('of %s', (_, row) => {
    const type = typeOf(row);
    const probed = expand(row.probed);
    const taken = probed.filter((attach) => takesAttachType(type, attach));
    const sleepable = taken.filter((attach) => canBeSleepable(type, attach));
    const mustSleep = type === constants.BPF_PROG_TYPE_SYSCALL ? taken : [];
    expect(expand(row.accepted)).toEqual(taken.filter((attach) => !mustSleep.includes(attach)));
    expect(expand(row.mustSleep)).toEqual(mustSleep);
    expect(expand(row.sleepable)).toEqual(sleepable);
    expect(expand(row.cannotSleep)).toEqual(taken.filter((attach) => !sleepable.includes(attach)));
  });
});

test('capabilities: loads are refused without the right ones', () => {
  for (const row of kernel.capabilities) {
    const { needs } = programRules(typeOf(row))!;
    const refused = Array.from({ length: 16 }, (_, set) => set).filter(
      (set) =>
        (needs.bpf && !has(set, CAP_BPF)) ||
        (needs.netAdmin && !has(set, CAP_NET_ADMIN)) ||
        (needs.perfmon && !has(set, CAP_PERFMON)),
    );
    expect(refused, nameOf(row)).toEqual(row.refused);
  }
});

test('BPF_LD_ABS is for socket filters and tc', () => {
  for (const row of kernel.legacyPacketLoads) {
    expect(programRules(typeOf(row))!.legacyPacketLoads, nameOf(row)).toBe(row.allowed);
  }
});

test('packet pointers: reads are fine, writes and helpers as the rules say', () => {
  for (const row of kernel.packet) {
    const { packet } = programRules(typeOf(row))!;
    expect(row.read, nameOf(row)).toBe(true);
    expect(packet?.write ?? false, nameOf(row)).toBe(row.write);
    expect(packet?.helpers === 'always', nameOf(row)).toBe(row.helper);
    expect(packet !== undefined, nameOf(row)).toBe(row['helper pkt_access']);
  }
});
