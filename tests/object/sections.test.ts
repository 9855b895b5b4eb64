import { expect, test } from 'vitest';
import { programTypeId, attachTypeId } from '../../src/abi/index.ts';
import { SECTION_FORMS, sectionMeaning } from '../../src/object/index.ts';

test('all section forms of the libbpf of Linux 6.12 are known', () => {
  expect(SECTION_FORMS.length).toBe(101);
  expect(new Set(SECTION_FORMS.map(({ form }) => form)).size).toBe(101);
});

test('their words are those of the kernel', () => {
  for (const { form, type, attachType } of SECTION_FORMS) {
    expect(programTypeId(type), form).toBeDefined();
    if (attachType !== undefined) expect(attachTypeId(attachType), form).toBeDefined();
  }
});

test.each([
  ['xdp', 'xdp', 'xdp', undefined, []],
  ['xdp.frags', 'xdp', 'xdp', undefined, ['frags']],
  ['xdp/devmap', 'xdp', 'xdp_devmap', undefined, []],
  ['?xdp.frags/cpumap', 'xdp', 'xdp_cpumap', undefined, ['frags']],
  ['tc', 'sched_cls', undefined, undefined, []],
  ['tc/ingress', 'sched_cls', 'tcx_ingress', undefined, []],
  ['netkit/peer', 'sched_cls', 'netkit_peer', undefined, []],
  ['kprobe/do_nanosleep', 'kprobe', undefined, 'do_nanosleep', []],
  ['kprobe', 'kprobe', undefined, undefined, []],
  ['uprobe//bin/sh:main', 'kprobe', undefined, '/bin/sh:main', []],
  [
    'uprobe.multi.s/libc.so:mal*',
    'kprobe',
    'trace_uprobe_multi',
    'libc.so:mal*',
    ['multi', 'sleepable'],
  ],
  ['kprobe.session/x', 'kprobe', 'trace_kprobe_session', 'x', ['session']],
  ['tp/sched/sched_switch', 'tracepoint', undefined, 'sched/sched_switch', []],
  ['fentry.s/inet_bind', 'tracing', 'trace_fentry', 'inet_bind', ['sleepable']],
  ['iter/task', 'tracing', 'trace_iter', 'task', []],
  ['lsm/file_open', 'lsm', 'lsm_mac', 'file_open', []],
  ['struct_ops.s/init', 'struct_ops', undefined, 'init', ['sleepable']],
  ['cgroup_skb/egress', 'cgroup_skb', 'cgroup_inet_egress', undefined, []],
  ['cgroup/connect6', 'cgroup_sock_addr', 'cgroup_inet6_connect', undefined, []],
  ['sk_msg', 'sk_msg', 'sk_msg_verdict', undefined, []],
  ['freplace/handler', 'ext', undefined, 'handler', []],
  ['classifier/ingress', 'sched_cls', undefined, 'ingress', []],
  ['my_section', undefined, undefined, undefined, []],
  ['kprobes/x', undefined, undefined, undefined, []],
  ['.text', undefined, undefined, undefined, []],
])('%s', (section, type, attachType, attachTarget, flags) => {
  expect(sectionMeaning(section)).toEqual({ type, attachType, attachTarget, flags });
});
