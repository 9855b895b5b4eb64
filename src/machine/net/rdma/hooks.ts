import { attachTypeId, extensionLinkTypes, RXE_MD_SIZE, rxeFields } from '../../../abi/index.ts';
import { KernelError } from '../../../base/index.ts';
import type { AttachOptions, RunOptions, RunResult } from '../../../kernel/index.ts';
import { parseIpv4, parseIpv6, roceOpcodes } from '../../../packet/index.ts';
import type { Machine } from '../../machine.ts';
import type { DevicePlace } from '../../objects/device-link.ts';
import type { MachineProgram } from '../../program.ts';
import type { ProgramHook, Subsystem } from '../../subsystem.ts';
import { AttachPoint } from '../attach-point.ts';
import type { Message } from './types.ts';
import type { ReceivedMessage } from './wire.ts';

/** The two hooks of an RDMA device. */
export class RdmaHookPoints {
  readonly device: string;
  readonly ifindex: number;
  readonly rx: AttachPoint;
  readonly tx: AttachPoint;

  constructor(name: string, ifindex: number) {
    this.ifindex = ifindex;
    this.device = name;
    this.rx = new AttachPoint();
    this.tx = new AttachPoint();
  }
}

/** RXE_DROP of rxe.h; every other value passes. */
const DROP = 0;
const ATTACH = /^rxe_(rx|tx)$/;
/** Programs of type syscall may address so much where nobody verified them. */
const CONTEXT_ROOM = 0x1_0000;
const FLAGS = { ackRequest: 1, solicited: 2, forwardCongestion: 4, backwardCongestion: 8 };
/** Members of struct rxe_md that are fields of headers. */
const COPIED: readonly (readonly [member: string, field: keyof Message])[] = [
  ['qpn', 'queuePair'],
  ['psn', 'psn'],
  ['rkey', 'remoteKey'],
  ['dma_len', 'length'],
  ['syndrome', 'syndrome'],
  ['msn', 'messages'],
  ['src_qpn', 'sourceQueuePair'],
  ['qkey', 'queueKey'],
];
const DEFAULT_PARTITION = 0xffff;
const numbers = new Map(roceOpcodes.map(({ name, number }) => [name, number]));

/** Programs at rxe/rx and rxe/tx (an extension): they see what the headers of RoCE say. */
export class RdmaHooks implements Subsystem {
  readonly #machine: () => Machine;
  readonly #pointsOf: (device: string) => RdmaHookPoints;
  #context = 0;

  /** `pointsOf`: the hooks of a network device by name. Throws KernelError ENODEV. */
  constructor(machine: () => Machine, pointsOf: (device: string) => RdmaHookPoints) {
    this.#machine = machine;
    this.#pointsOf = pointsOf;
  }

  serves(_programType: string, { attachType }: ProgramHook): boolean {
    return attachType !== undefined && ATTACH.test(attachType);
  }

  run({ spec }: MachineProgram, _options: RunOptions): RunResult {
    const text = `program '${spec.name}': no test run of ${spec.attachType}`;
    throw new KernelError('EOPNOTSUPP', 95, text);
  }

  place({ spec }: MachineProgram, { device }: AttachOptions): DevicePlace {
    const attachType = attachTypeId(spec.attachType!)!;
    const points = this.#pointsAt(spec.name, device);
    const { ifindex } = points;
    return {
      type: extensionLinkTypes.BPF_LINK_TYPE_RXE,
      ifindex,
      name: 'rxe',
      attachType,
      device: points.device,
      point: spec.attachType === 'rxe_tx' ? points.tx : points.rx,
      options: () => ({ device: points.device }),
    };
  }

  #pointsAt(program: string, device: string | undefined): RdmaHookPoints {
    if (device !== undefined) return this.#pointsOf(device);
    const text = `program '${program}' attaches to a device: give { device: 'eth0' }`;
    throw new KernelError('EINVAL', 22, text);
  }

  /** True unless a program drops the packet. One that faults drops it. */
  passes(
    { ifindex, rx, tx }: RdmaHookPoints,
    hook: 'rx' | 'tx',
    message: Message | ReceivedMessage,
    remote: string,
  ): boolean {
    const { programs } = hook === 'rx' ? rx : tx;
    if (programs.length === 0) return true;
    const { runtime } = this.#machine();
    this.#context ||= runtime.allocateScratch(CONTEXT_ROOM, 16);
    const bytes = describe(message, remote, ifindex);
    return programs.every((program) => {
      runtime.u8().set(bytes, this.#context);
      return runOn(program, this.#context) !== DROP;
    });
  }
}

function runOn({ code }: MachineProgram, context: number): number {
  try {
    return code.run(context);
  } catch (error) {
    if (error instanceof Error && error.name === 'ProgramFault') return DROP;
    throw error;
  }
}

/** struct rxe_md. */
function describe(message: Message & Partial<ReceivedMessage>, remote: string, ifindex: number) {
  const bytes = new Uint8Array(RXE_MD_SIZE);
  const view = new DataView(bytes.buffer);
  const put = (member: string, value: number) =>
    view.setUint32(rxeFields.get(member)!.offset, value, true);
  for (const [member, field] of COPIED) put(member, Number(message[field] ?? 0));
  put('opcode', message.opcode ?? numbers.get(message.operation)!);
  put('payload_len', message.data.length);
  put('pkey', message.partition ?? DEFAULT_PARTITION);
  put('ifindex', ifindex);
  put('flags', flagsOf(message));
  view.setBigUint64(rxeFields.get('va')!.offset, message.address ?? 0n, true);
  const v4 = remote.includes(':') ? undefined : parseIpv4(remote);
  const field = rxeFields.get(v4 ? 'remote_ip4' : 'remote_ip6')!;
  bytes.set(v4 ?? parseIpv6(remote)!, field.offset);
  return bytes;
}

function flagsOf(message: object): number {
  let flags = 0;
  for (const [field, bit] of Object.entries(FLAGS)) {
    if ((message as Record<string, unknown>)[field]) flags |= bit;
  }
  return flags;
}
