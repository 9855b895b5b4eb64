import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errnos } from '../../src/abi/index.ts';
import { createMachine } from '../../src/index.ts';
import type { ProgTestRunAttr } from '../../src/kernel/index.ts';
import { bpfSyscall, Process } from '../../src/machine/bpf/index.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { udp } from './helpers.ts';

const object = readFileSync(new URL('programs/paths.bpf.o', import.meta.url));
const LIVE = 2;
const no = (name: string) => -errnos[name]!;

/** A cable to namespace `a`, whose end polls for frames; `run` test-runs a program by name. */
async function boot(target = 0) {
  const peer = { name: 'eth0', namespace: 'a' };
  const cable = { kind: 'veth', ifindex: 5, peer } as const;
  const host = await createMachine({ namespaces: { a: {} }, devices: { cable } });
  const { programs } = await host.load(object, { globals: { target } });
  programs['passes']!.attach({ device: 'a/eth0' });
  const bpf = bpfSyscall(new Process(host.kernel as Machine));
  const run = (name: string, more: Partial<ProgTestRunAttr> = {}) => {
    const data = udp('10.0.0.1', '10.0.0.2');
    const progFd = bpf.progGetFdById({ progId: programs[name]!.kernelProgram.id });
    return bpf.progTestRun({ progFd, dataIn: data, dataSizeIn: data.length, flags: LIVE, ...more });
  };
  return { host, run, far: host.namespaces.a.device('eth0').statistics };
}

const context = (...words: number[]) => {
  const ctxIn = new Uint8Array(Uint32Array.from(words).buffer);
  return { ctxIn, ctxSizeIn: ctxIn.length };
};

describe('live frames of a test run (BPF_F_TEST_XDP_LIVE_FRAMES)', () => {
  it('go where the program redirects them, each of the repetitions', async () => {
    const { host, run, far } = await boot(5);
    using _host = host;
    expect(run('forwards', { repeat: 100, batchSize: 7 })).toBe(0);
    expect(far.rx_packets).toBe(100);
    expect(run('forwards')).toBe(0);
    expect(far.rx_packets).toBe(101);
  });

  it('go back by the device the context names, and to the stack when they pass', async () => {
    const { host, run, far } = await boot();
    using _host = host;
    const size = udp('10.0.0.1', '10.0.0.2').length;
    expect(run('back', context(0, size, 0, 5, 0, 0))).toBe(0);
    expect(far.rx_packets).toBe(1);
    using capture = host.net.capture({ device: 'cable' });
    expect(run('passes', { ...context(0, size, 0, 5, 0, 0), repeat: 3 })).toBe(0);
    expect(capture.packets).toHaveLength(3);
    expect(run('drops', { repeat: 3 })).toBe(0);
    expect(capture.packets).toHaveLength(3);
  });

  it('are refused as in Linux', async () => {
    const { host, run } = await boot();
    using _host = host;
    const long = new Uint8Array(3409);
    expect(run('passes', { batchSize: 257 })).toBe(no('E2BIG'));
    expect(run('passes', { batchSize: 4, flags: 0 })).toBe(no('EINVAL'));
    expect(run('passes', { dataIn: long, dataSizeIn: 3409 })).toBe(no('EINVAL'));
    expect(run('passes', { dataIn: long, dataSizeIn: 3408 })).toBe(0);
    const back = { ...context(0, 40, 0, 0, 0, 0), ctxOut: new Uint8Array(24), ctxSizeOut: 24 };
    expect(run('passes', back)).toBe(no('EINVAL'));
    expect(run('passes', { flags: LIVE | 8 })).toBe(no('EINVAL'));
  });
});
