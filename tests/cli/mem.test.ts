import { describe, expect, it, vi } from 'vitest';
import { beeyard, workFolder } from './helpers.ts';

const files = workFolder();
vi.setConfig({ testTimeout: 60_000 });
const folder = new URL('../../examples/grace-periods/', import.meta.url);
const OBJECT = 'examples/grace-periods/trie.bpf.o';
const { schedules } = (await import(new URL('schedules.mjs', folder).href)) as {
  schedules(seed: number, count: number): Uint8Array[];
};

function capture(count: number): string {
  const parts = [Buffer.alloc(24)];
  parts[0]!.writeUInt32LE(0xa1b2c3d4, 0);
  parts[0]!.writeUInt32LE(0x0004_0002, 4);
  parts[0]!.writeUInt32LE(65535, 16);
  parts[0]!.writeUInt32LE(1, 20);
  schedules(1, count).forEach((packet, i) => {
    const head = Buffer.alloc(16);
    head.writeUInt32LE(1 + Math.floor(i / 1000), 0);
    head.writeUInt32LE((i % 1000) * 1000, 4);
    head.writeUInt32LE(packet.length, 8);
    head.writeUInt32LE(packet.length, 12);
    parts.push(head, Buffer.from(packet));
  });
  return files.write(`trie-${count}.pcap`, Buffer.concat(parts));
}

const PCAP = capture(300);

interface MemJson {
  readonly pools: readonly { name: string; unit: number; live: number; failed: number }[];
  readonly requests: number;
  readonly failed: number;
  readonly failures: readonly { reason: string; at: { program: string; line: number } }[];
  readonly reuses: readonly { freed: { program: string; line: number; text: string } }[];
}

describe('beeyard mem', () => {
  it('shows what each map takes', async () => {
    const { code, out } = await beeyard(['mem', OBJECT, '--pcap', PCAP]);
    expect(code).toBe(0);
    expect(out).toMatch(/^memory: [\d.]+ KiB, at most [\d.]+ KiB; [\d,]+ allocations, 0 failed\n/);
    expect(out).toContain('map nodes');
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('as JSON, with failures where they happened', async () => {
    const args = ['mem', OBJECT, '--pcap', PCAP, '--oom', 'every=50', '--gp', 'adversarial', '-j'];
    const report = (await beeyard(args)).json<MemJson>();
    expect(report.pools).toMatchObject([{ name: 'nodes', unit: 144 }]);
    expect(report.failed).toBe(Math.floor(report.requests / 50));
    expect(report.failures[0]).toMatchObject({ reason: 'injected', at: { program: 'trie' } });
    expect((await beeyard(args)).json()).toEqual(report);
  });

  it('ends with 1 if elements were reused under a reader, and says where', async () => {
    const args = ['mem', OBJECT, '--pcap', PCAP, '--detect-reuse'];
    const { code, out } = await beeyard(args);
    expect(code).toBe(1);
    expect(out).toMatch(/reused while a reader still had them: [\d,]+\n {2}map nodes/);
    expect(out).toMatch(/freed in {2}trie, insn \d+ \(.*trie.bpf.c:\d+: if \(id\) bpf_map_delete/);
    const report = (await beeyard([...args, '-j'])).json<MemJson>();
    expect(report.reuses[0]!.freed).toMatchObject({ program: 'trie' });
    const later = await beeyard([...args, '--reuse', 'after-grace-period']);
    expect(later.code).toBe(0);
  });

  it('explores all placements of grace periods', async () => {
    const args = ['mem', OBJECT, '--pcap', PCAP, '--explore', '--packets', '5'];
    const { code, out } = await beeyard([...args, '--reuse', 'after-grace-period']);
    expect(out).toMatch(/^all 3 placements of grace periods over 5 packets/);
    expect(code).toBe(0);
    const json = await beeyard([...args, '--reuse', 'after-grace-period', '--most', '1', '-j']);
    expect(json.json()).toMatchObject({ runs: 1, complete: false });
  });

  it.each([
    [['--oom', 'never'], /--oom takes limit=BYTES/],
    [['--oom', 'at=0'], /--oom takes limit=BYTES/],
    [['--gp', 'soon'], /--gp takes eager or lazy or adversarial/],
    [['--explore', '--gp', 'lazy'], /tries all policies/],
  ])('refuses %j', async (more, words) => {
    const { code, err } = await beeyard(['mem', OBJECT, '--pcap', PCAP, ...more]);
    expect(code).toBe(2);
    expect(err).toMatch(words);
  });
});

describe('beeyard run with a policy', () => {
  it('reports memory after the maps', async () => {
    const args = ['run', OBJECT, '--pcap', PCAP, '--gp', 'lazy', '--no-maps'];
    const { code, out } = await beeyard(args);
    expect(code).toBe(0);
    expect(out).toContain('memory: ');
    expect((await beeyard([...args, '-j'])).json<{ memory: MemJson }>().memory.pools).toHaveLength(
      1,
    );
  });

  it('has one CPU', async () => {
    const { code, err } = await beeyard([
      'run',
      OBJECT,
      '--pcap',
      PCAP,
      '--gp',
      'lazy',
      '--cpus',
      '2',
    ]);
    expect(code).toBe(2);
    expect(err).toContain('has one CPU');
  });
});

describe('beeyard mem --cpus', () => {
  const object = 'tests/fixtures/concurrent.bpf.o';

  it('is for the first packets, and the report is the same for the same seed', async () => {
    const args = ['mem', OBJECT, '--pcap', PCAP, '--cpus', '2', '--packets', '40', '--seed', '3'];
    const [first, again] = [await beeyard([...args, '-j']), await beeyard([...args, '-j'])];
    expect(first.code).toBe(0);
    expect(again.out).toBe(first.out);
  });

  it('finds the increment that is lost', async () => {
    const args = ['mem', object, '--prog', 'count', '--pcap', PCAP, '--packets', '2'];
    const alone = await beeyard([...args, '--explore']);
    expect(alone.code).toBe(0);
    expect(alone.out).toContain('one outcome');
    const both = await beeyard([...args, '--explore', '--cpus', '2']);
    expect(both.code).toBe(1);
    expect(both.out).toContain("another CPU's within 1");
  });
});
