import { hexBytes } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import type { Fate, FaultTally } from '../machine/index.ts';
import type { ProgramFault } from '../engine/index.ts';
import type { MapSpec, ObjectFile, SourceLine } from '../object/index.ts';
import type { CaptureFile } from './capture.ts';
import type { CommandCall } from './command.ts';
import type { Style } from './io.ts';
import type { RecordLog, RunMachine } from './lanes.ts';
import { decodeReadable, recordType } from '../client/index.ts';
import { readMap } from './map-contents.ts';
import { cell, flatten, mapJson, mapText } from './map-report.ts';
import { memoryJson, memoryText } from './mem-report.ts';
import { type DrawnMap, drawingText } from './run-owned.ts';
import { readSketch, sketchJson, sketchText } from './sketch-report.ts';
import { timersJson, timersText } from './timer-report.ts';
import { byteSize, duration, formatRows, formatTable, grouped, percent, short } from './table.ts';

/** Everything a report is made of. */
export interface RunReport {
  readonly call: CommandCall;
  readonly options: { readonly path: string; readonly pcap: string; readonly entries: number };
  readonly object: ObjectFile;
  readonly machine: RunMachine;
  readonly milliseconds: number;
  readonly capture: CaptureFile;
  readonly written: { path: string; packets: number; changed: number } | undefined;
  /** Source lines, most executed first; undefined unless asked for. */
  readonly hot: readonly HotLine[] | undefined;
  /** Maps to draw. */
  readonly drawn: readonly DrawnMap[];
}

const BAR = 24;
const HOT_LINES = 5;
const SHOWN_RECORDS = 5;
const SHOWN_FAULTS = 10;
const SHOWN_VERDICTS = 12;

