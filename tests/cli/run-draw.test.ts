import { describe, expect, it } from 'vitest';
import { writeCapture } from '../../src/tools/pcap/index.ts';
import { textWidth } from '../../src/cli/table.ts';
import { packet } from '../machine/helpers.ts';
import { beeyard, workFolder } from './helpers.ts';

const OWNED = 'tests/machine/programs/owned.bpf.o';
const LEAK = 'tests/machine/programs/leak.bpf.o';
const files = workFolder();

/** Packets that are commands of the programs: struct command. */
function commands(name: string, list: readonly (readonly [number, number, number])[]): string {
  const packets = list.map(([what, slot, number], i) => {
    const data = new Uint8Array(64);
    const view = new DataView(data.buffer);
    view.setUint32(0, what, true);
    view.setUint32(4, slot, true);
    view.setBigUint64(8, BigInt(number), true);
    return { data, time: 1000n * BigInt(i) };
  });
  return files.write(name, writeCapture(packets));
}

const items = (numbers: readonly number[]) => numbers.map((one) => [1, 0, one] as const);
const seven = commands('seven.pcap', items([4, 2, 6, 1, 3, 5, 7]));
const many = commands('many.pcap', items(Array.from({ length: 200 }, (_, i) => (i * 37) % 211)));

const run = (args: readonly string[], columns = 80) =>
  beeyard(['run', OWNED, '--no-maps', ...args], { columns });

interface Drawn {
  drawn: {
    name: string;
    values: {
      key: unknown;
      owns: {
        name: string;
        kind: string;
        type: string;
        objects: { value: { number: number }; node?: { depth: number; red: boolean } }[];
      }[];
    }[];
  }[];
  leaked: { type: string; count: number }[];
}

describe('beeyard run --draw', () => {
  it('a tree on its side, least on top, and a list as a chain', async () => {
    const { code, out } = await run(['--prog', 'add_item', '--pcap', seven, '--draw', '.bss.A']);
    expect(code).toBe(0);
    const drawing = out.slice(out.indexOf('.bss.A'));
    const list = drawing.slice(drawing.indexOf('.bss.A[0].ages'));
    const tree = drawing.slice(drawing.indexOf('.bss.A[0].numbers'));
    expect(list.split('\n').slice(0, 3)).toEqual([
      '.bss.A[0].ages (list of 7 item)',
      '  [number 4] → [number 2] → [number 6] → [number 1] → [number 3] → [number 5] →',
      '  [number 7]',
    ]);
    expect(tree.split('\n').slice(0, 8)).toEqual([
      '.bss.A[0].numbers (tree of 7 item, height 3)',
      '      ┌─○ number 1',
      '    ┌─● number 2',
      '    │ └─○ number 3',
      '  ──● number 4',
      '    │ ┌─○ number 5',
      '    └─● number 6',
      '      └─○ number 7',
    ]);
  });

  it('fits: only the upper levels, and how much is below them', async () => {
    const args = ['--prog', 'add_item', '--pcap', many, '--draw', '.bss.A', '--entries', '10'];
    const { out } = await run(args, 40);
    const tree = out.slice(out.indexOf('.bss.A[0].numbers')).split('\n').filter(Boolean).slice(1);
    const list = tree.findIndex((line) => line.startsWith('.bss'));
    const lines = list < 0 ? tree : tree.slice(0, list);
    expect(lines.length).toBeLessThanOrEqual(10);
    const hidden = lines.map((line) => Number(/… (\d+) more/.exec(line)?.[1] ?? 1));
    expect(hidden.reduce((sum, one) => sum + one, 0)).toBe(200);
    const drawing = out.slice(out.indexOf('.bss.A')).split('\n');
    expect(Math.max(...drawing.map(textWidth))).toBeLessThanOrEqual(40);
    expect(out).toMatch(/… 190 more/);
  });

  it('what objects own themselves, below them; JSON says all of it', async () => {
    const args = ['--prog', 'shelve', '--draw', 'racks'];
    const pcap = commands(
      'shelve.pcap',
      [3, 5].map((one) => [1, 0, one] as const),
    );
    const { out } = await run([...args, '--pcap', pcap]);
    expect(out).toContain('racks[0].boxes (list of 2 box)');
    expect(out).toMatch(/├─ number 3\n +│ +leaf \(kptr to leaf\)\n +│ +└─ number 30 {2}visits 1\n/);
    expect(out).toMatch(/└─ number 5\n/);
    const { drawn, leaked } = (await run([...args, '--pcap', pcap, '-j'])).json<Drawn>();
    const [boxes] = drawn[0]!.values[0]!.owns;
    expect([boxes!.name, boxes!.kind, boxes!.type]).toEqual(['boxes', 'list', 'box']);
    expect(boxes!.objects.map(({ value }) => value.number)).toEqual([3, 5]);
    expect(leaked).toEqual([]);
  });

  it('depths and colours in JSON are those of a red-black tree', async () => {
    const args = ['--prog', 'add_item', '--pcap', many, '--draw', '.bss.A', '-j'];
    const { drawn } = (await run(args)).json<Drawn>();
    const tree = drawn[0]!.values[0]!.owns.find(({ kind }) => kind === 'tree')!;
    const depths = tree.objects.map(({ node }) => node!.depth);
    expect(depths.filter((depth) => depth === 0)).toHaveLength(1);
    expect(Math.max(...depths)).toBeLessThanOrEqual(2 * Math.log2(201));
    const numbers = tree.objects.map(({ value }) => value.number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });

  it('names of maps that are not there, and maps that own nothing', async () => {
    const missing = await run(['--prog', 'add_item', '--pcap', seven, '--draw', 'shelve']);
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining('shelves')]);
    const plain = await run(['--prog', 'add_item', '--pcap', seven, '--draw', 'results']);
    expect([plain.code, plain.err]).toEqual([2, expect.stringContaining('no lists')]);
    const empty = await run(['--prog', 'add_item', '--pcap', seven, '--draw', 'shelves']);
    expect(empty.out).toContain('shelves (owns nothing)');
  });
});

describe('beeyard run, objects that nobody owns at the end', () => {
  const pcap = files.write(
    'five.pcap',
    writeCapture([1, 2, 3, 4, 5].map((i) => ({ data: packet(60, i), time: 0n }))),
  );

  it('are reported: a ring of references leaks, which no verifier sees', async () => {
    const { code, out } = await beeyard(['run', LEAK, '--pcap', pcap]);
    expect(code).toBe(0);
    expect(out).toMatch(/leaked objects 5 ring: no map owns them/);
    const report = await beeyard(['run', LEAK, '--pcap', pcap, '-j']);
    expect(report.json<Drawn>().leaked).toEqual([{ type: 'ring', perCpu: false, count: 5 }]);
  });

  it('a program that gives all its objects to maps leaks none', async () => {
    const { out } = await run(['--prog', 'add_item', '--pcap', seven]);
    expect(out).not.toContain('leaked');
  });
});
