import { attachTypeName, enums } from '../../abi/index.ts';
import type { Machine } from '../machine.ts';
import type { DevicePlace } from '../objects/device-link.ts';

const { BPF_TCX_INGRESS, BPF_TCX_EGRESS, BPF_NETKIT_PRIMARY, BPF_NETKIT_PEER } =
  enums.bpf_attach_type;
/** bpftool's words in listings. */
const KINDS: Readonly<Record<number, string>> = {
  [BPF_TCX_INGRESS]: 'tcx/ingress',
  [BPF_TCX_EGRESS]: 'tcx/egress',
  [BPF_NETKIT_PRIMARY]: 'netkit/primary',
  [BPF_NETKIT_PEER]: 'netkit/peer',
};

/** A place at a device in bpftool's words: 'tcx/ingress', 'netkit/peer', the qdisc's of filters. */
export function placeWord({ attachType, name }: DevicePlace): string {
  return attachType === undefined ? name : (KINDS[attachType] ?? attachTypeName(attachType));
}

/** A program at a device. */
export interface AttachedProgram {
  /** 'eth0', 'pod1/eth0' */
  readonly device: string;
  /** 'xdp', 'xdp/generic', 'tcx/ingress', … */
  readonly place: string;
  readonly program: { readonly id: number; readonly name: string };
  /** Id of the link that holds it; absent: none does. */
  readonly link?: number;
  /** Of the place: goes up with each change. */
  readonly revision: bigint;
}

/** All programs at devices, place by place in the order they run. */
export function attachedPrograms({ attachments }: Machine): AttachedProgram[] {
  return [...attachments].map(({ place, program, link }) => ({
    device: place.device,
    place: place.mode ? (place.mode === 'native' ? 'xdp' : 'xdp/generic') : placeWord(place),
    program: { id: program.id, name: program.spec.name },
    ...(link && { link: link.id }),
    revision: BigInt(place.point.revision),
  }));
}
