/** XDP programs at one device by the dispatcher of Debian's libxdp1, and its own objects in it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine, parseObject } from '../../src/index.ts';
import type { Machine } from '../../src/machine/index.ts';
import { XdpDispatcher, xdpRunConfig } from '../../src/tools/libxdp/index.ts';
import { netObject } from '../machine/helpers.ts';

const FOLDERS = ['/usr/lib/x86_64-linux-gnu/bpf', '/usr/lib/aarch64-linux-gnu/bpf', '/usr/lib/bpf'];
const folder = FOLDERS.find((path) => existsSync(join(path, 'xdp-dispatcher.o')));
const read = (name: string) => parseObject(new Uint8Array(readFileSync(join(folder!, name))));
const errno = (code: string) => expect.objectContaining({ code });
const [DROP, PASS] = [1, 2].map((bit) => 1 << bit);
const own = parseObject(netObject());
const pick = (program: string, priority: number, chainCallActions?: number) => {
  const chain = chainCallActions === undefined ? {} : { chainCallActions };
  return { object: own, program, priority, ...chain };
};

it('what objects say of themselves', () => {
  const filters = readdirSync(folder!).filter((name) => name.startsWith('xdpfilt_'));
  expect(filters).toHaveLength(10);
  for (const name of filters) {
    const object = read(name);
    const config = xdpRunConfig(object, object.programs[0]!.name);
    expect(config).toEqual({ priority: 10, chainCallActions: PASS });
  }
  const socket = xdpRunConfig(read('xsk_def_xdp_prog.o'), 'xsk_def_prog');
  expect(socket).toEqual({ priority: 20, chainCallActions: PASS });
  expect(xdpRunConfig(own, 'by_length')).toEqual({ priority: 50, chainCallActions: PASS });
});

describe.each(['wasm', 'interpreter'] as const)('the dispatcher of libxdp on %s', (engine) => {
  const started = async () => {
    const host = await createMachine({ engine, devices: { eth0: {} } });
    const dispatcher = new XdpDispatcher(host, 'eth0', read('xdp-dispatcher.o'));
    const receive = (first: number, length = 60) => {
      const packet = new Uint8Array(length);
      packet[0] = first;
      return host.devices['eth0']!.receive(packet).verdict;
    };
    const names = () => dispatcher.programs.map(({ name }) => name);
    const loaded = (name: string) => dispatcher.programs.find((one) => one.name === name)!.loaded;
    const { objects } = host.kernel as Machine;
    return { host, dispatcher, receive, names, loaded, objects };
  };

  it('runs programs by priority, on from one to the next after what they say', async () => {
    const { dispatcher, receive, names, loaded } = await started();
    await dispatcher.add([
      pick('first_byte', 40),
      pick('by_length', 30),
      { object: read('xdpfilt_alw_eth.o') },
    ]);
    expect(names()).toEqual(['xdpfilt_alw_eth', 'by_length', 'first_byte']);
    const bytes = () => loaded('by_length').globals.get('total_bytes');
    expect([receive(3), bytes()]).toEqual(['tx', 60n]);
    expect([receive(2), bytes()]).toEqual(['pass', 120n]);
    // Too short for the second one, which says so and is the last.
    expect([receive(3, 18), bytes()]).toEqual(['drop', 138n]);
    // The filter drops frames to an address of its list: nobody else sees them.
    const filter = loaded('xdpfilt_alw_eth').maps['filter_ethernet']!.kernelMap;
    filter.update(Uint8Array.of(4, 0, 0, 0, 0, 0), Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0));
    expect([receive(4), bytes()]).toEqual(['drop', 138n]);
    expect([receive(3), bytes()]).toEqual(['tx', 198n]);
  });

  it('goes on after other verdicts if a program is given so', async () => {
    const { dispatcher, receive } = await started();
    await dispatcher.add([pick('by_length', 1, DROP), pick('first_byte', 2)]);
    expect(receive(3)).toBe('pass');
    expect(receive(3, 18)).toBe('tx');
  });

  it('takes programs in and out, and keeps what they know', async () => {
    const { dispatcher, receive, names, loaded, objects } = await started();
    await dispatcher.add([pick('by_length', 50)]);
    expect(receive(3)).toBe('pass');
    const { program } = dispatcher.programs[0]!;
    await dispatcher.add([pick('first_byte', 60)]);
    expect([names(), receive(3)]).toEqual([['by_length', 'first_byte'], 'tx']);
    expect(dispatcher.programs[0]!.program.id).toBe(program.id);
    expect(loaded('by_length').globals.get('total_bytes')).toBe(120n);
    // Two links: one for each; the dispatcher itself has none.
    expect([...objects.links]).toHaveLength(2);
    await dispatcher.remove('by_length');
    expect([names(), receive(3)]).toEqual([['first_byte'], 'tx']);
    dispatcher[Symbol.dispose]();
    expect([receive(3), [...objects.links], [...objects.programs]]).toEqual(['pass', [], []]);
  });

  it('is left alone by what cannot be added', async () => {
    const { dispatcher, receive, names } = await started();
    await dispatcher.add([pick('first_byte', 60)]);
    const many = Array.from({ length: 10 }, (_, i) => pick('by_length', i));
    await expect(dispatcher.add(many)).rejects.toThrow(errno('E2BIG'));
    const wrong = { object: read('xdpdump_bpf.o'), program: 'no_such_program' };
    await expect(dispatcher.add([wrong])).rejects.toThrow(errno('ENOENT'));
    const tracer = { object: own, program: 'marks' };
    await expect(dispatcher.add([tracer])).rejects.toThrow();
    await expect(dispatcher.remove('by_length')).rejects.toThrow(errno('ENOENT'));
    expect([names(), receive(3)]).toEqual([['first_byte'], 'tx']);
  });

  it('xdpdump looks at what a program of it got and said', async () => {
    const { dispatcher, receive, host } = await started();
    await dispatcher.add([pick('first_byte', 60)]);
    const { program } = dispatcher.programs[0]!;
    const at = { program, function: 'first_byte' };
    const { ifindex } = host.devices['eth0']!;
    const dump = await host.load(read('xdpdump_bpf.o'), {
      targets: { trace_on_entry: at, trace_on_exit: at },
      globals: { trace_cfg: { capture_if_ifindex: ifindex, capture_snaplen: 64 } },
    });
    for (const [, why] of dump.refused) throw why;
    using _entry = dump.programs['trace_on_entry']!.attach();
    using _exit = dump.programs['trace_on_exit']!.attach();
    const events = dump.maps['xdpdump_perf_map']!;
    events.drain();
    expect(receive(3, 70)).toBe('tx');
    // Device, queue, length and how much of it is here, where and which program, its verdict.
    const seen = events.drain().map(({ data }) => {
      const view = new DataView(data.buffer, data.byteOffset);
      const words = [0, 4, 16].map((at) => view.getUint32(at, true));
      const halves = [8, 10, 12, 14].map((at) => view.getUint16(at, true));
      return [...words, ...halves, data[20]];
    });
    expect(seen).toEqual([
      [ifindex, 0, 0, 70, 64, 0, 0, 3],
      [ifindex, 0, 3, 70, 64, 1, 0, 3],
    ]);
  });
});
