import { defineMessages } from './message.ts';

/** Pointers to types of a BTF. */
export const btfAccessMessages = defineMessages('btf_access', {
  not_capable: (type: string) =>
    `'struct ${type}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`,
  map_not_capable: (type: string) =>
    `${type} access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`,
  not_gpl: (type: string) =>
    `Cannot access kernel 'struct ${type}' from non-GPL compatible program`,
  negative: (reg: number, type: string, off: number) =>
    `R${reg} is ptr_${type} invalid negative access: off=${off}`,
  variable: (reg: number, type: string, off: number, varOff: string) =>
    `R${reg} is ptr_${type} invalid variable offset: off=${off}, var_off=${varOff}`,
  user_memory: (reg: number, type: string, off: number) =>
    `R${reg} is ptr_${type} access user memory: off=${off}`,
  percpu_memory: (reg: number, type: string, off: number) =>
    `R${reg} is ptr_${type} access percpu memory: off=${off}`,
  read_only: () => 'only read is supported',
  map_negative: (reg: number, type: string, off: number) =>
    `R${reg} is ${type} invalid negative access: off=${off}`,
  map_read_only: (type: string) => `only read from ${type} is supported`,
  special_field: (field: string) => `direct access to ${field} is disallowed`,
  not_struct: (type: string) => `Type '${type}' is not a struct`,
  beyond_struct: (type: string, off: number, size: number) =>
    `access beyond struct ${type} at off ${off} size ${size}`,
  pointer_member: (member: string, moff: number, type: string, off: number, size: number) =>
    `cannot access ptr member ${member} with moff ${moff} in struct ${type} with off ${off}` +
    ` size ${size}`,
  beyond_member: (member: string, end: number, type: string, off: number, size: number) =>
    `access beyond the end of member ${member} (mend:${end}) in struct ${type} with off ${off}` +
    ` size ${size}`,
  no_field: (type: string, off: number) => `struct ${type} doesn't have field at offset ${off}`,
  no_field_size: (member: string) => `field ${member} doesn't have size`,
  no_tcp_sock_write: (off: number) => `no write support to tcp_sock at off ${off}`,
  beyond_tcp_sock_member: (off: number, size: number, end: number) =>
    `write access at off ${off} with size ${size} beyond the member of tcp_sock ended at ${end}`,
  no_connection_write: (off: number) => `no write support to nf_conn at off ${off}`,
  beyond_connection_member: (off: number, size: number, end: number) =>
    `write access at off ${off} with size ${size} beyond the member of nf_conn ended at ${end}`,
  only_dummy_state: () => 'only access to bpf_dummy_ops_state is supported',
  dummy_state_bounds: (off: number, size: number) => `write access at off ${off} with size ${size}`,
  internal_program_btf: () => 'verifier internal error: reg->btf must be kernel btf',
  internal_no_reference: () =>
    'verifier internal error: ref_obj_id for allocated object must be non-zero',
});
