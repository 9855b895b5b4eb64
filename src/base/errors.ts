/**
 * The four error families. They never mix: which one is thrown tells whose mistake it is.
 *
 * - `FormatError`: the bytes are wrong (ELF, BTF, pcap, text); carries where.
 * - `KernelError`: a command was refused; carries the errno Linux gives.
 * - `VerifierError`: the kernel would reject the program; carries its words and ours.
 * - `BugError`: ours.
 */

/** Input bytes or text that are not what they claim to be. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  /** What was being read: 'ELF', 'BTF', 'pcapng', … */
  readonly format: string;
  /** Byte offset (or line for text) of the first wrong thing. */
  readonly offset: number;
  /** What is wrong, without the place. */
  readonly reason: string;

  constructor(format: string, offset: number, reason: string, options?: ErrorOptions) {
    super(`${format}: ${reason} (at offset ${offset} = 0x${offset.toString(16)})`, options);
    this.format = format;
    this.offset = offset;
    this.reason = reason;
  }
}

/** A command that a kernel refuses. `errno` is the positive number, `code` its name. */
export class KernelError extends Error {
  override readonly name: string = 'KernelError';
  readonly code: string;
  readonly errno: number;

  constructor(code: string, errno: number, message: string, options?: ErrorOptions) {
    super(`${message} (${code})`, options);
    this.code = code;
    this.errno = errno;
  }
}

/** A program that the kernel would not load. */
export class VerifierError extends Error {
  override readonly name = 'VerifierError';
  /** The errno BPF_PROG_LOAD gives, by name and as a positive number. */
  readonly code: string;
  readonly errno: number;
  /** The program's name. */
  readonly program: string;
  /** The kernel's log at level 1. */
  readonly log: string;
  /** Why, for people: several lines, or '' where there is nothing to add to the log. */
  readonly explanation: string;

  constructor(facts: {
    readonly program: string;
    readonly code: string;
    readonly errno: number;
    readonly reason: string;
    readonly log: string;
    readonly explanation: string;
  }) {
    super(`program '${facts.program}' is not safe to run: ${facts.reason} (${facts.code})`);
    this.program = facts.program;
    this.code = facts.code;
    this.errno = facts.errno;
    this.log = facts.log;
    this.explanation = facts.explanation;
  }
}

/** Something that cannot happen did: a mistake in beeyard. */
export class BugError extends Error {
  override readonly name = 'BugError';
}

/** Throws a `BugError` unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BugError(message);
}
