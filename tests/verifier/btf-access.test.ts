/** Walking through pointers to structs of the kernel: what may be read, and what it is worth. */
import { describe, expect, it } from 'vitest';
import { enums } from '../../src/abi/index.ts';
import { verify } from '../../src/verifier/verify.ts';
import { inputOf, profile, UNPRIVILEGED } from './programs.ts';

const btf = profile.btf();
const SLEEPABLE = 1 << 4;
const types = enums.bpf_prog_type;
const attaches = enums.bpf_attach_type;

function offsetOf(struct: string, name: string): number {
  const type = btf.type(btf.find('struct', struct)!);
  const members = type.kind === 'struct' ? type.members : [];
  return members.find((member) => member.name === name)!.bitOffset / 8;
}

interface Attached {
  readonly type: number;
  readonly expectedAttachType: number;
  readonly attachBtfId: number;
  readonly flags?: number;
}

/** On a new task, which is the first argument. */
const taskProgram: Attached = {
  type: types.BPF_PROG_TYPE_TRACING,
  expectedAttachType: attaches.BPF_TRACE_RAW_TP,
  attachBtfId: btf.find('typedef', 'btf_trace_task_newtask')!,
};
/** On a file being opened, which is the first argument; may sleep. */
const fileProgram: Attached = {
  type: types.BPF_PROG_TYPE_LSM,
  expectedAttachType: attaches.BPF_LSM_MAC,
  attachBtfId: btf.find('func', 'bpf_lsm_file_open')!,
  flags: SLEEPABLE,
};

const ARGUMENT = 'r6 = *(u64 *)(r1 + 0)';

/** Level-2 log of a program that starts with its first argument in r6. */
function logOf(text: string, program: Partial<Attached> = taskProgram): string {
  const input = inputOf(`${ARGUMENT}; ${text}; r0 = 0; exit`, program);
  return verify(input, profile, { logLevel: 2 }).log;
}

/** Type of the register that the last load of the text made. */
function loaded(text: string, program: Partial<Attached> = taskProgram): string {
  const types_ = [...logOf(text, program).matchAll(/R7_w=([a-z_]+)/g)];
  return types_.at(-1)?.[1] ?? '';
}

const read = (struct: string, member: string, from = 'r6') =>
  `r7 = *(u64 *)(${from} + ${offsetOf(struct, member)})`;

describe('pointers read from', () => {
  it('a trusted task are protected by RCU where the kernel says so', () => {
    expect(loaded(read('task_struct', 'real_parent'))).toBe('rcu_ptr_task_struct');
    expect(loaded(read('task_struct', 'group_leader'))).toBe('rcu_ptr_task_struct');
    expect(loaded(read('task_struct', 'cgroups'))).toBe('rcu_ptr_css_set');
    expect(loaded(read('task_struct', 'last_wakee'))).toBe('ptr_task_struct');
    expect(loaded(read('task_struct', 'stack'))).toBe('scalar');
  });

  it('an RCU pointer may be NULL only where the kernel says so', () => {
    const parent = read('task_struct', 'real_parent');
    expect(loaded(`${parent}; ${read('task_struct', 'cgroups', 'r7')}`)).toBe('rcu_ptr_css_set');
    const attachBtfId = btf.find('typedef', 'btf_trace_kfree_skb')!;
    const socket = read('sk_buff', 'sk');
    expect(loaded(socket, { ...taskProgram, attachBtfId })).toBe('rcu_ptr_or_null_sock');
  });

  it('a plain pointer are plain, and need checks to be passed on', () => {
    const wakee = read('task_struct', 'last_wakee');
    const parent = read('task_struct', 'real_parent', 'r7');
    expect(loaded(`${wakee}; ${parent}`)).toBe('ptr_task_struct');
  });

  it('a file are trusted also in programs that may sleep', () => {
    expect(loaded(read('file', 'f_inode'), fileProgram)).toBe('trusted_ptr_inode');
    expect(loaded(read('file', 'f_cred'), fileProgram)).toBe('untrusted_ptr_cred');
    const cred = `${read('file', 'f_cred')}; ${read('cred', 'user_ns', 'r7')}`;
    expect(loaded(cred, fileProgram)).toBe('untrusted_ptr_user_namespace');
  });
});

