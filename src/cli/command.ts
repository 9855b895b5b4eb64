import { parseArgs } from 'node:util';
import { usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { didYouMean } from './suggest.ts';

/** An option of a command: what parseArgs needs and what help says. */
export interface OptionDef {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** Word for the value in help: FILE, N, … */
  readonly value?: string;
  readonly help: string;
  /** Values it takes, for help and checks. */
  readonly choices?: readonly string[];
}

/** One row of the command table: it drives parsing, help and completion. */
export interface CommandDef {
  /** Words that call it: ['prog', 'dump', 'xlated']. */
  readonly path: readonly string[];
  /** Another last word that calls it: 'list' for 'show'. */
  readonly alias?: string;
  readonly summary: string;
  /** What stands behind the words: 'OBJ [PROG]'. */
  readonly operands: string;
  /** Fewest and most operands. */
  readonly count: readonly [number, number];
  readonly options: Readonly<Record<string, OptionDef>>;
  /** Longer text for help, without line breaks in paragraphs. */
  readonly details?: string;
  /** Command lines, each with what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** Loads the code only when the command is called. */
  readonly load: () => Promise<{ run: CommandRun }>;
}

export type CommandRun = (call: CommandCall, io: CliIo) => Promise<number>;

/** Options every command has. */
export const COMMON_OPTIONS: Readonly<Record<string, OptionDef>> = {
  json: { type: 'boolean', short: 'j', help: 'JSON on standard output' },
  pretty: { type: 'boolean', short: 'p', help: 'JSON with line breaks' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
};

/** What the user typed, taken apart. */
export class CommandCall {
  readonly command: CommandDef;
  readonly operands: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(
    command: CommandDef,
    operands: readonly string[],
    values: Readonly<Record<string, unknown>>,
  ) {
    this.command = command;
    this.operands = operands;
    this.#values = values;
  }

  get json(): boolean {
    return this.flag('json') || this.flag('pretty');
  }

  /** The same call with an option set. */
  with(name: string, value: string): CommandCall {
    return new CommandCall(this.command, this.operands, { ...this.#values, [name]: value });
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? (value as string[]) : [];
  }

  /** A whole number in a range, or `otherwise` when the option is absent. */
  count(name: string, otherwise: number, least: number, most: number): number {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const value = Number(text.replaceAll('_', ''));
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw usageError(`--${name} takes a whole number from ${least} to ${most}, not '${text}'`);
  }
}

/** Parses what stands behind the command's words. Throws CliError for anything it does not take. */
export function parseCall(command: CommandDef, args: readonly string[]): CommandCall {
  const options = { ...command.options, ...COMMON_OPTIONS };
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(options).map(([name, { type, short, multiple }]) => [
        name,
        { type, ...(short ? { short } : {}), ...(multiple ? { multiple } : {}) },
      ]),
    ),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'option') checkOption(token.name, token.rawName, token.value, options);
  }
  const call = new CommandCall(command, positionals, values);
  if (!call.flag('help')) checkOperands(command, positionals);
  return call;
}

function checkOption(
  name: string,
  raw: string,
  value: string | undefined,
  options: Readonly<Record<string, OptionDef>>,
): void {
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  if (!option) {
    const known = Object.keys(options).map((one) => `--${one}`);
    throw usageError(`there is no option ${raw}${didYouMean(raw, known)}`);
  }
  if (option.type === 'boolean' && value !== undefined) {
    throw usageError(`${raw} takes no value`);
  }
  if (option.type === 'string' && (value === undefined || value === '')) {
    throw usageError(`${raw} needs a value: ${option.value ?? 'VALUE'}`);
  }
  if (option.choices && !option.choices.includes(value!)) {
    const hint = didYouMean(value!, option.choices);
    throw usageError(`${raw} takes ${option.choices.join(' or ')}, not '${value}'${hint}`);
  }
}

function checkOperands(command: CommandDef, given: readonly string[]): void {
  const [least, most] = command.count;
  const name = command.path.join(' ');
  if (given.length < least) {
    throw usageError(`'beeyard ${name}' needs: ${command.operands}`);
  }
  if (given.length > most) {
    throw usageError(`'beeyard ${name}' does not know what to do with '${given[most]}'`);
  }
}

/** The only operand of a command that can do without one when it has --machine. */
export function soleOperand({ command, operands }: CommandCall): string {
  checkOperands({ ...command, count: [1, 1] }, operands);
  return operands[0]!;
}

/** The first operand of a command that can do without one when it has --machine. */
export function needOperand({ command, operands }: CommandCall): string {
  checkOperands({ ...command, count: [1, command.count[1]] }, operands);
  return operands[0]!;
}
