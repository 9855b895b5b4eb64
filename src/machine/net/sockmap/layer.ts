/** Maps of sockets: who may be in them, and the programs they bring (net/core/sock_map.c). */
import { constants, errnos } from '../../../abi/index.ts';
import { KernelError } from '../../../base/index.ts';
import type { AttachOptions, RunResult } from '../../../kernel/index.ts';
import {
  GLOBALS,
  G_SOCKET_MAPS,
  SOCKET_ENTERS,
  SOCKET_GROUPED,
  SOCKET_LEFT,
  SOCKET_MAY,
  SOCKET_NUMBER,
  SOCKET_UNGROUPED,
} from '../../../runtime/layout.ts';
import type { HostCall } from '../../../runtime/types.ts';
import { refuse } from '../../errno.ts';
import type { Machine } from '../../machine.ts';
import { MachineMap } from '../../map.ts';
import { programsOf } from '../../objects/map-link.ts';
import type { MachineProgram } from '../../program.ts';
import type { Subsystem } from '../../subsystem.ts';
import type { Sockets } from '../sockets/layer.ts';
import { Socket } from '../sockets/socket.ts';
import { ESTABLISHED, LISTEN } from '../sockets/states.ts';
import { Psock } from './psock.ts';
import { MessageRunner } from './run-message.ts';

/** bpftool's words for the places, and the sections' . */
const PLACES: Readonly<Record<string, number>> = {
  msg_verdict: constants.BPF_SK_MSG_VERDICT,
  stream_parser: constants.BPF_SK_SKB_STREAM_PARSER,
  stream_verdict: constants.BPF_SK_SKB_STREAM_VERDICT,
  skb_verdict: constants.BPF_SK_SKB_VERDICT,
};
const no = (word: string): number => -errnos[word]!;

export class SocketMaps implements Subsystem {
  readonly #machine: () => Machine;
  readonly #sockets: Sockets;
  readonly messages: MessageRunner;

  constructor(machine: () => Machine, sockets: Sockets) {
    this.#machine = machine;
    this.#sockets = sockets;
    this.messages = new MessageRunner(machine);
  }

  /** Before anything is in a map. */
  install(): void {
    const { runtime } = this.#machine();
    const slot = runtime.hostSlot(3, (call) => this.#answer(call));
    runtime.u32()[(GLOBALS + G_SOCKET_MAPS) >>> 2] = slot;
    this.messages.install();
  }

  serves(programType: string): boolean {
    return programType === 'sk_skb' || programType === 'sk_msg';
  }

  run({ spec }: MachineProgram): RunResult {
    throw new KernelError('ENOTSUPP', 524, `program '${spec.name}': such have no test run`);
  }

  /** The map a program is to be attached to, and where. Throws KernelError. */
  mapPlace(
    program: MachineProgram,
    { map: given, place }: AttachOptions,
  ): { readonly map: MachineMap; readonly attachType: number } {
    const { spec } = program;
    const map = given && 'kernelMap' in given ? given.kernelMap : given;
    if (!(map instanceof MachineMap)) {
      return refuse('EINVAL', `program '${spec.name}' attaches to a map of sockets: give { map }`);
    }
    const word = place ?? spec.attachType?.replace(/^sk_(skb_|msg_)/, (all) => WORDS[all] ?? '');
    const attachType = PLACES[word === 'verdict' ? 'skb_verdict' : (word ?? '')];
    if (attachType === undefined) {
      const words = Object.keys(PLACES).join(', ');
      return refuse('EINVAL', `program '${spec.name}': say which place it is for: ${words}`);
    }
    programsOf(map);
    return { map, attachType };
  }

  /** A question of the runtime's maps (layout.ts, SOCKET_*). */
  #answer(call: HostCall): void {
    const [question, map, number] = [call.u32(0), call.u32(1), call.u32(2)];
    const sockets = this.#sockets;
    const known = sockets.byNumber(number);
    const socket = known instanceof Socket ? known : undefined;
    switch (question) {
      case SOCKET_MAY:
        return call.returnInt(socket ? may(socket) : 0);
      case SOCKET_ENTERS:
        return call.returnInt(socket ? this.#enter(socket, map) : 0);
      case SOCKET_LEFT:
        if (socket) this.#leave(socket, map);
        return call.returnInt(0);
      case SOCKET_GROUPED:
        return call.returnInt(socket ? joinArray(socket, map) : 1);
      case SOCKET_UNGROUPED:
        if (socket) socket.array = undefined;
        return call.returnInt(0);
      case SOCKET_NUMBER:
        return call.returnInt(sockets.numberAt(number));
      default:
        return call.returnInt(no('EINVAL'));
    }
  }

  #enter(socket: Socket, map: number): number {
    const programs = this.#machine().mapAt(map)?.programs;
    if (!socket.psock && socket.array !== undefined) return no('EBUSY');
    const fresh = !socket.psock;
    const psock = (socket.psock ??= new Psock(socket));
    const error = psock.enter(map, programs);
    if (error === undefined) return 0;
    if (fresh || error === 'EOPNOTSUPP') this.#leave(socket, map);
    return no(error);
  }

  #leave(socket: Socket, map: number): void {
    const { psock } = socket;
    if (!psock?.leave(map, this.#machine().mapAt(map)?.programs)) return;
    socket.psock = undefined;
    psock.end();
  }

  /** bpf_sk_reuseport_detach */
  leaveArray(socket: Socket): void {
    const { array } = socket;
    if (array !== undefined) this.#goneFrom(socket, array);
  }

  #goneFrom(socket: Socket, map: number): void {
    const { runtime } = this.#machine();
    const gone = runtime.exports[`${runtime.mapAt(map)?.prefix}_owner_gone`];
    (gone as ((map: number, one: number) => void) | undefined)?.(map, socket.owner.number);
  }

  /** sock_map_close: it leaves every map at once. */
  close(socket: Socket): void {
    const { psock } = socket;
    if (!psock) return;
    for (const map of psock.maps) this.#goneFrom(socket, map);
  }
}

const WORDS: Readonly<Record<string, string>> = { sk_skb_: '', sk_msg_: 'msg_' };

/** sock_map_sk_is_suitable, sock_map_sk_state_allowed */
function may(socket: Socket): number {
  const fits =
    socket.type === 'tcp'
      ? socket.state === ESTABLISHED || socket.state === LISTEN
      : socket.localPort !== 0;
  return fits ? 0 : no('EOPNOTSUPP');
}

/** reuseport_array_update_check: it takes packets, in a group, and nobody else has it. */
function joinArray(socket: Socket, map: number): number {
  const hashed = socket.type === 'tcp' ? socket.state === LISTEN : socket.localPort !== 0;
  if (!hashed || !socket.group) return no('EINVAL');
  if (socket.array !== undefined || socket.psock) return no('EBUSY');
  socket.array = map;
  return 0;
}
