import type { KernelMemory, MemoryPlace, PoolReport, ReuseEvent } from '../kernel/index.ts';
import type { Style } from './io.ts';
import { byteSize, formatTable, grouped } from './table.ts';

/** Events shown; all are in the JSON. */
const SHOWN = 5;

const COLUMNS = [
  { head: 'of' },
  { head: 'bytes', right: true },
  { head: 'in use', right: true },
  { head: 'peak', right: true },
  { head: 'cached', right: true },
  { head: 'rcu', right: true },
  { head: 'trace', right: true },
  { head: 'held', right: true },
  { head: 'most', right: true },
  { head: 'failed', right: true },
];

const KIND = { map: 'map', object: 'object', percpu: 'per CPU' } as const;

function row(pool: PoolReport): string[] {
  return [
    `${KIND[pool.kind]} ${pool.name}`,
    String(pool.unit),
    grouped(pool.live),
    grouped(pool.peak),
    pool.cached.join('+'),
    grouped(pool.waitingRcu),
    grouped(pool.waitingTrace),
    grouped(pool.held),
    grouped(pool.heldPeak),
    grouped(pool.failed),
  ];
}

/** Usage and what went wrong, for people. */
export function memoryText(memory: KernelMemory, width: number, style: Style): string {
  const report = memory.report();
  const { bytes, peakBytes, limit, requests, failed } = report;
  const most = limit === 0 ? '' : ` of ${byteSize(limit)}`;
  const head =
    `${style.bold('memory')}: ${byteSize(bytes)}${most}, at most ${byteSize(peakBytes)}; ` +
    `${grouped(requests)} allocations, ${grouped(failed)} failed\n`;
  const table =
    report.pools.length === 0
      ? '  no map or type of objects allocates: all of them are preallocated\n'
      : formatTable(COLUMNS, report.pools.map(row), width, style.dim) +
        style.dim('  cached by CPU; rcu, trace: wait for that grace period; held: all of these\n');
  return head + table + failureLines(memory) + reuseLines(memory, style);
}

function more(count: number): string {
  return count > SHOWN ? `  and ${grouped(count - SHOWN)} more\n` : '';
}

function failureLines({ failures }: KernelMemory): string {
  const lines = failures.slice(0, SHOWN).map(({ kind, name, size, request, reason, at }) => {
    const what = `allocation ${grouped(request)}, ${size} bytes for ${KIND[kind]} ${name}`;
    return `  failed (${reason}): ${what}, in ${placeText(at)}\n`;
  });
  return lines.join('') + more(failures.length);
}

/** Reuses that happened at the same three places, with how often. */
function grouping(reuses: readonly ReuseEvent[]): [event: ReuseEvent, count: number][] {
  const groups = new Map<string, [ReuseEvent, number]>();
  for (const event of reuses) {
    const { name, obtained, freed, reused } = event;
    const places = [obtained, freed, reused].map(({ program, insn }) => `${program} ${insn}`);
    const key = [name, ...places].join();
    const known = groups.get(key);
    if (known) known[1]++;
    else groups.set(key, [event, 1]);
  }
  return [...groups.values()].sort(([, a], [, b]) => b - a);
}

function reuseLines({ reuses }: KernelMemory, style: Style): string {
  if (reuses.length === 0) return '';
  const groups = grouping(reuses);
  const lines = groups.slice(0, SHOWN).map(([{ kind, name, obtained, freed, reused }, count]) => {
    return (
      `  ${KIND[kind]} ${name}, ${grouped(count)} times\n    got in    ${placeText(obtained)}\n` +
      `    freed in  ${placeText(freed)}\n    reused in ${placeText(reused)}\n`
    );
  });
  const head = `${style.warn('reused')} while a reader still had them: ${grouped(reuses.length)}\n`;
  return head + lines.join('') + more(groups.length);
}

/** 'prog, insn 12 (file.c:34: text)' */
export function placeText({ program, insn, source }: MemoryPlace): string {
  if (program === undefined) return 'a command of bpf(2)';
  const line = source ? ` (${source.file}:${source.line}: ${source.text.trim()})` : '';
  return `${program}, insn ${insn}${line}`;
}

const placeJson = ({ program, insn, source }: MemoryPlace) =>
  program === undefined
    ? { command: true }
    : { program, insn, file: source?.file, line: source?.line, text: source?.text.trim() };

/** The same as data. */
export function memoryJson(memory: KernelMemory): object {
  return {
    ...memory.report(),
    failures: memory.failures.map((one) => ({ ...one, at: placeJson(one.at) })),
    reuses: memory.reuses.map(({ obtained, freed, reused, ...one }) => ({
      ...one,
      obtained: placeJson(obtained),
      freed: placeJson(freed),
      reused: placeJson(reused),
    })),
    lost: memory.lost,
  };
}
