import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCapture, writeCapture } from '../../src/tools/pcap/index.ts';
import { packet, udp } from '../machine/helpers.ts';
import { beeyard, NET, workFolder } from './helpers.ts';

const files = workFolder();
const hasCapinfos = () => spawnSync('capinfos', ['--version']).status === 0;
const times = (count: number, make: (i: number) => Uint8Array) =>
  Array.from({ length: count }, (_, i) => ({ data: make(i), time: 1_000_000_000n * BigInt(i) }));

/** Ten packets of 10, 20, … 100 bytes. */
const sizes = files.write('sizes.pcap', writeCapture(times(10, (i) => packet(10 + 10 * i, i))));

interface RunJson {
  packets: number;
  verdicts: { verdict: string; code?: number; packets: number }[];
  faults: { kind: string; file: string; line: number; packets: number; first_packet: number }[];
  redirects: { target: string; packets: number }[];
  maps: { name: string; entries: { key: unknown; value: unknown; values?: unknown }[] }[];
  records: Record<string, { count: number; first: { value: Record<string, unknown> }[] }>;
  hottest: { line: number; source: string; times: number }[];
  written: { packets: number; changed: number };
  problem?: string;
}

const json = async (args: readonly string[]) => {
  const result = await beeyard(['run', NET, '-j', ...args]);
  return { ...result, report: result.json<RunJson>() };
};

