import { enums } from '../../abi/index.ts';
import type { AttachOptions } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { DevicePlace } from '../objects/device-link.ts';
import type { PointMember } from '../objects/hook-point.ts';
import type { MachineProgram } from '../program.ts';
import type { ClassicMember } from './classic.ts';
import type { Device } from './device.ts';
import { NetkitDevice } from './devices/netkit.ts';
import type { PacketHook } from './hook.ts';
import { chainCallsOf, chainOptions } from './xdp-chain.ts';
import type { ChainMember } from './xdp-slot.ts';

const { BPF_LINK_TYPE_XDP, BPF_LINK_TYPE_TCX, BPF_LINK_TYPE_NETKIT } = enums.bpf_link_type;
const { BPF_TCX_INGRESS, BPF_TCX_EGRESS, BPF_NETKIT_PRIMARY, BPF_NETKIT_PEER } =
  enums.bpf_attach_type;

/** Where a program is to go. Throws KernelError for places that do not exist. */
export function placeFor(
  device: Device,
  hook: PacketHook,
  program: MachineProgram,
  options: AttachOptions,
): DevicePlace {
  if (hook.exclusive) return xdpPlace(device, options);
  const { attachType: word } = program.spec;
  if (word === 'netkit_primary') return netkitPlace(device, BPF_NETKIT_PRIMARY);
  if (word === 'netkit_peer') return netkitPlace(device, BPF_NETKIT_PEER);
  const direction = options.direction ?? directionOf(program);
  if (options.classic) return classicPlace(device, direction);
  return tcxPlace(device, direction === 'egress' ? BPF_TCX_EGRESS : BPF_TCX_INGRESS);
}

/** The place with that attach type at a device. */
export function placeAt(device: Device, attachType: number): DevicePlace {
  const netkit = attachType === BPF_NETKIT_PRIMARY || attachType === BPF_NETKIT_PEER;
  return netkit ? netkitPlace(device, attachType) : tcxPlace(device, attachType);
}

function xdpPlace(device: Device, options: AttachOptions): DevicePlace {
  const { mode = device.xdp.usual, chain } = options;
  return {
    type: BPF_LINK_TYPE_XDP,
    name: 'xdp',
    ifindex: device.ifindex,
    device: device.path,
    mode,
    point: device.xdp.slot(mode),
    ...(chain && { more: { chainCalls: chainCallsOf(chain) } }),
    options({ chainCalls }: ChainMember) {
      const chained = chainCalls === undefined ? {} : { chain: chainOptions(chainCalls) };
      return { device: device.path, mode, ...chained };
    },
  };
}

function tcxPlace(device: Device, attachType: number): DevicePlace {
  const direction = attachType === BPF_TCX_EGRESS ? 'egress' : 'ingress';
  return {
    type: BPF_LINK_TYPE_TCX,
    name: 'tcx',
    ifindex: device.ifindex,
    attachType,
    device: device.path,
    point: device[direction],
    options: () => ({ device: device.path, direction }),
  };
}

/** Both ends' programs are attached through the primary. */
function netkitPlace(device: Device, attachType: number): DevicePlace {
  if (!(device instanceof NetkitDevice)) refuse('ENXIO', `${device.path} is no netkit device`);
  if (!device.primary) refuse('EACCES', `${device.path} is not the primary of its pair`);
  const end = attachType === BPF_NETKIT_PRIMARY ? device : device.peer;
  if (!(end instanceof NetkitDevice)) refuse('ENODEV', `the peer of ${device.path} is gone`);
  return {
    type: BPF_LINK_TYPE_NETKIT,
    name: 'netkit',
    ifindex: end.ifindex,
    attachType,
    device: end.path,
    point: end.active,
    options: () => ({ device: device.path }),
  };
}

function classicPlace(device: Device, direction: 'ingress' | 'egress'): DevicePlace {
  return {
    type: 0,
    name: `clsact/${direction}`,
    ifindex: device.ifindex,
    device: device.path,
    point: device.classic[direction],
    options(member: PointMember) {
      const { priority, handle } = member as ClassicMember;
      return { device: device.path, direction, classic: { priority, handle } };
    },
  };
}

/** Which way a program goes whose attachment does not say it. */
function directionOf(program: MachineProgram): 'ingress' | 'egress' {
  return /egress/.test(program.spec.section) ? 'egress' : 'ingress';
}
