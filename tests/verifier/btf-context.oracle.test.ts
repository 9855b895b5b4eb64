/** Loads from contexts that BTF describes, against what the real kernel answered. */
import { describe, expect, it } from 'vitest';
import { enums } from '../../src/abi/index.ts';
import { verify } from '../../src/verifier/verify.ts';
import { expand, type Ranges, readRecord } from '../abi/oracle.ts';
import { inputOf, profile } from './programs.ts';

interface Row {
  readonly attach: string;
  readonly target: string;
  readonly refused?: string;
  readonly probed?: Readonly<Record<string, Ranges>>;
  readonly loads?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const { rows } = readRecord<{ rows: readonly Row[] }>('btf-context');
const types = enums.bpf_prog_type;
const attaches = enums.bpf_attach_type;
const btf = profile.btf();

/** How the program of a row attaches. */
function attachment({ attach, target }: Row) {
  const func = (name: string) => btf.find('func', name)!;
  switch (attach) {
    case 'raw_tp': {
      const id = btf.find('typedef', `btf_trace_${target}`)!;
      return { type: types.BPF_PROG_TYPE_TRACING, attach: attaches.BPF_TRACE_RAW_TP, id };
    }
    case 'iter':
      return {
        type: types.BPF_PROG_TYPE_TRACING,
        attach: attaches.BPF_TRACE_ITER,
        id: func(target),
      };
    case 'lsm_mac':
    case 'lsm_cgroup': {
      const at = attach === 'lsm_mac' ? attaches.BPF_LSM_MAC : attaches.BPF_LSM_CGROUP;
      return { type: types.BPF_PROG_TYPE_LSM, attach: at, id: func(target) };
    }
    case 'struct_ops': {
      const [name, member] = target.split('.');
      const id = btf.find('struct', name!)!;
      const struct = btf.type(id);
      const members = struct.kind === 'struct' ? struct.members : [];
      const index = members.findIndex((m) => m.name === member);
      return { type: types.BPF_PROG_TYPE_STRUCT_OPS, attach: index, id };
    }
    default: {
      const name = `BPF_${attach.toUpperCase()}` as keyof typeof attaches;
      return { type: types.BPF_PROG_TYPE_TRACING, attach: attaches[name], id: func(target) };
    }
  }
}

const SIZES: Readonly<Record<string, string>> = { 1: 'u8', 2: 'u16', 4: 'u32', 8: 'u64' };

/** 'R0_w=trusted_ptr_sock()' → 'trusted_ptr_sock'; scalars with their range, if they have one. */
function loadedType(log: string): string {
  const register = /R0_w=(\S*)/.exec(log)?.[1] ?? '';
  if (!register.startsWith('scalar')) return register.replace(/\(.*/, '');
  const range = /smin=smin32=(-?\d+),smax=(?:umax=smax32=umax32|smax32)=(\d+)/.exec(register);
  return range ? `scalar ${range[1]}..${range[2]}` : 'scalar';
}

/** Loads of less than a word have a range by nature. */
const withoutRange = (type: string | undefined, size: string) =>
  size === '8' ? type : type?.replace(/ .*/, '');

function load(row: Row, size: string, off: number): string | undefined {
  const { type, attach, id } = attachment(row);
  const at = off < 0 ? `- ${-off}` : `+ ${off}`;
  const input = inputOf(`r0 = *(${SIZES[size]} *)(r1 ${at}); r0 = 0; exit`, {
    type,
    expectedAttachType: attach,
    attachBtfId: id,
  });
  const { log } = verify(input, profile, { logLevel: 2 });
  return log.includes('invalid bpf_context access')
    ? undefined
    : withoutRange(loadedType(log), size);
}

describe('loads from the arguments of', () => {
  for (const attach of new Set(rows.map((row) => row.attach))) {
    it(attach, () => {
      const differing: string[] = [];
      for (const row of rows.filter((r) => r.attach === attach)) {
        for (const [size, ranges] of Object.entries(row.probed ?? {}) as [string, Ranges][]) {
          for (const off of expand(ranges)) {
            const kernel = withoutRange(row.loads?.[size]?.[off], size);
            const ours = load(row, size, off);
            if (ours !== kernel)
              differing.push(`${row.target} u${size} ${off}: ${ours}, ${kernel}`);
          }
        }
      }
      expect(differing).toEqual([]);
    });
  }
});