describe.each(['wasm', 'interpreter'])('beeyard run --engine %s', (engine) => {
  const options = ['--engine', engine];

  it('counts verdicts of a program that was verified', async () => {
    const args = ['--prog', 'by_length', '--pcap', sizes, ...options];
    const { code, err, report } = await json(args);
    expect(code).toBe(0);
    expect(err).not.toMatch(/not verified/);
    expect(report.packets).toBe(10);
    expect(report.verdicts).toEqual([
      { verdict: 'pass', code: 2, packets: 9 },
      { verdict: 'drop', code: 1, packets: 1 },
    ]);
    const counts = report.maps.find((map) => map.name === 'counts')!;
    expect(counts.entries).toEqual([
      { key: 0, value: 9 },
      { key: 1, value: 1 },
    ]);
  });

  it('explains faults with the source line, goes on, and ends with 1', async () => {
    const args = ['--prog', 'careless', '--unverified', '--pcap', sizes, ...options];
    const { code, err, report } = await json(args);
    expect(code).toBe(1);
    expect(err).toMatch(/not verified/);
    expect(report.verdicts).toEqual([
      { verdict: 'pass', code: 2, packets: 7 },
      { verdict: 'fault', packets: 3 },
    ]);
    expect(report.faults).toHaveLength(1);
    expect(report.faults[0]).toMatchObject({ kind: 'out of range', packets: 3, first_packet: 1 });
    expect(report.faults[0]!.file).toMatch(/net\.bpf\.c$/);
    const text = await beeyard(['run', NET, ...args]);
    expect(text.out).toMatch(/data\[39\] == 0xff/);
    expect(text.out).toMatch(/3 packets, first 1/);
  });

  it('refuses what Linux would not load, and explains it', async () => {
    const args = ['run', NET, '--prog', 'careless', '--pcap', sizes, ...options];
    const { code, out, err } = await beeyard(args);
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toMatch(/'careless' is not safe to run: R\d offset is outside of the packet/);
    expect(err).toMatch(/data\[39\] == 0xff/);
    expect(err).toMatch(/if \(p \+ 40 > data_end\)/);
  });

  it('writes the packets that survive, changed as the program left them (the first is too short)', async () => {
    const out = files.path(`shortened-${engine}.pcap`);
    const args = ['--prog', 'shorten', '--pcap', sizes, '--out', out, ...options];
    const { report } = await json(args);
    expect(report.written).toMatchObject({ packets: 9, changed: 9 });
    const { packets } = readCapture(files.read(`shortened-${engine}.pcap`));
    expect(packets.map((one) => one.data.length)).toEqual([16, 26, 36, 46, 56, 66, 76, 86, 96]);
    expect(packets.every((one) => one.data[0] === 0xaa)).toBe(true);
    expect(packets[2]!.time).toBe(3_000_000_000n);
  });

  it('shows the lines that ran most', async () => {
    const { report } = await json(['--prog', 'by_length', '--pcap', sizes, '--top', ...options]);
    const line = report.hottest.find((one) => one.source.startsWith('total_bytes +='));
    expect(line).toMatchObject({ times: 10 });
  });

  it('reads buffers often enough that none is full, however small', async () => {
    const many = writeCapture(times(2000, (i) => packet(60, i & 255)));
    const input = files.write('many.pcap', many);
    const { report } = await json(['--prog', 'sampled', '--pcap', input, ...options]);
    expect(report.verdicts).toEqual([{ verdict: 'pass', code: 2, packets: 2000 }]);
    expect(report.records['samples']!.count).toBe(2000);
    const perf = await json(['--prog', 'perf', '--pcap', input, ...options]);
    expect(perf.report.records['events']).toMatchObject({ count: 2000, lost: 0 });
  });

  it('runs tc programs on untagged packets and writes them with their tags', async () => {
    const frames = [5, 6, undefined].map((vlan) => udp('10.0.0.1', '10.0.0.2', [1, 2], vlan));
    const input = files.write('vlan.pcap', writeCapture(frames.map((data) => ({ data }))));
    const out = files.path(`vlan-${engine}.pcap`);
    const args = ['--prog', 'vlan_five', '--pcap', input, '--out', out, ...options];
    const { report } = await json(args);
    expect(report.verdicts).toEqual([
      { verdict: 'drop', code: 2, packets: 2 },
      { verdict: 'pass', code: 0, packets: 1 },
    ]);
    expect(report.written).toMatchObject({ packets: 1, changed: 0 });
    expect(readCapture(files.read(`vlan-${engine}.pcap`)).packets[0]!.data).toEqual(frames[0]);
  });

  it('gives every interface of a capture a device of its name', async () => {
    const interfaces = [{ name: 'wan0' }, { name: 'lan0' }];
    const two = [0, 1, 0].map((interfaceId) => ({ data: packet(60), interfaceId }));
    const input = files.write('two.pcapng', writeCapture(two, { format: 'pcapng', interfaces }));
    const args = ['--prog', 'second_device', '--pcap', input, ...options];
    expect((await json(args)).report.verdicts).toMatchObject([
      { verdict: 'pass', packets: 2 },
      { verdict: 'drop', packets: 1 },
    ]);
    const one = [...args, '--device', 'eth0'];
    expect((await json(one)).report.verdicts).toMatchObject([{ verdict: 'pass', packets: 3 }]);
    const target = ['--prog', 'to_device', '--pcap', input, '-g', 'target=3', ...options];
    expect((await json(target)).report.redirects).toEqual([{ target: 'lan0', packets: 3 }]);
  });

  it('tells time from the packets', async () => {
    const args = ['--prog', 'sampled', '--pcap', sizes, ...options];
    const { report } = await json(args);
    const { count, first } = report.records['samples']!;
    expect(count).toBe(10);
    expect(first[2]!.value).toEqual({
      time: 2_000_000_000,
      length: 30,
      first_bytes: [2, 1, 2, 3],
    });
  });

  it('says where redirected packets went', async () => {
    const args = ['--prog', 'to_device', '--pcap', sizes, '-g', 'target=1', ...options];
    expect((await json(args)).report.redirects).toEqual([{ target: 'lo', packets: 10 }]);
    const copies = ['--prog', 'copies', '--pcap', sizes, ...options];
    expect((await json(copies)).report.redirects).toEqual([
      { target: 'eth0 (copies)', packets: 10 },
    ]);
    const port = ['--prog', 'to_port', '--pcap', sizes, '-m', 'tx_ports:1=7', ...options];
    expect((await json(port)).report.redirects).toEqual([
      { target: 'ifindex 7 (tx_ports[1])', packets: 10 },
    ]);
  });

  it('goes through the capture again with --repeat', async () => {
    const args = ['--prog', 'by_length', '--pcap', sizes, '--repeat', '3', ...options];
    expect((await json(args)).report.packets).toBe(30);
  });
});

