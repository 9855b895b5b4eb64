import fc from 'fast-check';
import { describe, ethernet, expect, ipv4, machine, packet, tcp, test } from 'beeyard/testing';
import { anyPacket } from 'beeyard/testing/fast-check';
import synlimit from './synlimit.bpf.o';

const syn = (source: string) => packet(ethernet(), ipv4({ source }), tcp({ flags: 'SYN' }));
const ack = (source: string) => packet(ethernet(), ipv4({ source }), tcp({ flags: 'ACK' }));

/** A machine with one device, where a source may open so many connections a second. */
async function limitedTo(limit: number) {
  const host = await machine({ devices: { eth0: {} } });
  const { programs, maps } = await host.load(synlimit, { globals: { limit } });
  programs.synlimit.attach({ device: 'eth0' });
  return { host, maps, eth0: host.devices.eth0 };
}

test('the kernels we ship to accept it', async () => {
  await expect(synlimit).toVerifyOn(['6.1', '6.12']);
});

describe('new connections', () => {
  test('pass up to the limit, then drop', async () => {
    const { host, maps, eth0 } = await limitedTo(10);
    using _ = host;
    const results = Array.from({ length: 12 }, () => eth0.receive(syn('10.0.0.1')));
    expect(results).toHaveVerdicts({ XDP_PASS: 10, XDP_DROP: 2 });
    expect(maps.sources.get('10.0.0.1')).toMatchObject({ opened: 12, dropped: 2 });
  });

  test('may come again in the next second', async () => {
    const { host, eth0 } = await limitedTo(1);
    using _ = host;
    expect(eth0.receive(syn('10.0.0.1'))).toHaveVerdict('pass');
    expect(eth0.receive(syn('10.0.0.1'))).toHaveVerdict('drop');
    host.advance('1s'); // the machine's clock; nobody waits
    expect(eth0.receive(syn('10.0.0.1'))).toHaveVerdict('pass');
  });

  test('of one source do not count for another, packets of old connections not at all', async () => {
    const { host, eth0 } = await limitedTo(1);
    using _ = host;
    expect(eth0.receive(syn('10.0.0.1'))).toHaveVerdict('pass');
    expect(eth0.receive(syn('10.0.0.2'))).toHaveVerdict('pass');
    expect(eth0.receive(ack('10.0.0.1'))).toHaveVerdict('pass');
  });
});

test('whatever comes is passed or dropped', async () => {
  using host = await machine();
  const { programs } = await host.load(synlimit);
  fc.assert(
    fc.property(anyPacket(), (data) => {
      expect(programs.synlimit.run({ data })).toHaveVerdict(['pass', 'drop']);
    }),
  );
});
