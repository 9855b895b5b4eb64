/** What helpers of programs do to sockets: bpf_bind, bpf_setsockopt and kin (net/core/filter.c). */
import { AF_INET, AF_INET6 } from '../sockets/ends.ts';
import { errnos } from '../../../abi/index.ts';
import type { Machine } from '../../machine.ts';
import { answer, refuse } from '../../errno.ts';
import type { Sockets } from '../sockets/layer.ts';
import { getOptionByProgram, setOptionByProgram } from '../sockets/options.ts';
import { Socket } from '../sockets/socket.ts';

const EINVAL = -errnos['EINVAL']!;
/** Bytes of struct sockaddr_in; of sockaddr_in6 without its scope. */
const SIZE4 = 16;
const SIZE6 = 24;

/** Lets helpers reach the sockets of a machine. */
export function installSocketHelpers({ runtime: { host } }: Machine, sockets: Sockets): void {
  const socketAt = (record: number): Socket | undefined => {
    const found = record === 0 ? undefined : sockets.at(record);
    return found instanceof Socket ? found : undefined;
  };
  host.setSocketOption = (record, level, name, value) => {
    const socket = socketAt(record);
    if (!socket) return EINVAL;
    const result = setOptionByProgram(socket, level, name, value);
    sockets.changed(socket);
    return result;
  };
  host.getSocketOption = (record, level, name, room) => {
    const socket = socketAt(record);
    return socket ? getOptionByProgram(socket, level, name, room) : EINVAL;
  };
  host.bindSocket = (record, address) => {
    const socket = socketAt(record);
    return socket ? answer(() => bind(socket, address)) : EINVAL;
  };
  host.headerOptions = sockets.hooks.ops.options;
  host.sockOpsFlags = (context, flags) => sockets.hooks.ops.setFlags(context, flags);
}

/** bpf_bind. Throws KernelError. */
function bind(socket: Socket, address: Uint8Array): number {
  if (address.length < 2) refuse('EINVAL', 'there is no family');
  const view = new DataView(address.buffer, address.byteOffset);
  const family = view.getUint16(0, true);
  if (family !== AF_INET && family !== AF_INET6) refuse('EAFNOSUPPORT', `family ${family}`);
  const v4 = family === AF_INET;
  if (address.length < (v4 ? SIZE4 : SIZE6)) refuse('EINVAL', 'the address is too short');
  if (v4 !== (socket.family === 4)) refuse(v4 ? 'EINVAL' : 'EAFNOSUPPORT', 'another family');
  const bytes = v4 ? address.slice(4, 8) : address.slice(8, 24);
  socket.bindByProgram(bytes, view.getUint16(2));
  return 0;
}