/** The report for people. */
export function reportText(report: RunReport, width: number, style: Style): string {
  const parts = [
    headline(report, style),
    verdictTable(report, width, style),
    redirectLines(report, style),
    faultLines(report, style),
    timersText(report.machine, style),
    report.hot ? hotLines(report.hot, width, style) : '',
    writtenLine(report, style),
    traceLines(report, style),
    recordLines(report, width, style),
    report.call.flag('no-maps') ? '' : mapTables(report, width, style),
    memoryPart(report, width, style),
    drawings(report, width, style),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

/** How the model of memory did, if there is one. */
function memoryPart({ machine }: RunReport, width: number, style: Style): string {
  const { memory } = machine.machine;
  return memory ? memoryText(memory, width, style) : '';
}

function drawings({ drawn, call, options }: RunReport, width: number, style: Style): string {
  const entries = call.text('entries') === undefined ? undefined : options.entries;
  return drawingText(drawn, entries, width, style);
}

function headline({ machine, milliseconds, options }: RunReport, style: Style): string {
  const { totals } = machine.runner;
  const seconds = milliseconds / 1000;
  const { spec } = machine.program;
  const rate = `${short(totals.packets / seconds)} packets/s`;
  const bits = `${short((totals.bytes * 8) / seconds)}bit/s`;
  return (
    `${style.bold(spec.name)} ${style.dim(`(${spec.section})`)} over ${options.pcap}: ` +
    `${style.bold(grouped(totals.packets))} packets, ${byteSize(totals.bytes)} ` +
    `in ${duration(milliseconds)} – ${style.bold(rate)}, ${bits}\n`
  );
}

function fateStyle(fate: Fate, style: Style): (text: string) => string {
  if (fate === 'pass') return style.good;
  if (fate === 'drop') return style.warn;
  return fate === 'aborted' ? style.bad : style.accent;
}

function verdictTable({ machine }: RunReport, width: number, style: Style): string {
  const { packets } = machine.runner.totals;
  const verdicts = machine.runner.verdicts();
  const left = verdicts.length - SHOWN_VERDICTS;
  const rows = verdicts.slice(0, SHOWN_VERDICTS).map(({ name, fate, count }) => {
    const bar = '█'.repeat(Math.max(1, Math.round((BAR * count) / packets)));
    const paint = fateStyle(fate, style);
    return [paint(name), grouped(count), percent(count, packets), paint(bar)];
  });
  if (rows.length === 0) return '';
  const columns = [
    { head: 'verdict' },
    { head: 'packets', right: true },
    { head: 'share', right: true },
    { head: '' },
  ];
  const more = left > 0 ? `  ${style.dim(`… ${grouped(left)} other return codes`)}\n` : '';
  return formatTable(columns, rows, width, style.dim) + more;
}

/** Where packets were redirected to, and copies of them sent. */
function redirectRows({ runner, network, clones }: RunMachine): [string, number][] {
  const redirects = [...runner.totals.redirects.values()].map(
    ({ kind, index, map, count }): [string, number] => [
      network.target(kind, index, map).text,
      count,
    ],
  );
  const copies = [...clones].map(([ifindex, count]): [string, number] => [
    `${network.deviceAt(ifindex)?.name ?? `ifindex ${ifindex}`} (copies)`,
    count,
  ]);
  return [...redirects, ...copies];
}

function redirectLines({ machine }: RunReport, style: Style): string {
  const rows = redirectRows(machine);
  if (rows.length === 0) return '';
  const lines = rows.map(([text, count]) => `  ${grouped(count)} to ${text}\n`);
  return `${style.bold('redirected')}\n${lines.join('')}`;
}

function faultLines({ machine }: RunReport, style: Style): string {
  const faults = [...machine.runner.totals.faults.values()].sort((a, b) => b.count - a.count);
  if (faults.length === 0) return '';
  const heading = style.bad(style.bold('faults'));
  const what = style.dim('(the program was stopped, the packet counts as aborted)');
  const shown = faults.slice(0, SHOWN_FAULTS).map((one) => faultText(one, style));
  const left = faults.length - shown.length;
  const more = left > 0 ? `  ${style.dim(`… ${grouped(left)} more kinds`)}\n` : '';
  return `${heading} ${what}\n${shown.join('')}${more}`;
}

/** What to change in the program, where the kind of fault tells. */
function adviceFor({ kind, message, size, write }: ProgramFault): string | undefined {
  const packet = /packet\+0x([0-9a-f]+), packet ends/.exec(message);
  if (kind === 'out of range' && packet) {
    const end = Number.parseInt(packet[1]!, 16) + size;
    return `the packet may be shorter: make sure that data + ${end} <= data_end first`;
  }
  if (kind === 'bad pointer' && /NULL/.test(message)) {
    return 'the pointer is NULL: test what the look-up returned first';
  }
  if (kind === 'read only' && write) return 'the program may only read this';
  if (kind === 'too many iterations') return '--fuel N allows more; the kernel wants an end';
  return undefined;
}

function faultText({ fault, count, firstPacket }: FaultTally, style: Style): string {
  const times =
    count === 1
      ? `packet ${grouped(firstPacket)}`
      : `${grouped(count)} packets, first ${grouped(firstPacket)}`;
  const { source } = fault;
  const what = fault.message.replace(/^[^:]*: /, '').replace(/ at insn \d+.*$/s, '');
  const place = source
    ? `    ${style.accent(`${source.file}:${source.line}`)}  ${source.text.trim()}\n`
    : '';
  const insn = fault.insn >= 0 ? `, insn ${fault.insn} of ${fault.program}` : `, ${fault.program}`;
  const advice = adviceFor(fault);
  const hint = advice ? `    ${style.dim('hint:')} ${advice}\n` : '';
  return `  ${style.bad(what)} ${style.dim(`(${times}${insn})`)}\n${place}${hint}`;
}

interface HotLine {
  readonly source: SourceLine;
  count: number;
  insns: number;
}

/** Source lines by how many instructions ran for them, over all programs. */
export async function hottest(machine: RunMachine): Promise<HotLine[]> {
  const found = new Map<string, HotLine>();
  for (const { program, counts } of await machine.counts()) {
    program.spec.lines.forEach((source, k, lines) => {
      const range = counts.subarray(source.insn, lines[k + 1]?.insn ?? counts.length);
      const key = `${source.file}:${source.line}`;
      const row = found.get(key) ?? { source, count: 0, insns: 0 };
      found.set(key, row);
      row.insns += range.reduce((sum, one) => sum + one, 0);
      row.count = range.reduce((most, one) => Math.max(most, one), row.count);
    });
  }
  return [...found.values()].filter((row) => row.insns > 0).sort((a, b) => b.insns - a.insns);
}

function hotLines(all: readonly HotLine[], width: number, style: Style): string {
  if (all.length === 0) return `${style.dim('no source lines: the object was built without -g')}\n`;
  const total = all.reduce((sum, row) => sum + row.insns, 0);
  const rows = all
    .slice(0, HOT_LINES)
    .map(({ source, count, insns }) => [
      percent(insns, total),
      grouped(insns),
      grouped(count),
      style.accent(`${source.file.replace(/^.*\//, '')}:${source.line}`),
      source.text.trim(),
    ]);
  const columns = [
    { head: 'share', right: true },
    { head: 'instructions', right: true },
    { head: 'times', right: true },
    { head: 'line' },
    { head: 'source' },
  ];
  return `${style.bold('hottest lines')}\n${formatTable(columns, rows, width, style.dim)}`;
}

function writtenLine({ written }: RunReport, style: Style): string {
  if (!written) return '';
  const changed = written.changed > 0 ? `, ${grouped(written.changed)} of them changed` : '';
  const packets = `${grouped(written.packets)} packets`;
  return `${style.bold('written')} ${packets} to ${written.path}${changed}\n`;
}

function traceLines({ machine }: RunReport, style: Style): string {
  const { count, first } = machine.trace;
  if (count === 0) return '';
  const more =
    count > SHOWN_RECORDS ? `  ${style.dim(`… ${grouped(count - SHOWN_RECORDS)} more`)}\n` : '';
  const lines = first.slice(0, SHOWN_RECORDS).map((line) => `  ${line}\n`);
  const heading = `${style.bold('bpf_printk')} ${style.dim(`(${grouped(count)} lines)`)}\n`;
  return heading + lines.join('') + more;
}

function decodeRecord(object: ObjectFile, map: string, data: Uint8Array, btf: Btf | undefined) {
  const type = recordType(object, map, data.length);
  if (type === undefined || !btf) return undefined;
  return decodeReadable(btf, type, data);
}

function recordLines({ machine, object }: RunReport, width: number, style: Style): string {
  const parts = [...machine.records]
    .filter(([, log]) => log.count > 0)
    .map(([name, log]) => recordTable(object, name, log, width, style));
  return parts.join('\n');
}

function recordTable(
  object: ObjectFile,
  name: string,
  log: RecordLog,
  width: number,
  style: Style,
): string {
  const first = log.first.slice(0, SHOWN_RECORDS);
  const type = object.maps.find((one) => one.name === name)?.type ?? '';
  const more = log.count - first.length;
  const lost = log.lost > 0 ? `, ${grouped(log.lost)} lost` : '';
  const facts = `(${type}, ${grouped(log.count)} records${lost})`;
  const heading = `${style.bold(name)} ${style.dim(facts)}\n`;
  const tail = more > 0 ? `  ${style.dim(`… ${grouped(more)} more`)}\n` : '';
  const values = first.map(({ data }) => decodeRecord(object, name, data, object.btf));
  if (values.some((value) => value === undefined || typeof value !== 'object')) {
    const lines = first.map(
      ({ data }) => `  ${data.length} bytes: ${hexBytes(data.subarray(0, 24), ' ')}\n`,
    );
    return heading + lines.join('') + tail;
  }
  const rows = values.map((value) => flatten(value!));
  const columns = rows[0]!.map(([head, value]) => ({ head, right: typeof value !== 'string' }));
  const cells = rows.map((row) => row.map(([field, value]) => cell(value, field)));
  return heading + formatRows(columns, cells, width, style.dim) + tail;
}

function mapTables({ machine, object, options }: RunReport, width: number, style: Style): string {
  const all = [...machine.maps.values()]
    .filter((map) => map.spec.dataSection !== 'rodata' && !holdsTypesOnly(object, map.spec))
    .map((map) => readMap(map, object.btf, machine.machine.cpus))
    .filter((contents) => contents !== undefined);
  const filled = all.filter(({ count }) => count > 0);
  const empty = all.filter(({ count }) => count === 0);
  const parts = filled.map((contents) => {
    const sketch = readSketch(contents.map, object.btf);
    if (sketch) return sketchText(contents.map.spec.name, sketch, width, style);
    return mapText(contents, options.entries, width, style);
  });
  const names = empty.map(({ map, type }) => `${map.spec.name} (${type})`).join(', ');
  if (names) parts.push(`${style.bold('empty')} ${style.dim(names)}\n`);
  return parts.join('\n');
}

/** Pointers that only put a type into the object's BTF: they stay 0 and say nothing. */
function holdsTypesOnly({ btf }: ObjectFile, spec: MapSpec): boolean {
  const section = btf && spec.dataSection ? btf.resolved(spec.valueTypeId) : undefined;
  if (section?.kind !== 'datasec') return false;
  return section.vars.every(({ type }) => {
    const variable = btf!.type(type);
    return variable.kind === 'var' && btf!.resolved(variable.type).kind === 'ptr';
  });
}

/** The report for programs; `leaked` is only known once the maps are gone. */
export function reportJson(report: RunReport): object {
  const { machine, object, milliseconds, capture, written, options } = report;
  const { runner, program } = machine;
  const maps = [...machine.maps.values()]
    .map((map) => readMap(map, object.btf, machine.machine.cpus))
    .filter((dump) => dump !== undefined);
  return {
    program: program.spec.name,
    type: program.spec.type,
    verified: false,
    pcap: options.pcap,
    packets: runner.totals.packets,
    bytes: runner.totals.bytes,
    seconds: milliseconds / 1000,
    packets_per_second: Math.round(runner.totals.packets / (milliseconds / 1000)),
    problem: capture.problem?.message,
    verdicts: runner
      .verdicts()
      .map(({ name, code, count }) => ({ verdict: name, code, packets: count })),
    redirects: redirectRows(machine).map(([target, packets]) => ({ target, packets })),
    faults: [...runner.totals.faults.values()].map(faultJson),
    timers: machine.machine.usesTimers() ? timersJson(machine) : undefined,
    written,
    trace: machine.trace.first,
    hottest: report.hot?.map(hottestJson),
    records: Object.fromEntries(
      [...machine.records].map(([name, log]) => [name, recordsJson(object, name, log)]),
    ),
    maps: report.call.flag('no-maps')
      ? undefined
      : maps.map((dump) => {
          const sketch = readSketch(dump.map, object.btf);
          return { ...mapJson(dump), sketch: sketch && sketchJson(sketch) };
        }),
    memory: machine.machine.memory && memoryJson(machine.machine.memory),
    drawn: report.drawn.length > 0 ? report.drawn : undefined,
  };
}

function faultJson({ fault, count, firstPacket }: FaultTally): object {
  return {
    kind: fault.kind,
    message: fault.message,
    program: fault.program,
    insn: fault.insn,
    address: fault.address,
    file: fault.source?.file,
    line: fault.source?.line,
    packets: count,
    first_packet: firstPacket,
  };
}

function hottestJson({ source, count, insns }: HotLine): object {
  return {
    file: source.file,
    line: source.line,
    source: source.text.trim(),
    times: count,
    instructions: insns,
  };
}

function recordsJson(object: ObjectFile, name: string, log: RecordLog): object {
  return {
    count: log.count,
    lost: log.lost,
    first: log.first.map(({ data, cpu }) => ({
      cpu,
      value: decodeRecord(object, name, data, object.btf) ?? data,
    })),
  };
}
