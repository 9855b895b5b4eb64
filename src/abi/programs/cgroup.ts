/** Programs of cgroups that see no packets (kernel/bpf/cgroup.c, net/core/filter.c). */
import * as c from '../generated/6.12/constants.ts';
import { structs } from '../generated/6.12/structs.ts';
import type { ContextField, ProgramTypeDef } from '../types.ts';
import { contextFields } from './fields.ts';

type Rules = Readonly<Record<string, Partial<ContextField>>>;

const VERDICTS = { 0: 'deny', 1: 'allow' } as const;
const WRITABLE: Partial<ContextField> = { writable: true, narrow: true };

function definition(
  name: string,
  id: number,
  struct: string,
  rules: Rules,
  verdicts: Readonly<Record<number, string>> = VERDICTS,
): ProgramTypeDef {
  const { size } = structs[struct]!;
  const fields = contextFields(struct, rules, { narrow: true });
  return { name, id, context: { struct, size, allocated: size, fields }, verdicts };
}

const writable = (...names: readonly string[]): Rules =>
  Object.fromEntries(names.map((name) => [name, WRITABLE]));

/** Types whose programs see a socket, an address, an option, a device or a setting. */
export const cgroupPrograms: readonly ProgramTypeDef[] = [
  definition(
    'cgroup_sock',
    c.BPF_PROG_TYPE_CGROUP_SOCK,
    'bpf_sock',
    writable('bound_dev_if', 'mark', 'priority'),
  ),
  definition(
    'cgroup_sock_addr',
    c.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
    'bpf_sock_addr',
    writable('user_ip4', 'user_ip6', 'user_port', 'msg_src_ip4', 'msg_src_ip6'),
  ),
  definition(
    'cgroup_sockopt',
    c.BPF_PROG_TYPE_CGROUP_SOCKOPT,
    'bpf_sockopt',
    writable('level', 'optname', 'optlen', 'retval'),
  ),
  definition('cgroup_device', c.BPF_PROG_TYPE_CGROUP_DEVICE, 'bpf_cgroup_dev_ctx', {}),
  definition('cgroup_sysctl', c.BPF_PROG_TYPE_CGROUP_SYSCTL, 'bpf_sysctl', writable('file_pos')),
  definition(
    'sock_ops',
    c.BPF_PROG_TYPE_SOCK_OPS,
    'bpf_sock_ops',
    writable('reply', 'sk_txhash'),
    {},
  ),
];
