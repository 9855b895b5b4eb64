import type { CliIdentity } from './as.ts';
/**
 * Where a command reads and writes: the terminal, or a test's buffers. Data to out, talk to err.
 */
export interface CliIo {
  out(text: string): void;
  err(text: string): void;
  /** Columns of the terminal; 80 when it is none. */
  readonly columns: number;
  /** Colours may be used on stdout / stderr. */
  readonly color: boolean;
  readonly errorColor: boolean;
  /** stderr is a terminal: progress may be drawn. */
  readonly interactive: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted when the user asks to stop (Ctrl-C): end early, with what there is. */
  readonly interrupt?: AbortSignal;
  /** Objects made of the sources on the command line, by the names given there. */
  readonly compiled?: ReadonlyMap<string, Uint8Array>;
  /** Who does the command on a machine; undefined: root. */
  readonly identity?: CliIdentity;
}

interface Stream {
  write(text: string): boolean;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The io of a process. */
export function processIo(
  stdout: Stream,
  stderr: Stream,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): CliIo {
  const plain = Boolean(env['NO_COLOR']) || env['TERM'] === 'dumb';
  const forced = Boolean(env['FORCE_COLOR']) && env['FORCE_COLOR'] !== '0';
  const columns = stdout.columns ?? Number(env['COLUMNS']);
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    columns: columns >= 20 ? columns : 80,
    color: !plain && (forced || stdout.isTTY === true),
    errorColor: !plain && (forced || stderr.isTTY === true),
    interactive: stderr.isTTY === true && env['TERM'] !== 'dumb',
    env,
    cwd,
  };
}

/** Styles by meaning. Every one is plain text where colours are off. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  accent(text: string): string;
}

const paint = (on: boolean, code: string) => (text: string) =>
  on ? `\u001b[${code}m${text}\u001b[0m` : text;

export function styleFor(on: boolean): Style {
  return {
    bold: paint(on, '1'),
    dim: paint(on, '2'),
    good: paint(on, '32'),
    bad: paint(on, '31'),
    warn: paint(on, '33'),
    accent: paint(on, '36'),
  };
}
