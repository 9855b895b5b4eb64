import { loadKernelProfile } from '../abi/index.ts';
import { FormatError, wrapText } from '../base/index.ts';
import { diagnose } from '../tools/doctor/diagnose.ts';
import type { DoctorReport, Finding } from '../tools/doctor/types.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT } from './exit.ts';
import { readBytes } from './files.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import { formatTable, grouped } from './table.ts';
import { toJson } from './values.ts';

/** `beeyard obj doctor`: what an object is, what libbpf would do, what breaks, how to mend it. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const kernel = call.flag('static') ? undefined : await loadKernelProfile();
  const reports = call.operands.map((path) => ({
    path,
    report: reportOf(path, io, kernel && { kernel }),
  }));
  if (call.json) {
    const json = reports.map(({ path, report }) => ({ file: path, ...snakeKeys(report) }));
    io.out(`${toJson(json, call.flag('pretty'))}\n`);
  } else {
    const style = styleFor(io.color);
    const brief = call.flag('brief');
    io.out(reports.map((one) => reportText(one.path, one.report, brief, io, style)).join('\n'));
  }
  const broken = reports.some(({ report }) => report.findings.some(isError));
  return broken ? EXIT.finding : EXIT.ok;
}

const isError = ({ severity }: Finding): boolean => severity === 'error';

function reportOf(path: string, io: CliIo, options?: Parameters<typeof diagnose>[1]): DoctorReport {
  try {
    return diagnose(readBytes(path, io), options);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new CliError(EXIT.input, `${path}: ${error.message}`, undefined, { cause: error });
  }
}

/** attachType → attach_type, all the way down. */
function snakeKeys(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeValue(inner),
    ]),
  );
}

function snakeValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeValue);
  return typeof value === 'object' && value !== null ? snakeKeys(value) : value;
}

function reportText(
  path: string,
  report: DoctorReport,
  brief: boolean,
  io: CliIo,
  style: Style,
): string {
  const parts = [`${style.bold(path)}${factsText(report)}\n`];
  if (!brief) parts.push(...tables(report, io, style));
  parts.push(findingsText(report.findings, io.columns, style));
  return parts.join('');
}

function factsText(report: DoctorReport): string {
  const { producer, littleEndian, cpu, license, gplCompatible, btf, btfExt } = report;
  const maker = producer.text || (producer.name ? `${producer.name}, version not told` : 'unknown');
  const core = Object.entries(btfExt?.core ?? {}).map(([kind, count]) => `${kind} ${count}`);
  const facts = [
    `by ${maker}`,
    littleEndian ? 'little-endian' : 'big-endian',
    `instructions of -mcpu=v${cpu}`,
    `licence ${license || 'none'}${gplCompatible ? ' (GPL-compatible)' : ''}`,
    btf ? `BTF ${grouped(btf.types)} types` : 'no BTF',
    btfExt
      ? `BTF.ext ${grouped(btfExt.functions)} functions, ${grouped(btfExt.lines)} lines`
      : 'no BTF.ext',
    core.length > 0 ? `CO-RE: ${core.join(', ')}` : 'no CO-RE',
  ];
  return `\n  ${facts.join('\n  ')}`;
}

function tables(report: DoctorReport, io: CliIo, style: Style): string[] {
  const table = (heads: readonly string[], rows: readonly (readonly string[])[]) =>
    formatTable(columnsOf(heads), rows, io.columns, style.dim);
  const sections = report.sections
    .filter(({ role }) => role !== 'debug' && role !== 'strings')
    .map(({ name, size, meaning }) => [name, grouped(size), meaning]);
  const relocations = report.relocations
    .filter(({ kind }) => kind !== 'types')
    .map(({ section, kind, count, type }) => [section, kind, grouped(count), type]);
  const steps = report.steps.map(({ action, what, detail }) => [action, what, detail]);
  return [
    `\n${table(['section', 'bytes>', 'to libbpf'], sections)}`,
    relocations.length > 0
      ? `\n${table(['refers from', 'to a', 'times>', 'relocation'], relocations)}`
      : '',
    steps.length > 0 ? `\n${table(['libbpf then', '', ''], steps)}` : '',
  ];
}

/** 'bytes>' is a column on the right. */
const columnsOf = (heads: readonly string[]) =>
  heads.map((head) => ({ head: head.replace('>', ''), right: head.endsWith('>') }));

function findingsText(findings: readonly Finding[], width: number, style: Style): string {
  if (findings.length === 0) return `\n${style.good('healthy')}: nothing to mend\n`;
  const paint = { error: style.bad, warning: style.warn, note: style.dim };
  const texts = findings.map(({ severity, code, place, message, says, fix }) => {
    const about = place && !message.includes(place) ? `${place}: ` : '';
    const lines = [
      `${paint[severity](severity)} ${style.dim(code)}`,
      ...wrapText(`${about}${message}`, width - 4),
      ...(says ? wrapText(`says: ${says}`, width - 4) : []),
      ...(fix ? wrapText(`mend: ${fix}`, width - 4) : []),
    ];
    return lines.map((line, i) => (i === 0 ? line : `    ${line}`)).join('\n');
  });
  return `\n${texts.join('\n')}\n`;
}
