/** Links of a running kernel. */
import { attachTypeName, enums, linkTypeName, programTypeName, succeed } from '../../abi/index.ts';
import { Info, infoById, infoText, type LinuxKernel } from '../../linux/index.ts';
import { linkText, type ShownLink } from '../link-words.ts';
import { noMore, type Noun, pin, show, takeOne } from './choice.ts';
import { deviceName } from './devices.ts';

const { BPF_LINK_TYPE_RAW_TRACEPOINT, BPF_LINK_TYPE_ITER, BPF_LINK_TYPE_PERF_EVENT } =
  enums.bpf_link_type;
const { BPF_PERF_EVENT_KPROBE, BPF_PERF_EVENT_KRETPROBE, BPF_PERF_EVENT_TRACEPOINT } =
  enums.bpf_perf_event_type;
/** Numbers of struct bpf_link_info that say where a link is, by its type. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  tracing: ['attach_type', 'target_obj_id', 'target_btf_id'],
  cgroup: ['cgroup_id', 'attach_type'],
  netns: ['netns_ino', 'attach_type'],
  xdp: ['ifindex'],
  tcx: ['ifindex', 'attach_type'],
  netkit: ['ifindex', 'attach_type'],
  sockmap: ['map_id', 'attach_type'],
  struct_ops: ['map_id'],
};
/** Bytes of a name. */
const ROOM = 256;

type System = LinuxKernel['system'];

export function linkJson({ system }: Pick<LinuxKernel, 'system'>, fd: number): ShownLink {
  const info = new Info(system, fd, 'link');
  const type = linkTypeName(info.number('type'));
  const place = Object.fromEntries(
    (PLACES[type] ?? []).map((name) => [name, info.number(`${type}.${name}`)]),
  );
  const { ifindex, attach_type, ...rest } = place;
  return {
    id: info.number('id'),
    type,
    prog_id: info.number('prog_id'),
    ...(ifindex !== undefined && { devname: deviceName(ifindex), ifindex }),
    ...(type === 'tracing' && {
      prog_type: programTypeName(infoById(system, 'prog', info.number('prog_id')).number('type')),
    }),
    ...(attach_type !== undefined && { attach_type: attachTypeName(attach_type) }),
    ...rest,
    ...namesOf(system, fd, info),
    ...(type === 'netfilter' && {
      pf: info.number('netfilter.pf'),
      hook: info.number('netfilter.hooknum'),
      prio: info.number('netfilter.priority') | 0,
      flags: info.number('netfilter.flags'),
    }),
  };
}

/** What the kernel says in words: the place of tracepoints, kprobes and iterators. */
function namesOf(system: System, fd: number, info: Info) {
  const text = (at: string, size: string) => infoText(system, fd, 'link', { at, size, room: ROOM });
  switch (info.number('type')) {
    case BPF_LINK_TYPE_RAW_TRACEPOINT:
      return { tp_name: text('raw_tracepoint.tp_name', 'raw_tracepoint.tp_name_len') };
    case BPF_LINK_TYPE_ITER:
      return { target_name: text('iter.target_name', 'iter.target_name_len') };
    case BPF_LINK_TYPE_PERF_EVENT:
      return eventOf(info.number('perf_event.type'), text);
    default:
      return {};
  }
}

function eventOf(type: number, text: (at: string, size: string) => string) {
  switch (type) {
    case BPF_PERF_EVENT_KPROBE:
    case BPF_PERF_EVENT_KRETPROBE:
      return { func: text('perf_event.kprobe.func_name', 'perf_event.kprobe.name_len') };
    case BPF_PERF_EVENT_TRACEPOINT:
      return {
        tracepoint: text('perf_event.tracepoint.tp_name', 'perf_event.tracepoint.name_len'),
      };
    default:
      return {};
  }
}

/** `link detach LINK`: off at once, whoever holds it. */
function detach(kernel: LinuxKernel, words: string[]) {
  const linkFd = takeOne(kernel, 'link', words);
  noMore(words);
  succeed(kernel.system.bpf.linkDetach({ linkFd }), 'the link was not detached');
  return {};
}

export const linkNouns: Readonly<Record<string, Noun>> = {
  'link show': show('link', linkJson, linkText),
  'link pin': pin('link'),
  'link detach': detach,
};