describe('an access', () => {
  const size = btf.sizeOf(btf.find('struct', 'task_struct')!);
  const comm = offsetOf('task_struct', 'comm');
  const parent = offsetOf('task_struct', 'real_parent');

  it.each([
    [
      `r7 = *(u64 *)(r6 + ${size - 4})`,
      `access beyond struct task_struct at off ${size - 4} size 8`,
    ],
    ['r7 = *(u64 *)(r6 - 8)', 'R6 is ptr_task_struct invalid negative access: off=-8'],
    [`*(u64 *)(r6 + ${comm}) = 0`, 'only read is supported'],
    [
      `r7 = *(u32 *)(r6 + ${parent})`,
      `cannot access ptr member real_parent with moff ${parent} in struct task_struct ` +
        `with off ${parent} size 4`,
    ],
    [
      `r7 = *(u64 *)(r6 + ${comm + 12})`,
      `access beyond the end of member comm (mend:${comm + 16}) in struct task_struct ` +
        `with off ${comm + 12} size 8`,
    ],
    [
      'r7 = *(u32 *)(r6 + 0); r7 &= 8; r6 += r7; r7 = *(u64 *)(r6 + 0)',
      'R6 is ptr_task_struct invalid variable offset: off=0, var_off=(0x0; 0x8)',
    ],
  ])('%s: %s', (text, words) => {
    expect(logOf(text)).toContain(`${words}\n`);
  });

  it('within an array of numbers may span elements', () => {
    expect(loaded(`r7 = *(u64 *)(r6 + ${comm + 4})`)).toBe('scalar');
  });

  it('needs a license that goes with the GPL, and privileges', () => {
    const text = `${ARGUMENT}; r7 = *(u64 *)(r6 + 0); r0 = 0; exit`;
    const { log } = verify(inputOf(text, { ...taskProgram, license: 'MIT' }), profile, {
      logLevel: 1,
    });
    expect(log).toContain(
      "Cannot access kernel 'struct task_struct' from non-GPL compatible program\n",
    );
    const refused = verify(inputOf(text, taskProgram), profile, { capabilities: UNPRIVILEGED });
    expect(refused.errnoName).toBe('EPERM');
  });
});

describe('the maps themselves', () => {
  const map = {
    name: 'm',
    type: enums.bpf_map_type.BPF_MAP_TYPE_ARRAY,
    keySize: 4,
    valueSize: 8,
    maxEntries: 1,
    flags: 0,
    extra: 0n,
    btf: undefined,
    keyTypeId: 0,
    valueTypeId: 0,
  };

  function mapLog(text: string): string {
    const input = inputOf(`r6 = 0 ll; ${text}; r0 = 0; exit`, { maps: [map] });
    input.insns[1]! |= 1 << 4;
    return verify(input, profile, { logLevel: 2 }).log;
  }

  it('are structs that may be read', () => {
    const entries = `${offsetOf('bpf_map', 'max_entries')}`;
    expect(mapLog(`r7 = *(u32 *)(r6 + ${entries})`)).toMatch(/R7_w=scalar/);
    expect(mapLog(`r7 = *(u64 *)(r6 + 0)`)).toMatch(/R7_w=ptr_bpf_map_ops/);
    expect(mapLog(`*(u32 *)(r6 + ${entries}) = 1`)).toContain(
      'only read from bpf_array is supported\n',
    );
    expect(mapLog('r7 = *(u8 *)(r6 - 1)')).toContain(
      'R6 is bpf_array invalid negative access: off=-1\n',
    );
  });
});
