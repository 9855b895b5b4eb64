import { attachTypeName, linkTypeName } from '../abi/index.ts';
import type { Machine } from '../machine/index.ts';
import { linkInfo } from '../machine/bpf/info.ts';
import { pinObject } from '../machine/bpffs/pins.ts';
import { KernelError } from '../base/index.ts';
import type { MachineLink } from '../machine/objects/link.ts';
import type { CommandCall } from './command.ts';
import type { CliIo } from './io.ts';
import { pinsOf, takeObject } from './machine-choice.ts';
import { onMachine } from './machine-file.ts';
import { linkText, type ShownLink } from './link-words.ts';
import { netfilterPlace } from './net-hooks.ts';
import { showObjects } from './machine-show.ts';

/** `link show` */
export function show(call: CommandCall, io: CliIo): Promise<number> {
  return showObjects(call, io, 'link', linkJson, linkText);
}

/** bpftool's keys and order (show_link_close_json). */
export function linkJson(machine: Machine, link: MachineLink): ShownLink {
  const info = linkInfo(link);
  const place = linkTypeName(link.type);
  const ifindex = info[`${place}.ifindex`] as number | undefined;
  const attachType = info[`${place}.attach_type`] as number | undefined;
  const netfilter = netfilterPlace(link);
  const inode = info[`${place}.netns_ino`] as number | undefined;
  const target = targetOf(link);
  const pinned = pinsOf(machine, link);
  return {
    id: link.id,
    type: place,
    prog_id: link.program.id,
    ...(ifindex !== undefined && { devname: deviceName(machine, ifindex), ifindex }),
    ...(inode !== undefined && { netns_ino: inode }),
    ...(target && { prog_type: link.program.type.name }),
    ...(attachType !== undefined && { attach_type: attachTypeName(attachType) }),
    ...target,
    ...netfilter,
    ...(pinned.length > 0 && { pinned }),
  };
}

/** The function of a program that a link is at. */
function targetOf(link: MachineLink) {
  const info = link.info();
  const id = info['tracing.target_obj_id'];
  if (id === undefined) return undefined;
  return { target_obj_id: Number(id), target_btf_id: Number(info['tracing.target_btf_id']) };
}

function deviceName({ settings }: Machine, ifindex: number): string {
  if (ifindex === 0) return '(detached)';
  const found = settings.subsystems.map((each) => each.deviceAt?.(ifindex)).find(Boolean);
  return found?.name ?? '(unknown)';
}

/** `link pin LINK PATH` */
export function pin(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run({ machine }) {
      const words = [...call.operands];
      pinObject(machine.files, words[2] ?? '', 'link', takeObject(machine, 'link', words));
      return {};
    },
  });
}

/** `link detach LINK` */
export function detach(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run({ machine }) {
      const link = takeObject(machine, 'link', [...call.operands]);
      if (!link.detachHook)
        throw new KernelError('EOPNOTSUPP', 95, 'such links are never detached');
      link.detachHook();
      return {};
    },
  });
}
