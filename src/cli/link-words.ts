/** How `link show` shows a link: bpftool's way. */
import { netfilterText, type NetfilterPlace } from './net-hooks.ts';

/** By bpftool's keys, in its order (show_link_close_json). */
export interface ShownLink extends Partial<NetfilterPlace> {
  readonly id: number;
  readonly type: string;
  readonly prog_id: number;
  readonly devname?: string;
  readonly ifindex?: number;
  readonly netns_ino?: number;
  readonly prog_type?: string;
  readonly attach_type?: string;
  /** The program whose function a link is at. */
  readonly target_obj_id?: number;
  readonly target_btf_id?: number;
  /** Of raw tracepoints, iterators, kprobes, tracepoints, cgroups, and what hangs on a map. */
  readonly tp_name?: string;
  readonly target_name?: string;
  readonly func?: string;
  readonly tracepoint?: string;
  readonly cgroup_id?: number;
  readonly map_id?: number;
  readonly pinned?: readonly string[];
}

export function linkText(one: ShownLink): string {
  const device = one.ifindex === undefined ? '' : `\n\tifindex ${one.devname}(${one.ifindex})`;
  const attach = one.attach_type === undefined ? '' : `  attach_type ${one.attach_type}`;
  const space = one.netns_ino === undefined ? '' : `\n\tnetns_ino ${one.netns_ino}`;
  const kind = one.prog_type === undefined ? '' : `\n\tprog_type ${one.prog_type}`;
  const target =
    one.target_obj_id === undefined
      ? ''
      : `\n\ttarget_obj_id ${one.target_obj_id}  target_btf_id ${one.target_btf_id}`;
  const filter = 'pf' in one ? `\n\t${netfilterText(one as NetfilterPlace)}` : '';
  const more = (['tp_name', 'target_name', 'func', 'tracepoint', 'cgroup_id', 'map_id'] as const)
    .flatMap((key) => (one[key] === undefined ? [] : [`\n\t${key} ${one[key]}`]))
    .join('');
  const pins = (one.pinned ?? []).map((path) => `\n\tpinned ${path}`).join('');
  const place = `${device}${space}${kind}${attach}${target}${filter}${more}`;
  return `${one.id}: ${one.type}  prog ${one.prog_id}${place}${pins}\n`;
}
