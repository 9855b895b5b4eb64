import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName } from '../../src/index.ts';

const object = readFileSync(new URL('programs/contexts-sk.bpf.o', import.meta.url));
const HERE = '127.0.0.1';
const PORT = 700;

describe.each<EngineName>(['interpreter', 'wasm'])('sk of a context (%s)', (engine) => {
  it.each([true, false])('can be read (verified: %s)', async (verify) => {
    const devices = { lo: { addresses: ['127.0.0.1/8'] } };
    using host = await createMachine({ engine, devices, verify });
    const { programs, maps, globals } = await host.load(object);
    const net = host.namespaces['']!;
    const listener = net.socket({ type: 'tcp', address: HERE, port: PORT }).listen();
    const near = net.connect({ type: 'tcp', to: { address: HERE, port: PORT } });
    const far = listener.accept()!;
    programs['message']!.attach({ map: maps['peers']! });
    programs['stream']!.attach({ map: maps['peers']! });
    maps['peers']!.setSocket(0, far);
    near.send('to the stream');
    expect(globals.get('of_stream')).toBe(PORT);
    far.send('a message');
    expect(globals.get('of_message')).toBe(PORT);
    maps['peers']!.delete(0);

    const server = net.socket({ type: 'udp', address: HERE, port: PORT, reusePort: true });
    server.reuseport.attach(programs['choice']!);
    const client = net.socket({ type: 'udp', address: HERE });
    client.send('to a group', { address: HERE, port: PORT });
    expect(globals.get('of_choice')).toBe(PORT);

    maps['peers']!.setSocket(0, server);
    programs['assign']!.attach({ namespace: '' } as never);
    programs['lookup']!.attach({ namespace: '' } as never);
    client.send('to the chosen', { address: HERE, port: 1 });
    expect(globals.get('of_lookup')).toBe(PORT);
  });
});
