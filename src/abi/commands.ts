/**
 * The commands of bpf(2) and what of union bpf_attr each takes. Names are the kernel's, places come
 * from its headers; where a command stops reading is CHECK_ATTR of kernel/bpf/syscall.c.
 */
import { attrMembers, attrSize, lastMembers } from './generated/6.12/commands.ts';
import { enums } from './generated/6.12/enums.ts';

export { attrSize } from './generated/6.12/commands.ts';

/** What a member holds: a number, an address of bytes or of text, or text itself. */
export type AttrKind = 'number' | 'bytes' | 'text' | 'name';

export interface AttrMember {
  /** In camel case, without the name of the command's own struct: 'inBatch'. */
  readonly key: string;
  /** In a struct of its own inside that of the command: 'tcx'. */
  readonly group: string | undefined;
  readonly kind: AttrKind;
  readonly offset: number;
  readonly size: number;
  /** The kernel writes it. */
  readonly out: boolean;
}

export interface CommandDef {
  /** The kernel's word: 'map_create'. */
  readonly name: string;
  /** In camel case: 'mapCreate'. */
  readonly method: string;
  /** BPF_* */
  readonly id: number;
  readonly members: readonly AttrMember[];
  /** Where the last member ends: bytes from here to `attrSize` must be zero. */
  readonly end: number;
}

// Marks: * address of bytes, $ address of text, ~ text in place, > also written by the kernel.
const ELEM = 'map_fd *key *value flags';
const BATCH =
  'batch.*in_batch batch.*out_batch batch.*keys batch.*values batch.>count batch.map_fd ' +
  'batch.elem_flags batch.flags';
const NEXT = 'start_id >next_id';
const ATTACH =
  'target_fd attach_bpf_fd attach_type attach_flags replace_bpf_fd relative_fd expected_revision';
const MPROG = (name: string): string =>
  `link_create.${name}.relative_fd link_create.${name}.expected_revision `;

