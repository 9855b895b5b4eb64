/** What `beeyard ci` says and writes. */
import {
  type CiBase,
  type CiConfig,
  type CiFinding,
  type CiRecord,
  type Denied,
  findings,
  junit,
  keyOf,
  markdown,
  readDenylist,
  veristatCsv,
  withDenied,
} from '../tools/ci/index.ts';
import { findingsSarif } from '../tools/ci/sarif.ts';
import { pathFor, readBaseline, sorted, writeRecords } from './ci-records.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readBytes, writeBytes } from './files.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import { formatTable, grouped } from './table.ts';
import { toJson } from './values.ts';
import { version } from './version.ts';

/** Holds records against the baseline, writes files that are asked for. Returns the exit code. */
export function report(
  call: CommandCall,
  io: CliIo,
  unsorted: readonly CiRecord[],
  { baseline, gates }: Pick<CiConfig, 'baseline' | 'gates'>,
): number {
  const records = sorted(unsorted);
  const blob = call.text('blob');
  if (blob !== undefined) {
    writeRecords(blob, { records, shard: call.text('shard') }, io);
    if (!call.json) io.out(`${grouped(records.length)} results in ${blob}\n`);
    return EXIT.ok;
  }
  const base = baseline === undefined ? undefined : readBaseline(baseline, records, io);
  const lists = call.list('denylist').flatMap((path) => denylistAt(path, io));
  const found = withDenied(findings(records, wanted(call, records, base), gates), lists);
  const changed = changes(records, base ?? []);
  writeFiles(call, io, records, found, changed);
  if (call.json) io.out(`${toJson({ records, findings: found }, call.flag('pretty'))}\n`);
  else io.out(text(records, found, changed, io));
  return found.some(({ denied }) => denied === undefined) ? EXIT.finding : EXIT.ok;
}

const denylistAt = (path: string, io: CliIo): Denied[] =>
  readDenylist(new TextDecoder().decode(readBytes(path, io)));

/** Of other kernels nothing is missing when only some were asked for. */
function wanted(
  call: CommandCall,
  records: readonly CiRecord[],
  baseline: readonly CiBase[] | undefined,
): readonly CiBase[] | undefined {
  if (call.list('kernel').length === 0) return baseline;
  const kernels = new Set(records.map(({ kernel }) => kernel));
  return baseline?.filter(({ kernel }) => kernels.has(kernel));
}

type Change = readonly [CiBase, CiRecord];

const COMPARED = ['insns', 'states', 'stack'] as const;

/** Records whose figures are not those of the baseline, with those. */
function changes(records: readonly CiRecord[], baseline: readonly CiBase[]): Change[] {
  const bases = new Map(baseline.map((one) => [keyOf(one), one]));
  return records.flatMap((now) => {
    const base = bases.get(keyOf(now));
    const same = !base || COMPARED.every((one) => (base[one] ?? now[one]) === now[one]);
    return same ? [] : [[base, now] as const];
  });
}

function writeFiles(
  call: CommandCall,
  io: CliIo,
  records: readonly CiRecord[],
  found: readonly CiFinding[],
  changed: readonly Change[],
): void {
  const write = (option: string, content: () => string) => {
    const path = call.text(option);
    if (path !== undefined) writeBytes(path, new TextEncoder().encode(content()), io);
  };
  write('junit', () => junit(records, found));
  write('markdown', () => markdown(records, found, changed));
  write('sarif', () => `${JSON.stringify(findingsSarif(found, version()), null, 2)}\n`);
  const baseline = call.text('write-baseline');
  if (baseline !== undefined) writeRecords(baseline, { records, shard: undefined }, io);
  const csv = call.text('csv');
  if (csv !== undefined) writeTables(csv, records, io);
}

/** A table for each kernel and shape: veristat's has no column for them. */
function writeTables(pattern: string, records: readonly CiRecord[], io: CliIo): void {
  const tables = new Map<string, CiRecord[]>();
  for (const one of records) {
    const path = pathFor(pattern, one);
    tables.set(path, [...(tables.get(path) ?? []), one]);
  }
  for (const [path, some] of tables) {
    const kinds = new Set(some.map(({ kernel, shape }) => `${kernel} ${shape}`));
    if (kinds.size > 1) {
      throw usageError(
        `--csv ${pattern}: several kernels or shapes want {kernel} or {shape} in it`,
      );
    }
    writeBytes(path, new TextEncoder().encode(veristatCsv(some)), io);
  }
}

const FINDINGS = [{ head: 'program' }, { head: 'kernel' }, { head: 'what' }];
const CHANGED = [
  { head: 'program' },
  { head: 'kernel' },
  { head: 'insns', right: true },
  { head: 'states', right: true },
  { head: 'stack', right: true },
];

function text(
  records: readonly CiRecord[],
  found: readonly CiFinding[],
  changed: readonly Change[],
  io: CliIo,
): string {
  const style = styleFor(io.color);
  const cell = ({ kernel, shape }: CiBase) => (shape === 'default' ? kernel : `${kernel} ${shape}`);
  const name = ({ file, prog }: CiBase) => `${file.split('/').at(-1)} ${prog}`;
  const figure = (a: number | undefined, b: number) =>
    a === undefined || a === b ? grouped(b) : `${grouped(a)} → ${grouped(b)}`;
  const parts = [counts(records, style)];
  if (changed.length > 0) {
    const rows = changed.map(([base, now]) => [
      name(now),
      cell(now),
      figure(base.insns, now.insns),
      figure(base.states, now.states),
      figure(base.stack, now.stack),
    ]);
    parts.push(`changed\n${formatTable(CHANGED, rows, io.columns, style.dim)}`);
  }
  if (found.length > 0) {
    const rows = found.map(({ record, text: what, denied }) => [
      name(record),
      cell(record),
      denied === undefined ? what : `known (${denied}): ${what}`,
    ]);
    parts.push(`${style.bad('findings')}\n${formatTable(FINDINGS, rows, io.columns, style.dim)}`);
  }
  return parts.join('\n');
}

function counts(records: readonly CiRecord[], style: Style): string {
  const count = (verdict: string) => records.filter((one) => one.verdict === verdict).length;
  const [accepted, rejected, skipped] = ['success', 'failure', 'not_loaded'].map(count);
  const words = [`${style.bold(grouped(records.length))} judged`, `${grouped(accepted!)} accepted`];
  if (rejected! > 0) words.push(style.bad(`${grouped(rejected!)} rejected`));
  if (skipped! > 0) words.push(style.warn(`${grouped(skipped!)} not loaded by user space`));
  return `${words.join(', ')}\n`;
}
