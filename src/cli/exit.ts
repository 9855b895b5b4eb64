/** Exit codes of every command. */
export const EXIT = {
  ok: 0,
  /** A finding: rejected, a program faulted, a test failed. */
  finding: 1,
  usage: 2,
  /** A bad input file. */
  input: 3,
  /** A tool is missing. */
  missing: 4,
  privilege: 5,
  /** Our bug. */
  bug: 70,
  /** The user stopped it (128 + SIGINT). */
  interrupted: 130,
} as const;

/** Ends a command with a message and an exit code. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: number;
  /** What to try. */
  readonly hint: string | undefined;

  constructor(code: number, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}

/** Wrong words on the command line. */
export function usageError(message: string, hint?: string): CliError {
  return new CliError(EXIT.usage, message, hint);
}
