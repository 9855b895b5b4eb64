import { ASSEMBLY, KERNEL_BUG, type PlainCauses } from './words.ts';

const READ_IT = 'Use bpf_probe_read_kernel(), or the field through its right type.';
const OWN_COPY = 'Copy what you need to the stack or to a map and change it there.';

/** Causes of rejected accesses to memory, the stack and typed objects. */
export const plainMemory: PlainCauses = {
  'mem.key_write': ['The key of a map element may not be changed through R{0}.', OWN_COPY],
  'mem.negative_offset': [
    'R{1} ({0}) is accessed {2} bytes before its start.',
    'Use the pointer the call returned, with offsets from 0 up.',
  ],
  'mem.key_bounds': [
    'The access covers {2} bytes at offset {1}, but the key of the map has only {0}.',
    'Use the same type as the map does.',
  ],
  'mem.buffer_offset': [
    'R{0} is a {1} buffer: {3} bytes at offset {2} are not all in it.',
    'Use constant offsets from 0 up, within the buffer.',
  ],
  'mem.buffer_variable': [
    'R{0} is accessed at an offset that is not constant.',
    'Use constant offsets into this buffer.',
  ],
  'mem.atomic_size': ['Atomic operations work on 4 or 8 bytes.', 'Use int or long.'],
  'mem.atomic_target': [
    'Atomic operations are not possible on R{0} ({1}).',
    'Do them on map values, the stack or arena memory.',
  ],
  'mem.atomic_opcode': ['There is no atomic operation {0}.', 'Compile with `-mcpu=v3`.'],
  'packet.no_write': [
    'This program type may not write to the packet.',
    'Use bpf_skb_store_bytes() or a program type that may (XDP, tc).',
  ],
  'packet.flow_keys': [
    'The access ({1} bytes at offset {0}) leaves struct bpf_flow_keys.',
    'Use the fields of the struct.',
  ],
  'packet.socket': [
    'R{0} ({1}): programs may not access {3} bytes at offset {2} of this socket.',
    'Use the fields of struct bpf_sock in their own size; bpf_sk_fullsock() gives more of them.',
  ],
  'stack.spill_size': [
    'A part of a pointer would be saved to the stack.',
    'Save pointers as a whole (8 bytes, aligned).',
  ],
  'stack.fill_size': [
    'A part of a saved pointer is read from the stack.',
    'Read pointers as a whole; do not look at the bytes of a pointer.',
  ],
  'stack.foreign_spill': [
    "A pointer to this function's stack would be stored in the caller's, where it outlives it.",
    'Return a value, or let the caller pass the buffer.',
  ],
  'stack.variable_write_over_spill': [
    'A variable index into the stack may hit a saved pointer (at fp{1}).',
    'Limit the index to the array, or put the array into a map.',
  ],
  'stack.variable_write_uninit': [
    'A variable index may write stack (fp{1}) that was never written.',
    'Clear the array first, or load with CAP_PERFMON.',
  ],
  'stack.leaks_pointer': [
    'The pointer saved at fp{0} would be read as a number by this loader.',
    'Do not copy structs with pointers as bytes, or load with CAP_PERFMON.',
  ],
  'stack.variable_to_helper': [
    'A stack buffer is passed to a helper at an offset that is not constant.',
    'Pass the start of the array.',
  ],
  'stack.zero_size': [
    'The helper is to read no bytes at all.',
    'Add `if (len == 0) return 0;` before the call.',
  ],
  'stack.variable_unprivileged': [
    'A variable index into the stack needs CAP_PERFMON.',
    'Use a map for the array.',
  ],
  'stack.dynptr_overwrite': [
    'The store or call may overwrite a dynptr on the stack (at fp{0}).',
    'Keep dynptrs in variables of their own and write nothing over them.',
  ],
  'context.unaligned_argument': [
    "Arguments of '{0}' are 8 bytes each: offset {1} is none.",
    'Use BPF_PROG() and name the arguments.',
  ],
  'context.no_argument': [
    "'{0}' has no argument {1}.",
    'Compare with the prototype in the kernel this is for.',
  ],
  'context.fmod_ret_type': ['A value of type {0} cannot be replaced.', 'Use fexit instead.'],
  'context.not_pointer': [
    "Argument {1+1} ('{2}') of '{0}' is {3}, which cannot be read.",
    'Use another argument.',
  ],
  'context.argument_size': [
    "Arguments of '{0}' are read with 8 bytes, not {1}.",
    'Read the whole argument and cast it; BPF_PROG() does that.',
  ],
  'context.no_btf_id': ['The type of the argument at offset {0} is not known.', KERNEL_BUG],
  'context.not_struct': ["Argument {1+1} of '{0}' points to {2}, no struct.", READ_IT],
  'btf_access.not_capable': ['struct {0} is for CAP_PERFMON only.', 'Load with CAP_PERFMON.'],
  'btf_access.not_gpl': [
    "Kernel types such as 'struct {0}' are for GPL-compatible programs.",
    '`char LICENSE[] SEC("license") = "GPL";` if that is your licence.',
  ],
  'btf_access.negative': [
    'R{0} (struct {1}) is accessed {2} bytes from its start: before it.',
    'container_of() is not possible with these pointers: ' + READ_IT,
  ],
  'btf_access.variable': [
    'R{0} (struct {1}) is accessed at an offset that is not constant.',
    'Read array elements of kernel objects with bpf_probe_read_kernel().',
  ],
  'btf_access.user_memory': [
    'R{0} ({1}) points to memory of a process.',
    'Read it with bpf_probe_read_user().',
  ],
  'btf_access.percpu_memory': [
    'R{0} ({1}) is a per-CPU variable, whose address differs on each CPU.',
    'Get the address with bpf_per_cpu_ptr() or bpf_this_cpu_ptr().',
  ],
  'btf_access.read_only': ['Kernel objects may only be read.', OWN_COPY],
  'btf_access.map_negative': ['R{0} ({1}) is accessed before its start.', READ_IT],
  'btf_access.map_read_only': ['{0} may only be read.', OWN_COPY],
  'btf_access.special_field': [
    'The {0} of the object is accessed directly.',
    'Use the functions for it.',
  ],
  'btf_access.not_struct': ["The pointer's type '{0}' is no struct.", READ_IT],
  'btf_access.pointer_member': [
    "The access ({4} bytes at {3}) covers a part of the pointer '{0}' of struct {2}.",
    'Read the whole pointer.',
  ],
  'btf_access.beyond_member': [
    "The access ({4} bytes at {3}) leaves the member '{0}' of struct {2}, which ends at {1}.",
    'Read the members one by one.',
  ],
  'btf_access.no_field': ['struct {0} has no field at offset {1}.', READ_IT],
  'btf_access.no_field_size': ["The field '{0}' has no size.", READ_IT],
  'btf_access.no_tcp_sock_write': [
    'The field at {0} of struct tcp_sock may not be written.',
    'Congestion control may write snd_cwnd and a few others only.',
  ],
  'btf_access.beyond_tcp_sock_member': [
    'The write ({1} bytes at {0}) leaves the field, which ends at {2}.',
    'Write the field in its own size.',
  ],
  'btf_access.no_connection_write': [
    'The field at {0} of struct nf_conn may not be written.',
    'Only the mark may.',
  ],
  'btf_access.beyond_connection_member': [
    'The write ({1} bytes at {0}) leaves the field, which ends at {2}.',
    'Write the field in its own size.',
  ],
  'btf_access.only_dummy_state': ['Only struct bpf_dummy_ops_state may be used.', ASSEMBLY],
  'btf_access.dummy_state_bounds': ['The write ({1} bytes at {0}) leaves the object.', ASSEMBLY],
  'btf_access.internal_program_btf': ['The object is not of the kernel.', KERNEL_BUG],
  'btf_access.internal_no_reference': ['An object is owned by nobody.', KERNEL_BUG],
};
