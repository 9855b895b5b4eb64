import { FormatError } from '../../base/index.ts';

/**
 * Inputs that are whole, each by itself, and can not be put together: two definitions of a name,
 * types that differ, other licences. The message says what, where, why and what to do.
 */
export class LinkError extends FormatError {
  /** The input in which it was noticed. */
  readonly file: string;
  /** What does not fit, without the file. */
  readonly problem: string;
  /** What to do about it. */
  readonly advice: string;

  /** `offset`: where in `file` the thing is that does not fit. */
  constructor(file: string, offset: number, problem: string, advice: string) {
    super('link', offset, `${file}: ${problem}. ${advice}`);
    this.file = file;
    this.problem = problem;
    this.advice = advice;
  }
}

/** Runs `read`; format errors from it get the name of the input. */
export function inFile<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError) || error instanceof LinkError) throw error;
    const { format, offset, reason } = error;
    throw new FormatError(format, offset, `${file}: ${reason}`, { cause: error });
  }
}