const MEMBERS: Readonly<Record<string, string>> = {
  map_create:
    'map_type key_size value_size max_entries map_flags inner_map_fd numa_node ~map_name ' +
    'map_ifindex btf_fd btf_key_type_id btf_value_type_id btf_vmlinux_value_type_id map_extra ' +
    'value_type_btf_obj_fd map_token_fd',
  map_lookup_elem: ELEM,
  map_update_elem: ELEM,
  map_delete_elem: 'map_fd *key',
  map_get_next_key: 'map_fd *key *next_key',
  prog_load:
    'prog_type insn_cnt *insns $license log_level log_size *log_buf kern_version prog_flags ' +
    '~prog_name prog_ifindex expected_attach_type prog_btf_fd func_info_rec_size *func_info ' +
    'func_info_cnt line_info_rec_size *line_info line_info_cnt attach_btf_id attach_prog_fd ' +
    'core_relo_cnt *fd_array *core_relos core_relo_rec_size >log_true_size prog_token_fd',
  obj_pin: '$pathname bpf_fd file_flags path_fd',
  obj_get: '$pathname bpf_fd file_flags path_fd',
  prog_attach: ATTACH,
  prog_detach: ATTACH,
  prog_test_run:
    'test.prog_fd test.>retval test.data_size_in test.>data_size_out test.*data_in ' +
    'test.*data_out test.repeat test.>duration test.ctx_size_in test.>ctx_size_out ' +
    'test.*ctx_in test.*ctx_out test.flags test.cpu test.batch_size',
  prog_get_next_id: NEXT,
  map_get_next_id: NEXT,
  prog_get_fd_by_id: 'prog_id',
  map_get_fd_by_id: 'map_id open_flags',
  obj_get_info_by_fd: 'info.bpf_fd info.>info_len info.*info',
  prog_query:
    'query.target_fd query.attach_type query.query_flags query.>attach_flags query.*prog_ids ' +
    'query.>prog_cnt query.*prog_attach_flags query.*link_ids query.*link_attach_flags ' +
    'query.>revision',
  raw_tracepoint_open: 'raw_tracepoint.$name raw_tracepoint.prog_fd raw_tracepoint.cookie',
  btf_load:
    '*btf *btf_log_buf btf_size btf_log_size btf_log_level >btf_log_true_size btf_flags ' +
    'btf_token_fd',
  btf_get_fd_by_id: 'btf_id',
  task_fd_query:
    'task_fd_query.pid task_fd_query.fd task_fd_query.flags task_fd_query.>buf_len ' +
    'task_fd_query.*buf task_fd_query.>prog_id task_fd_query.>fd_type ' +
    'task_fd_query.>probe_offset task_fd_query.>probe_addr',
  map_lookup_and_delete_elem: ELEM,
  map_freeze: 'map_fd',
  btf_get_next_id: NEXT,
  map_lookup_batch: BATCH,
  map_lookup_and_delete_batch: BATCH,
  map_update_batch: BATCH,
  map_delete_batch: BATCH,
  link_create:
    'link_create.prog_fd link_create.target_fd link_create.attach_type link_create.flags ' +
    'link_create.target_btf_id link_create.*iter_info link_create.iter_info_len ' +
    'link_create.perf_event.bpf_cookie link_create.kprobe_multi.flags ' +
    'link_create.kprobe_multi.cnt link_create.kprobe_multi.*syms ' +
    'link_create.kprobe_multi.*addrs link_create.kprobe_multi.*cookies ' +
    'link_create.tracing.target_btf_id link_create.tracing.cookie link_create.netfilter.pf ' +
    'link_create.netfilter.hooknum link_create.netfilter.priority link_create.netfilter.flags ' +
    MPROG('tcx') +
    MPROG('netkit') +
    MPROG('cgroup') +
    'link_create.uprobe_multi.$path link_create.uprobe_multi.*offsets ' +
    'link_create.uprobe_multi.*ref_ctr_offsets link_create.uprobe_multi.*cookies ' +
    'link_create.uprobe_multi.cnt link_create.uprobe_multi.flags link_create.uprobe_multi.pid',
  link_update:
    'link_update.link_fd link_update.new_prog_fd link_update.flags link_update.old_prog_fd',
  link_get_fd_by_id: 'link_id',
  link_get_next_id: NEXT,
  enable_stats: 'enable_stats.type',
  iter_create: 'iter_create.link_fd iter_create.flags',
  link_detach: 'link_detach.link_fd',
  prog_bind_map: 'prog_bind_map.prog_fd prog_bind_map.map_fd prog_bind_map.flags',
  token_create: 'token_create.flags token_create.bpffs_fd',
};

const KINDS: Readonly<Record<string, AttrKind>> = { '*': 'bytes', $: 'text', '~': 'name' };

/** 'in_batch' → 'inBatch'. */
const camelCase = (name: string): string =>
  name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function memberOf(text: string): AttrMember {
  const mark = /[*$~>]/.exec(text)?.[0] ?? '';
  const path = text.replace(mark, '');
  const [offset, size] = attrMembers[path]!;
  const words = path.split('.');
  return {
    key: camelCase(words.at(-1)!),
    group: words.length > 2 ? camelCase(words[1]!) : undefined,
    kind: KINDS[mark] ?? 'number',
    offset,
    size,
    out: mark === '>',
  };
}

function commandOf(name: string, members: string): CommandDef {
  const key = `BPF_${name.toUpperCase()}`;
  const [offset, size] = attrMembers[lastMembers[key]!]!;
  const id = enums.bpf_cmd[key as keyof typeof enums.bpf_cmd];
  const method = camelCase(name);
  return { name, method, id, members: members.split(' ').map(memberOf), end: offset + size };
}

/** Every command of Linux 6.12, by number. */
export const bpfCommands: ReadonlyMap<number, CommandDef> = new Map(
  Object.entries(MEMBERS)
    .map(([name, members]) => commandOf(name, members))
    .sort((a, b) => a.id - b.id)
    .map((command) => [command.id, command]),
);

/** Bytes of union bpf_attr before a member: what a caller must hand over for it to be written. */
export const attrEnd = (member: AttrMember): number =>
  Math.min(member.offset + member.size, attrSize);
