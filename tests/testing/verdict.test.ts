import { describe } from 'vitest';
import { ethernet, expect, ipv4, machine, packet, tcp, test } from '../../src/testing/index.ts';
import { messageOf } from './message.ts';

const OBJECT = new URL('../../examples/typed-import/ratelimit.bpf.o', import.meta.url);

const syn = (source: string): Uint8Array =>
  packet(ethernet(), ipv4({ source, destination: '192.0.2.1' }), tcp({ destinationPort: 443 }));

async function limited(limit: bigint, engine?: 'wasm') {
  const host = await machine({ devices: { eth0: {} }, ...(engine ? { engine } : {}) });
  const { programs } = await host.load(OBJECT, { globals: { limit } });
  programs['ratelimit']!.attach({ device: 'eth0' });
  return { host, eth0: host.devices.eth0, [Symbol.dispose]: () => host[Symbol.dispose]() };
}

describe('toHaveVerdict', () => {
  test('takes words of results and names of constants', async () => {
    using machine = await limited(1n);
    const { eth0 } = machine;
    expect(eth0.receive(syn('10.0.0.1'))).toHaveVerdict('pass');
    expect(eth0.receive(syn('10.0.0.1'))).toHaveVerdict('XDP_DROP');
    expect(eth0.receive(syn('10.0.0.2'))).not.toHaveVerdict('drop');
    expect(eth0.receive(syn('10.0.0.2'))).toHaveVerdict(['drop', 'aborted']);
  });

  test('says which line made the verdict, by which branches, of which packet', async () => {
    using machine = await limited(0n);
    const result = machine.eth0.receive(syn('10.0.0.1'));
    const text = messageOf(() => expect(result).toHaveVerdict('pass'));
    expect(text).toContain("expected the verdict to be 'pass', it is 'drop'");
    expect(text).toMatch(/ratelimit \(.*ratelimit\.bpf\.c\) returned after \d+ instructions:/);
    expect(text).toMatch(/\| if \(reason != ALLOWED\) \{ {2}\((jumps|goes on)\)/);
    expect(text).toMatch(/112 \| return reason == ALLOWED \? XDP_PASS : XDP_DROP; {2}<- .* w0 = 1/);
    expect(text).toContain('TCP sourcePort=40000 destinationPort=443');
  });

  test('keeps the way of a result, whatever runs after it', async () => {
    using machine = await limited(1n);
    const passed = machine.eth0.receive(syn('10.0.0.1'));
    const dropped = machine.eth0.receive(syn('10.0.0.1'));
    expect(messageOf(() => expect(passed).toHaveVerdict('drop'))).toMatch(/<- .* w0 = 2/);
    expect(messageOf(() => expect(dropped).toHaveVerdict('pass'))).toMatch(/<- .* w0 = 1/);
  });

  test('says that it does not know the way where nobody watched', async () => {
    using machine = await limited(0n, 'wasm');
    const result = machine.eth0.receive(syn('10.0.0.1'));
    expect(messageOf(() => expect(result).toHaveVerdict('pass'))).toContain('why is not known');
  });

  test('refuses words that are no verdict, and things that have none', () => {
    expect(() => expect({ verdict: 'drop' }).toHaveVerdict('dropped')).toThrow(/no verdict; there/);
    expect(() => expect(7).toHaveVerdict('drop')).toThrow(/takes what run\(\)/);
  });
});

describe('toHaveVerdicts', () => {
  test('counts', async () => {
    using machine = await limited(10n);
    const results = Array.from({ length: 12 }, () => machine.eth0.receive(syn('10.0.0.1')));
    expect(results).toHaveVerdicts({ XDP_PASS: 10, XDP_DROP: 2, XDP_TX: 0 });
    expect(results).not.toHaveVerdicts({ pass: 12 });
  });

  test('explains the first result that should not be', async () => {
    using machine = await limited(2n);
    const results = Array.from({ length: 4 }, () => machine.eth0.receive(syn('10.0.0.1')));
    const text = messageOf(() => expect(results).toHaveVerdicts({ pass: 3, drop: 1 }));
    expect(text).toContain('expected 3 pass, 1 drop of 4 results, got 2 pass, 2 drop');
    expect(text).toContain("result 3 is 'drop'");
    expect(text).toMatch(/<- .* w0 = 1/);
  });
});
