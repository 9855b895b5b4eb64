import { enums } from '../../abi/index.ts';
import type { AttachOptions } from '../../kernel/index.ts';
import type { DevicePlace } from '../objects/device-link.ts';
import type { MachineProgram } from '../program.ts';
import type { Device } from './device.ts';
import type { PacketHook } from './hook.ts';

const { BPF_LINK_TYPE_XDP, BPF_LINK_TYPE_TCX, BPF_LINK_TYPE_NETKIT } = enums.bpf_link_type;
const { BPF_TCX_INGRESS, BPF_TCX_EGRESS, BPF_NETKIT_PRIMARY, BPF_NETKIT_PEER } =
  enums.bpf_attach_type;

/** What the link of a program at a device is: only one program at a time is XDP's way. */
export function linkPlace(
  { ifindex }: Device,
  hook: PacketHook,
  program: MachineProgram,
  options: AttachOptions,
): DevicePlace {
  if (hook.exclusive) return { type: BPF_LINK_TYPE_XDP, name: 'xdp', ifindex };
  const { attachType: word } = program.spec;
  if (word?.startsWith('netkit_')) {
    const attachType = word === 'netkit_peer' ? BPF_NETKIT_PEER : BPF_NETKIT_PRIMARY;
    return { type: BPF_LINK_TYPE_NETKIT, name: 'netkit', ifindex, attachType };
  }
  const egress = (options.direction ?? directionOf(program)) === 'egress';
  const attachType = egress ? BPF_TCX_EGRESS : BPF_TCX_INGRESS;
  return { type: BPF_LINK_TYPE_TCX, name: 'tcx', ifindex, attachType };
}

/** Which way a program goes whose attachment does not say it. */
export function directionOf(program: MachineProgram): 'ingress' | 'egress' {
  return /egress/.test(program.spec.section) ? 'egress' : 'ingress';
}
