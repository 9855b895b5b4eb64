/** `beeyard dap`: the debug adapter that editors start. */
import { createServer, type Socket } from 'node:net';
import type { CommandCall } from './command.ts';
import { Adapter } from './dap-adapter.ts';
import { EXIT } from './exit.ts';
import type { CliIo } from './io.ts';

const LOOPBACK = '127.0.0.1';

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  // The protocol has standard output to itself.
  const quiet: CliIo = { ...io, out: (text) => io.err(text) };
  if (call.text('port') === undefined) {
    await new Promise<void>((done) => {
      const adapter = new Adapter(quiet);
      process.stdin.once('close', done);
      process.stdin.once('end', done);
      adapter.start(process.stdin, process.stdout);
    });
    return EXIT.ok;
  }
  return serve(call.count('port', 0, 0, 65_535), quiet);
}

/** One session a connection, from this computer only. */
function serve(port: number, io: CliIo): Promise<number> {
  const server = createServer((socket: Socket) => {
    const adapter = new Adapter(io);
    adapter.setRunAsServer(true);
    adapter.start(socket, socket);
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    io.interrupt?.addEventListener('abort', () => {
      server.close();
      resolve(EXIT.interrupted);
    });
    server.listen(port, LOOPBACK, () => {
      const address = server.address();
      const actual = typeof address === 'object' && address ? address.port : port;
      io.err(`listening on ${LOOPBACK}:${actual}\n`);
    });
  });
}
