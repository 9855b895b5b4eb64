import type { Btf } from '../../btf/index.ts';
import type { ContextArg } from '../env.ts';
import { KERNEL_BTF } from '../env.ts';
import {
  MEM_RDONLY,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TRUSTED,
} from '../state/layout.ts';

/** A member of an iterator's context that is more than a number. */
interface IteratorArg {
  readonly member: string;
  readonly type: number;
  /** Struct it points to, for BTF pointers. */
  readonly struct?: string;
}

const OBJECT = PTR_TO_BTF_ID | PTR_MAYBE_NULL;
const TRUSTED = OBJECT | PTR_TRUSTED;
const KEY = PTR_TO_BUF | PTR_MAYBE_NULL | MEM_RDONLY;
const VALUE = PTR_TO_BUF | PTR_MAYBE_NULL;

/** Iterators of the kernel itself (struct bpf_iter_reg), by the name behind 'iter/'. */
const ITERATORS: Readonly<Record<string, readonly IteratorArg[]>> = {
  bpf_map: [{ member: 'map', type: TRUSTED, struct: 'bpf_map' }],
  bpf_map_elem: [
    { member: 'key', type: KEY },
    { member: 'value', type: VALUE },
  ],
  bpf_prog: [{ member: 'prog', type: OBJECT, struct: 'bpf_prog' }],
  bpf_link: [{ member: 'link', type: OBJECT, struct: 'bpf_link' }],
  task: [{ member: 'task', type: TRUSTED, struct: 'task_struct' }],
  task_file: [
    { member: 'task', type: OBJECT, struct: 'task_struct' },
    { member: 'file', type: OBJECT, struct: 'file' },
  ],
  task_vma: [
    { member: 'task', type: OBJECT, struct: 'task_struct' },
    { member: 'vma', type: OBJECT, struct: 'vm_area_struct' },
  ],
  cgroup: [{ member: 'cgroup', type: TRUSTED, struct: 'cgroup' }],
  ksym: [{ member: 'ksym', type: OBJECT, struct: 'kallsym_iter' }],
  bpf_sk_storage_map: [
    { member: 'sk', type: OBJECT, struct: 'sock' },
    { member: 'value', type: VALUE },
  ],
  sockmap: [
    { member: 'key', type: KEY },
    { member: 'sk', type: OBJECT, struct: 'sock' },
  ],
  netlink: [{ member: 'sk', type: OBJECT, struct: 'netlink_sock' }],
  tcp: [{ member: 'sk_common', type: TRUSTED, struct: 'sock_common' }],
  udp: [{ member: 'udp_sk', type: TRUSTED, struct: 'udp_sock' }],
  unix: [{ member: 'unix_sk', type: OBJECT, struct: 'unix_sock' }],
  ipv6_route: [{ member: 'rt', type: OBJECT, struct: 'fib6_info' }],
};

/** Pointers in the context of an iterator; undefined if the kernel has none of that name. */
export function iteratorArgs(btf: Btf, name: string): readonly ContextArg[] | undefined {
  if (!Object.hasOwn(ITERATORS, name)) return undefined;
  const context = btf.type(btf.find('struct', `bpf_iter__${name}`) ?? 0);
  const members = context.kind === 'struct' ? context.members : [];
  return ITERATORS[name]!.flatMap(({ member, type, struct }) => {
    const place = members.find((each) => memberName(btf, each) === member);
    if (!place) return [];
    const btfId = struct === undefined ? 0 : (btf.find('struct', struct) ?? 0);
    return [{ offset: place.bitOffset / 8, type, btf: KERNEL_BTF, btfId }];
  });
}

/** Pointers of a context stand in unions without name that make them 8 bytes everywhere. */
function memberName(btf: Btf, member: { readonly name: string; readonly type: number }): string {
  if (member.name !== '') return member.name;
  const type = btf.type(member.type);
  return type.kind === 'union' ? (type.members[0]?.name ?? '') : '';
}
