/** Fields of map values and allocated objects that only certain calls may touch. */
import { describe, expect, it } from 'vitest';
import { constants } from '../../src/abi/index.ts';
import type { Btf } from '../../src/btf/index.ts';
import { FieldError, parseFields } from '../../src/abi/fields/parse.ts';
import {
  BPF_KPTR_REF,
  BPF_KPTR_UNREF,
  BPF_LIST_HEAD,
  BPF_SPIN_LOCK,
  BPF_TIMER,
  mapFieldsError,
  recordOf,
  structRecord,
} from '../../src/verifier/fields/record.ts';
import type { VerifierMap } from '../../src/verifier/types.ts';
import { BtfBuilder, type Member } from '../btf/build.ts';
import { envOf, profile } from './programs.ts';

const ALL = 0x7ff;
const own = (struct: { readonly id: number }) => ({ kernel: false, id: struct.id });

/** Types every test starts from, by name. */
function types() {
  const b = new BtfBuilder();
  const word = b.int('unsigned int', 4);
  const long = b.int('unsigned long long', 8);
  const lock = b.struct('bpf_spin_lock', 4, [['val', word, 0]]);
  const pair = b.array(long, 2);
  const timer = b.struct('bpf_timer', 16, [['__opaque', pair, 0]]);
  const triple = b.array(long, 3);
  const node = b.struct('bpf_list_node', 24, [['__opaque', triple, 0]]);
  const head = b.struct('bpf_list_head', 16, [['__opaque', pair, 0]]);
  return { b, word, long, lock, timer, node, head };
}

const fieldsOf = (btf: Btf, id: number, size: number, mask = ALL) =>
  parseFields(btf, id, mask, size, own);

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof FieldError) return error.errno;
    throw error;
  }
  return '';
}

describe('special fields', () => {
  it('are found by the name of their struct, with what is known of them', () => {
    const { b, word, lock, timer } = types();
    const members: Member[] = [
      ['a', word, 0],
      ['lock', lock, 32],
      ['t', timer, 64],
    ];
    const id = b.struct('value', 24, members);
    const record = fieldsOf(b.parse(), id, 24)!;
    expect(record.fields.map(({ type, offset, size }) => [type, offset, size])).toEqual([
      [BPF_SPIN_LOCK, 4, 4],
      [BPF_TIMER, 8, 16],
    ]);
    expect(record).toMatchObject({ spinLockOff: 4, timerOff: 8, wqOff: -1, refcountOff: -1 });
  });

  it('are found in structs inside and count once where they must', () => {
    const { b, word, lock } = types();
    const inner = b.struct('inner', 8, [
      ['x', word, 0],
      ['lock', lock, 32],
    ]);
    const nested = b.struct('outer', 16, [
      ['y', word, 0],
      ['inner', inner, 64],
    ]);
    const twice = b.struct('twice', 16, [
      ['one', inner, 0],
      ['two', inner, 64],
    ]);
    const btf = b.parse();
    expect(fieldsOf(btf, nested, 16)!.spinLockOff).toBe(12);
    expect(refusal(() => fieldsOf(btf, twice, 16))).toBe('E2BIG');
    expect(fieldsOf(btf, twice, 16, BPF_TIMER)).toBeUndefined();
  });

  it('are kptrs where a pointer is tagged; arrays repeat them', () => {
    const { b, long } = types();
    const target = b.struct('thing', 8, [['x', long, 0]]);
    const tag = b.add('type_tag', 'kptr', target);
    const pointer = b.add('ptr', '', tag);
    const weak = b.add('ptr', '', b.add('type_tag', 'kptr_untrusted', target));
    const strange = b.add('ptr', '', b.add('type_tag', 'kptr_something', target));
    const several = b.array(pointer, 3);
    const id = b.struct('value', 40, [
      ['weak', weak, 0],
      ['plain', b.add('ptr', '', target), 64],
      ['several', several, 128],
    ]);
    const bad = b.struct('bad', 8, [['p', strange, 0]]);
    const btf = b.parse();
    const { fields } = fieldsOf(btf, id, 40)!;
    expect(fields.map(({ type, offset, btfId }) => [type, offset, btfId])).toEqual([
      [BPF_KPTR_UNREF, 0, target],
      [BPF_KPTR_REF, 16, target],
      [BPF_KPTR_REF, 24, target],
      [BPF_KPTR_REF, 32, target],
    ]);
    expect(refusal(() => fieldsOf(btf, bad, 8))).toBe('EINVAL');
  });

  it('are list heads that say what they hold, next to a lock', () => {
    const { b, long, lock, node, head } = types();
    const element = b.struct('element', 32, [
      ['x', long, 0],
      ['node', node, 64],
    ]);
    const members: Member[] = [
      ['head', head, 0],
      ['lock', lock, 128],
    ];
    const id = b.struct('list', 24, members);
    b.add('decl_tag', 'contains:element:node', id, 0, [0]);
    const untagged = b.struct('untagged', 24, members);
    const unlocked = b.struct('unlocked', 16, [['head', head, 0]]);
    b.add('decl_tag', 'contains:element:node', unlocked, 0, [0]);
    const btf = b.parse();
    expect(fieldsOf(btf, id, 24)!.fields[0]).toMatchObject({
      type: BPF_LIST_HEAD,
      valueBtfId: element,
      nodeOffset: 8,
    });
    expect(refusal(() => fieldsOf(btf, untagged, 24))).toBe('EINVAL');
    expect(refusal(() => fieldsOf(btf, unlocked, 16))).toBe('EINVAL');
    const { env } = envOf('exit');
    expect(structRecord(env, btf, id)?.mask).toBe(BPF_LIST_HEAD | BPF_SPIN_LOCK);
    expect(structRecord(env, btf, lock)).toBeUndefined();
  });
});