describe('beeyard run', () => {
  it('gives the survivors of a filter byte for byte, gzip or not', async () => {
    const args = ['run', NET, '--prog', 'by_length', '-g', 'least_length=60', '--pcap', sizes];
    await beeyard([...args, '--out', files.path('plain.pcap')]);
    await beeyard([...args, '--out', files.path('packed.pcap.gz')]);
    const expected = writeCapture(times(10, (i) => packet(10 + 10 * i, i)).slice(5));
    expect(files.read('plain.pcap')).toEqual(Buffer.from(expected));
    const again = ['run', NET, '--prog', 'by_length', '--pcap', files.path('packed.pcap.gz'), '-j'];
    expect((await beeyard(again)).json<RunJson>().packets).toBe(5);
  });

  it('keeps pcapng blocks, interfaces and comments', async () => {
    const interfaces = [{ name: 'eth0' }, { name: 'eth1' }];
    const bytes = writeCapture(
      [
        { data: packet(60), comment: 'kept', interfaceId: 1, time: 5n },
        { data: packet(19), comment: 'dropped' },
      ],
      { format: 'pcapng', interfaces },
    );
    const input = files.write('in.pcapng', bytes);
    const args = ['run', NET, '--prog', 'by_length', '--pcap', input];
    await beeyard([...args, '--out', files.path('out.pcapng')]);
    const text = new TextDecoder().decode(files.read('out.pcapng'));
    expect(text).toContain('kept');
    expect(text).not.toContain('dropped');
    const { reader, packets } = readCapture(files.read('out.pcapng'));
    expect(reader.interfaces.map((one) => one.name)).toEqual(['eth0', 'eth1']);
    expect(packets).toMatchObject([{ interfaceId: 1, time: 5n }]);
  });

  it('puts raw IP behind an Ethernet header and takes it off again', async () => {
    const ip = udp('10.0.0.1', '10.0.0.2').slice(14);
    const bytes = writeCapture([{ data: ip }], { interfaces: [{ linkType: 101 }] });
    const input = files.write('raw.pcap', bytes);
    const args = ['run', NET, '--prog', 'by_length', '--pcap', input];
    const { err } = await beeyard([...args, '--out', files.path('raw-out.pcap')]);
    expect(err).toMatch(/raw IP/);
    expect(files.read('raw-out.pcap')).toEqual(Buffer.from(bytes));
    const { report } = await json(['--prog', 'by_length', '--pcap', input]);
    const bss = report.maps.find((map) => map.name === '.bss')!;
    expect(bss.entries[0]!.value).toMatchObject({ total_bytes: ip.length + 14 });
  });

  it('refuses link types no program can be given', async () => {
    const radio = writeCapture([{ data: packet(60) }], { interfaces: [{ linkType: 127 }] });
    const input = files.write('radio.pcap', radio);
    const { code, err } = await beeyard(['run', NET, '--prog', 'by_length', '--pcap', input]);
    expect(code).toBe(3);
    expect(err).toMatch(/link type 127/);
  });

  it('runs what stands before the damage, and says so', async () => {
    const whole = writeCapture(times(10, () => packet(60)));
    const input = files.write('cut.pcap', whole.subarray(0, whole.length - 30));
    const { code, err, report } = await json(['--prog', 'by_length', '--pcap', input]);
    expect(report.packets).toBe(9);
    expect(report.problem).toMatch(/cut off/);
    expect(err).toMatch(/cut off/);
    expect(code).toBe(3);
  });

  it('gives any capture back to the byte when everything passes unchanged', async () => {
    const data = fc.uint8Array({ maxLength: 300 });
    const packets = fc.array(
      fc.record({
        data,
        time: fc.bigInt({ min: 0n, max: (1n << 62n) - 1n }),
        interfaceId: fc.nat(1),
        comment: fc.constantFrom('', 'a', 'four'),
      }),
      { minLength: 1, maxLength: 40 },
    );
    const property = fc.asyncProperty(packets, fc.boolean(), async (list, classic) => {
      const bytes = classic
        ? writeCapture(list.map((one) => ({ ...one, time: one.time >> 2n })))
        : writeCapture(list, { format: 'pcapng', interfaces: [{ name: 'a' }, { name: 'b' }] });
      const input = files.write('any.in', bytes);
      const out = files.path('any.out');
      const args = ['run', NET, '--prog', 'by_length', '-g', 'least_length=0', '--pcap', input];
      const { code, err } = await beeyard([...args, '--out', out, '--no-maps']);
      expect(code, err).toBe(0);
      expect(Buffer.compare(files.read('any.out'), bytes)).toBe(0);
    });
    await fc.assert(property, { numRuns: 40 });
  });

  it.skipIf(!hasCapinfos())('writes what capinfos reads (skipped without it)', async () => {
    const args = ['run', NET, '--prog', 'shorten', '--pcap', sizes, '-o', files.path('c.pcapng')];
    expect((await beeyard(args)).code).toBe(0);
    const capinfos = ['-M', '-c', '-d', '-u', '-E', '-T', '-r', files.path('c.pcapng')];
    const { stdout } = spawnSync('capinfos', capinfos, { encoding: 'utf8' });
    // Encapsulation, packets, bytes, seconds from first to last: nine of 16 to 96 bytes.
    expect(stdout.trim().split('\t').slice(1)).toEqual(['ether', '9', '504', '8.000000000']);
  });

  it('looks like this', async () => {
    const args = ['run', NET, '--pcap', sizes, '--unverified', '--top', '--prog'];
    const text = async (name: string) => {
      const { out } = await beeyard([...args, name], { columns: 100 });
      return out.replaceAll(files.path(''), '').replace(/in [\d.]+ m?s – .*$/m, 'in T – R');
    };
    expect(await text('careless')).toMatchInlineSnapshot(`
      "careless (xdp) over /sizes.pcap: 10 packets, 550 B in T – R

        verdict  packets   share
        pass           7  70.0 %  █████████████████
        fault          3  30.0 %  ███████

      faults (the program was stopped, the packet counts as aborted)
        out of range: read of 1 byte at packet+0x27, packet ends at +0xa (3 packets, first 1, insn 1 of careless)
          ./tests/machine/programs/net.bpf.c:77  return data[39] == 0xff ? XDP_DROP : XDP_PASS;
          hint: the packet may be shorter: make sure that data + 40 <= data_end first

      hottest lines
         share  instructions  times  line          source
        81.5 %            44     10  net.bpf.c:77  return data[39] == 0xff ? XDP_DROP : XDP_PASS;
        18.5 %            10     10  net.bpf.c:76  __u8 *data = (void *)(long)ctx->data;

      .bss (array, 1 of 1 slots in use)
        key  total_bytes  sample_type
          0            0            0

      .data (array, 1 of 1 slots in use)
        key  target
          0       3

      empty tx_ports (devmap), inner (hash), per_cpu (percpu_array), counts (array)
      "
    `);
    expect(await text('sampled')).toMatchInlineSnapshot(`
      "sampled (xdp) over /sizes.pcap: 10 packets, 550 B in T – R

        verdict  packets    share
        pass          10  100.0 %  ████████████████████████

      hottest lines
         share  instructions  times  line          source
        24.2 %            80     10  net.bpf.c:91  for (int i = 0; i < 4; i++) sample->first_bytes[i] = d…
        18.2 %            60     10  net.bpf.c:87  struct sample *sample = bpf_ringbuf_reserve(&samples, …
        15.2 %            50     10  net.bpf.c:86  if (data + 4 > (__u8 *)(long)ctx->data_end) return XDP…
        12.1 %            40     10  net.bpf.c:90  sample->length = ctx->data_end - ctx->data;
        12.1 %            40     10  net.bpf.c:92  bpf_ringbuf_submit(sample, 0);

      samples (ringbuf, 10 records)
                 time  length   first_bytes
                    0      10  [0, 1, 2, 3]
        1,000,000,000      20  [1, 1, 2, 3]
        2,000,000,000      30  [2, 1, 2, 3]
        3,000,000,000      40  [3, 1, 2, 3]
        4,000,000,000      50  [4, 1, 2, 3]
        … 5 more

      .bss (array, 1 of 1 slots in use)
        key  total_bytes  sample_type
          0            0            0

      .data (array, 1 of 1 slots in use)
        key  target
          0       3

      empty tx_ports (devmap), inner (hash), per_cpu (percpu_array), counts (array)
      "
    `);
  });

  it('prints tables that fit the terminal', async () => {
    for (const columns of [60, 80, 132]) {
      const args = ['run', NET, '--prog', 'by_length', '--pcap', sizes, '--top'];
      const { out } = await beeyard(args, { columns });
      const tables = out.split('\n').filter((line) => line.startsWith('  '));
      expect(Math.max(...tables.map((line) => line.length))).toBeLessThanOrEqual(columns);
    }
  });
});

