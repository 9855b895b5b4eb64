/** `net socket`: sockets of a machine, which stay in its file. */
import { KernelError } from '../base/index.ts';
import type { SocketAddress } from '../kernel/index.ts';
import type { NetNamespace } from '../machine/net/namespace.ts';
import type { SocketHandle } from '../machine/net/sockets/handle.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { onMachine, type Output } from './machine-file.ts';

type Act = (net: NetNamespace, call: CommandCall, to: SocketAddress) => Output;

const ACTS: Readonly<Record<string, Act>> = {
  listen(net, call, { address, port }) {
    const socket = net.socket({ type: typeOf(call), address, port });
    if (socket.type === 'tcp') socket.listen();
    return outputOf(socket);
  },
  connect(net, call, to) {
    const socket = net.connect({ type: typeOf(call), to });
    send(socket, call);
    return outputOf(socket);
  },
  send(net, call, { port }) {
    const socket = find(net, call, port);
    send(socket, call);
    return outputOf(socket);
  },
  /** Of a listener: takes the next connection, which then has what it sent. */
  accept(net, call, { port }) {
    const listener = find(net, call, port, 'listen');
    const socket = listener.accept();
    if (socket) return outputOf(socket);
    throw new KernelError('EAGAIN', 11, 'no connection waits');
  },
  receive: (net, call, { port }) => received(find(net, call, port)),
  close(net, call, { port }) {
    find(net, call, port).close();
    return {};
  },
};

/** `net socket {listen|connect|send|accept|receive|close} [ADDRESS:]PORT` */
export function run(call: CommandCall, io: CliIo): Promise<number> {
  const [word, where] = call.operands;
  const act = Object.hasOwn(ACTS, word!) ? ACTS[word!]! : undefined;
  if (!act) throw usageError(`'${word}' is none of: ${Object.keys(ACTS).join(', ')}`);
  const to = addressOf(where!, call);
  return onMachine(call, io, {
    changes: true,
    run: ({ network }) => act(network.namespace(call.text('netns') ?? ''), call, to),
  });
}

const typeOf = (call: CommandCall): 'udp' | 'tcp' => (call.flag('udp') ? 'udp' : 'tcp');

/** '80', '10.0.0.2:80', '[fd00::2]:80'. */
function addressOf(text: string, call: CommandCall): SocketAddress {
  const found = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (!found || port > 65_535) throw usageError(`'${text}' is no [ADDRESS:]PORT`);
  const any = call.flag('6') ? '::' : '0.0.0.0';
  return { address: found[1] ?? found[2] ?? any, port };
}

/** The socket at a local port: of several that are connected the one that came last. */
function find(net: NetNamespace, call: CommandCall, port: number, state?: string): SocketHandle {
  const fits = ({ local, type, state: now }: SocketHandle) =>
    local.port === port &&
    type === typeOf(call) &&
    (state === undefined ? now !== 'listen' : now === state);
  const found = net.openSockets().findLast(fits);
  if (found) return found;
  throw new KernelError('ENOTSOCK', 88, `there is no such ${typeOf(call)} socket at port ${port}`);
}

function send(socket: SocketHandle, call: CommandCall): void {
  const data = call.text('data');
  if (data !== undefined) socket.send(data);
}

function received(socket: SocketHandle): Output {
  const got = socket.receive();
  if (!got) throw new KernelError('EAGAIN', 11, 'nothing was received');
  const text = new TextDecoder().decode(got.data);
  const json = { from: got.from, bytes: got.data.length, text };
  return { json, text: text === '' ? 'the other side has closed\n' : `${text}\n` };
}

function outputOf({ type, state, local, remote }: SocketHandle): Output {
  const end = ({ address, port }: SocketAddress) => `${address}:${port}`;
  const peer = remote ? ` to ${end(remote)}` : '';
  return {
    json: { type, state, local, ...(remote && { remote }) },
    text: `${type} ${end(local)}${peer} ${state}\n`,
  };
}
