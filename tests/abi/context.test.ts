/** Context access, every cell of it, against what the kernel answered. */
import { describe, expect, test } from 'vitest';
import {
  READ,
  READ_SIGNED,
  REFUSED,
  WRITE,
  accessFieldSize,
  accessType,
  contextRules,
  socketRules,
} from '../../src/abi/context/index.ts';
import { registerTypes } from '../../src/abi/context/rules.ts';
import { constants, enums, programTypeId } from '../../src/abi/index.ts';
import { expand, readRecord, type Ranges as Offsets } from './oracle.ts';

interface Row {
  readonly type: string;
  readonly attach: keyof typeof enums.bpf_attach_type | null;
  readonly capBpf: boolean;
  readonly probed: Offsets;
  readonly allowed: Readonly<Record<string, Offsets>>;
}
const { rows } = readRecord<{ rows: readonly Row[] }>('context-access');

const { PTR_MAYBE_NULL, PTR_TRUSTED, PTR_TO_BTF_ID } = registerTypes;
/** Words of the kernel's log. */
const WORDS: Readonly<Record<number, string>> = {
  [registerTypes.SCALAR_VALUE]: 'scalar',
  [registerTypes.PTR_TO_PACKET]: 'pkt',
  [registerTypes.PTR_TO_PACKET_META]: 'pkt_meta',
  [registerTypes.PTR_TO_PACKET_END]: 'pkt_end',
  [registerTypes.PTR_TO_FLOW_KEYS]: 'flow_keys',
  [registerTypes.PTR_TO_SOCKET]: 'sock',
  [registerTypes.PTR_TO_SOCKET | PTR_MAYBE_NULL]: 'sock_or_null',
  [registerTypes.PTR_TO_SOCK_COMMON | PTR_MAYBE_NULL]: 'sock_common_or_null',
  [registerTypes.PTR_TO_TP_BUFFER]: 'tp_buffer',
  [PTR_TO_BTF_ID | PTR_TRUSTED]: 'trusted_ptr_',
};
const MODES = { read: READ, read_signed: READ_SIGNED, write: WRITE } as const;

const attachOf = ({ attach }: Row): number => (attach ? enums.bpf_attach_type[attach] : 0);

/** What our tables say, in the form of the recorded rows. */
function ours(row: Row): Record<string, number[]> {
  const rules = contextRules(programTypeId(row.type)!, attachOf(row))!;
  const allowed: Record<string, number[]> = {};
  for (const offset of expand(row.probed)) {
    for (const size of [1, 2, 4, 8]) {
      for (const [word, mode] of Object.entries(MODES)) {
        const result = rules.access(offset, size, mode, row.capBpf);
        if (result === REFUSED || (mode === READ_SIGNED && size === 8)) continue;
        const type = WORDS[accessType(result)] + (rules.structAt(offset) ?? '');
        (allowed[mode === WRITE ? `write ${size}` : `${word} ${size} ${type}`] ??= []).push(offset);
      }
    }
  }
  return allowed;
}

describe('context access', () => {
  test.each(
    rows.map(
      (row) =>
        [`${row.type} ${row.attach ?? ''} ${row.capBpf ? '' : 'unprivileged'}`, row] as const,
    ),
  )('%s: as the kernel answered', (_, row) => {
    const kernel = Object.entries(row.allowed).map(([key, offsets]) => [key, expand(offsets)]);
    expect(ours(row)).toEqual(Object.fromEntries(kernel));
  });

  test('the record covers every program type with a context of its own that the kernel has', () => {
    const recorded = new Set(rows.map(({ type }) => type));
    const others = ['unspec', 'tracing', 'struct_ops', 'ext', 'lsm', 'lirc_mode2'];
    const types = Object.keys(enums.bpf_prog_type)
      .map((name) => name.slice('BPF_PROG_TYPE_'.length).toLowerCase())
      .filter((name) => !others.includes(name) && !name.startsWith('_'));
    expect(types.filter((name) => !recorded.has(name))).toEqual([]);
  });

  test('tells the size of the field a narrow load is part of', () => {
    const tc = contextRules(constants.BPF_PROG_TYPE_SCHED_CLS, 0)!;
    expect(accessFieldSize(tc.access(0, 1, READ, true))).toBe(4);
    expect(accessFieldSize(tc.access(152, 8, READ, true))).toBe(0);
    const perf = contextRules(constants.BPF_PROG_TYPE_PERF_EVENT, 0)!;
    expect(accessFieldSize(perf.access(168, 2, READ, true))).toBe(8);
  });

  test('arguments by BTF are marked so', () => {
    expect(contextRules(constants.BPF_PROG_TYPE_TRACING, 0)!.btf).toBe(true);
    expect(contextRules(constants.BPF_PROG_TYPE_LSM, 0)!.btf).toBe(true);
    expect(contextRules(constants.BPF_PROG_TYPE_XDP, 0)!.btf).toBe(false);
    expect(contextRules(constants.BPF_PROG_TYPE_EXT, 0)).toBeUndefined();
  });
});

interface SocketRow {
  readonly pointer: string;
  readonly probed: Offsets;
  readonly allowed: Readonly<Record<string, Offsets>>;
}
const POINTERS: Readonly<Record<string, number>> = {
  sock: registerTypes.PTR_TO_SOCKET,
  sock_common: registerTypes.PTR_TO_SOCK_COMMON,
  tcp_sock: registerTypes.PTR_TO_TCP_SOCK,
  xdp_sock: registerTypes.PTR_TO_XDP_SOCK,
};
const socketRecord = readRecord<{ rows: readonly SocketRow[] }>('socket-access');

describe('loads through socket pointers', () => {
  test.each(socketRecord.rows.map((row) => [row.pointer, row] as const))(
    '%s: as the kernel answered',
    (_, row) => {
      const rules = socketRules(POINTERS[row.pointer]!)!;
      const allowed: Record<string, number[]> = {};
      for (const offset of expand(row.probed)) {
        for (const size of [1, 2, 4, 8]) {
          for (const [word, mode] of Object.entries({ read: READ, read_signed: READ_SIGNED })) {
            const signed64 = mode === READ_SIGNED && size === 8;
            const result = rules.access(offset, size, mode as typeof READ, true);
            if (result !== REFUSED && !signed64) (allowed[`${word} ${size}`] ??= []).push(offset);
          }
        }
      }
      const kernel = Object.entries(row.allowed).map(([key, offsets]) => [key, expand(offsets)]);
      expect(allowed).toEqual(Object.fromEntries(kernel));
    },
  );

  test('a common socket has no type, protocol, mark and priority', () => {
    const common = socketRules(registerTypes.PTR_TO_SOCK_COMMON)!;
    const full = socketRules(registerTypes.PTR_TO_SOCKET)!;
    for (const offset of [8, 12, 16, 20]) {
      expect(common.access(offset, 4, READ, true)).toBe(REFUSED);
      expect(full.access(offset, 4, READ, true)).not.toBe(REFUSED);
    }
    for (const offset of [0, 4, 24, 28, 44, 48, 72, 76]) {
      expect(common.access(offset, 4, READ, true)).toBe(full.access(offset, 4, READ, true));
    }
  });

  test('counters of a TCP socket are 8 bytes wide', () => {
    const tcp = socketRules(registerTypes.PTR_TO_TCP_SOCK)!;
    expect(tcp.access(80, 8, READ, true)).not.toBe(REFUSED);
    expect(tcp.access(80, 4, READ, true)).toBe(REFUSED);
    expect(tcp.access(112, 4, READ, true)).toBe(REFUSED);
  });
});