describe('beeyard run, used wrongly,', () => {
  it.each([
    [[NET], 2, /--pcap FILE/],
    [[NET, '--pcap', sizes], 2, /several programs/],
    [[NET, '--pcap', sizes, '--prog', 'by_lenght'], 2, /did you mean 'by_length'/],
    [[NET, '--pcap', sizes, '--prgo', 'x'], 2, /no option --prgo; did you mean '--prog'/],
    [[NET, '--pcap', 'nothing.pcap', '--prog', 'by_length'], 3, /no such file/],
    [['nothing.o', '--pcap', sizes], 3, /no such file/],
    [['package.json', '--pcap', sizes], 3, /ELF/],
    [['tests/fixtures/counter.bpfeb.o', '--pcap', sizes], 3, /big endian/],
    [[NET, '--pcap', NET, '--prog', 'by_length'], 3, /neither pcap nor pcapng/],
    [[NET, '--pcap', sizes, '--prog', 'by_length', '-o', sizes], 2, /write over/],
    [[NET, '--pcap', sizes, '--prog', 'by_length', '--cpus', '0'], 2, /from 1 to 64/],
    [[NET, '--pcap', sizes, '--prog', 'by_length', '-g', 'least=1'], 2, /no global variable/],
    [[NET, '--pcap', sizes, '--prog', 'by_length', '-m', 'cuonts:1=1'], 2, /did you mean 'counts'/],
    [[NET, '--pcap', sizes, '--prog', 'by_length', '-g', 'target=many'], 2, /'many' is no integer/],
    [[NET, '--pcap', sizes, '--prog', 'by_length', '-g', 'target=99999999999'], 2, /does not fit/],
    [[NET, '--pcap', sizes, '--prog', 'by_length', '-m', 'counts:9=1'], 2, /E2BIG/],
    [[NET, '--pcap', sizes, '--prog', 'by_length', '-m', 'counts:0={"a":1}'], 2, /no integer/],
    [[NET, '--pcap', sizes, '--prog', 'by_length', '-m', 'counts:0={a'], 2, /no JSON/],
    [[NET, '--pcap', sizes, '--engine', 'wsam'], 2, /did you mean 'wasm'/],
  ])('%j ends with %i', async (args, code, message) => {
    const result = await beeyard(['run', ...args]);
    expect(result.err).toMatch(message);
    expect(result.code).toBe(code);
    expect(result.out).toBe('');
  });
});
