import { wrapText } from '../base/index.ts';
import { COMMON_OPTIONS, type CommandDef, type OptionDef } from './command.ts';
import { COMMANDS } from './commands.ts';
import type { CliIo } from './io.ts';
import { styleFor } from './io.ts';
import { formatTable } from './table.ts';

const COMMAND_COLUMNS = [{ head: '' }, { head: '' }];

const paragraph = (text: string, width: number): string => `${wrapText(text, width).join('\n')}\n`;

/** `beeyard --help`. */
export function overview(io: CliIo, version: string): string {
  const style = styleFor(io.color);
  const rows = COMMANDS.map((one) => [style.accent(one.path.join(' ')), one.summary]);
  return [
    `${style.bold('beeyard')} ${version} – the BPF subsystem of Linux, in userspace\n\n`,
    `Usage: beeyard COMMAND … [-j]\n\n`,
    formatTable(COMMAND_COLUMNS, rows, io.columns),
    '\n',
    paragraph("'beeyard COMMAND --help' tells more about each, with examples.", io.columns),
    paragraph(
      'Exit codes: 0 ok, 1 a finding, 2 usage, 3 bad input file, 4 a tool is missing, 70 our bug.',
      io.columns,
    ),
  ].join('');
}

/** `beeyard prog --help`: the commands that start with those words. */
export function groupHelp(words: readonly string[], commands: readonly CommandDef[], io: CliIo) {
  const style = styleFor(io.color);
  const rows = commands.map((one) => [
    style.accent(`beeyard ${one.path.join(' ')} ${one.operands}`),
    one.summary,
  ]);
  const table = formatTable(COMMAND_COLUMNS, rows, io.columns);
  return `Commands of 'beeyard ${words.join(' ')}':\n\n${table}`;
}

function optionRow(name: string, option: OptionDef): string[] {
  const value = option.type === 'string' ? ` ${option.value ?? 'VALUE'}` : '';
  return [`${option.short ? `-${option.short}, ` : '    '}--${name}${value}`, option.help];
}

/** `beeyard run --help`. */
export function commandHelp(command: CommandDef, io: CliIo): string {
  const style = styleFor(io.color);
  const options = Object.entries({ ...command.options, ...COMMON_OPTIONS });
  const rows = options.map(([name, option]) => optionRow(name, option));
  const examples = command.examples.map(([line, what]) => [style.accent(line), style.dim(what)]);
  return [
    `${style.bold(`beeyard ${command.path.join(' ')}`)} – ${command.summary}\n\n`,
    `Usage: beeyard ${command.path.join(' ')} ${command.operands} [options]\n\n`,
    command.details ? `${paragraph(command.details, io.columns)}\n` : '',
    'Options:\n',
    formatTable(COMMAND_COLUMNS, rows, io.columns),
    `\n${examples.length === 1 ? 'Example' : 'Examples'}:\n`,
    ...examples.map(([line, what]) => `  ${line}\n      ${what}\n`),
  ].join('');
}
