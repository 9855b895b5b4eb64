/** Helpers that see and change settings below /proc/sys (kernel/bpf/cgroup.c). */
import { errnos } from '../../abi/index.ts';
import type { HostCall, HostHelper } from '../types.ts';

const EINVAL = -errnos['EINVAL']!;

/** (context, text, size) */
const withText =
  (what: 'current' | 'next' | 'setNext'): HostHelper =>
  (call) => {
    const { sysctl } = call.runtime.host;
    call.returnInt(sysctl?.[what](call.u32(0), call.u32(1), call.u32(2)) ?? EINVAL);
  };

function getName(call: HostCall): void {
  const { sysctl } = call.runtime.host;
  const [context, at, size] = [call.u32(0), call.u32(1), call.u32(2)];
  call.returnInt(sysctl?.name(context, at, size, call.u64(3)) ?? EINVAL);
}

/** Bodies by the kernel's name. */
export const sysctlHelpers: readonly (readonly [
  string,
  { readonly arity: number; readonly body: HostHelper },
])[] = [
  ['bpf_sysctl_get_name', { arity: 4, body: getName }],
  ['bpf_sysctl_get_current_value', { arity: 3, body: withText('current') }],
  ['bpf_sysctl_get_new_value', { arity: 3, body: withText('next') }],
  ['bpf_sysctl_set_new_value', { arity: 3, body: withText('setNext') }],
];
