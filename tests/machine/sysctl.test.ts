import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelError } from '../../src/base/index.ts';
import { createMachine } from '../../src/index.ts';

const devices = { lo: { addresses: ['127.0.0.1/8'] } };

describe('settings of a machine', () => {
  it('are read and written by either name', async () => {
    const host = await createMachine({ devices });
    expect(host.sysctl('net.ipv4.tcp_syn_retries')).toBe('6\n');
    host.sysctl('/proc/sys/net/ipv4/tcp_syn_retries', '2\n');
    expect(host.sysctl('net/ipv4/tcp_syn_retries')).toBe('2\n');
    expect(() => host.sysctl('net.ipv4.nothing')).toThrow('(ENOENT)');
    expect(() => host.sysctl('constructor')).toThrow('(ENOENT)');
  });

  it('say how many connections wait, and how often a SYN is sent', async () => {
    const asked = async (retries: string) => {
      const host = await createMachine({ devices });
      host.sysctl('net.core.somaxconn', '0');
      host.sysctl('net.ipv4.tcp_syn_retries', retries);
      const net = host.net.namespace('');
      const server = net.socket({ type: 'tcp', address: '127.0.0.1', port: 80 }).listen(5);
      const first = net.connect({ type: 'tcp', to: server.local });
      const second = net.connect({ type: 'tcp', to: server.local });
      host.advance(20e9);
      return [first.state, second.state];
    };
    expect(await asked('6')).toEqual(['established', 'syn_sent']);
    expect(await asked('1')).toEqual(['established', 'close']);
  });

  it('never let bpf for all back when it is forbidden for good', async () => {
    const host = await createMachine({});
    const path = 'kernel.unprivileged_bpf_disabled';
    expect(host.sysctl(path)).toBe('2\n');
    host.sysctl(path, '1');
    expect(() => host.sysctl(path, '0')).toThrow('(EPERM)');
    expect(host.sysctl(path)).toBe('1\n');
  });

  it('take any text, or say EINVAL', async () => {
    const host = await createMachine({});
    const paths = fc.constantFrom('net/ipv4/tcp_mem', 'net/core/somaxconn', 'net/ipv4/tcp_ecn');
    const texts = fc.oneof(fc.string(), fc.stringMatching(/^[-0-9a-fx \t\n]{0,30}$/));
    fc.assert(
      fc.property(paths, texts, (path, text) => {
        try {
          host.sysctl(path, text);
        } catch (error) {
          expect((error as KernelError).code).toBe('EINVAL');
        }
        expect(host.sysctl(path)).toMatch(/^\d+(\t\d+)*\n$/);
      }),
    );
  });
});