describe('special fields of a map', () => {
  const { b, word, lock } = types();
  const kernel = b.struct('task_struct', 4, [['x', word, 0]]);
  const other = b.struct('sk_buff', 4, [['x', word, 0]]);
  const pointerTo = (id: number) => b.add('ptr', '', b.add('type_tag', 'kptr', id));
  const locked = b.struct('locked', 8, [['lock', lock, 0]]);
  const task = b.struct('task', 8, [['k', pointerTo(kernel), 0]]);
  const skb = b.struct('skb', 8, [['k', pointerTo(other), 0]]);
  const btf = b.parse();
  const map = (
    valueTypeId: number,
    type: number,
    more: Partial<VerifierMap> = {},
  ): VerifierMap => ({
    name: 'm',
    type,
    keySize: 4,
    valueSize: 8,
    maxEntries: 1,
    flags: 0,
    extra: 0n,
    btf,
    keyTypeId: word,
    valueTypeId,
    ...more,
  });
  const { env } = envOf('exit');

  it('depend on the type of the map', () => {
    expect(recordOf(env, map(locked, constants.BPF_MAP_TYPE_ARRAY))?.spinLockOff).toBe(0);
    const lru = map(locked, constants.BPF_MAP_TYPE_LRU_HASH);
    expect(recordOf(env, lru)).toBeUndefined();
    expect(mapFieldsError(profile, lru)).toBe('EOPNOTSUPP');
    const flags = constants.BPF_F_RDONLY_PROG;
    expect(mapFieldsError(profile, map(locked, constants.BPF_MAP_TYPE_HASH, { flags }))).toBe(
      'EACCES',
    );
  });

  it('point into the kernel where it has a struct of that name and a way to release it', () => {
    const record = recordOf(env, map(task, constants.BPF_MAP_TYPE_ARRAY))!;
    const id = profile.btf().find('struct', 'task_struct');
    expect(record.fields[0]).toMatchObject({ btf: undefined, btfId: id });
    expect(recordOf(env, map(skb, constants.BPF_MAP_TYPE_ARRAY))).toBeUndefined();
  });
});
