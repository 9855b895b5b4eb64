/** What the first process of the machine is told, as it reads it: see include/vm/guest.c. */

/** A folder of the host that the machine sees. */
export interface Share {
  /** On the host; absolute. */
  readonly host: string;
  /** In the machine; absolute. */
  readonly guest: string;
  readonly writable: boolean;
}

/** One command in a machine. */
export interface Job {
  /** Mounted in this order, over the root; their tags are `share0`, `share1`, … */
  readonly shares: readonly Share[];
  /** Where the command starts. */
  readonly folder: string;
  /** Rows and columns, if the command gets a terminal. */
  readonly terminal?: { readonly rows: number; readonly columns: number };
  readonly environment: Readonly<Record<string, string>>;
  /** The command: a program, looked for in PATH, and its arguments. */
  readonly words: readonly string[];
}

/** The tag by which the machine finds a share. */
export const shareTag = (index: number): string => `share${index}`;

/** The bytes of a job: strings, each with a NUL behind it; lists begin with their length. */
export function encodeJob(job: Job): Uint8Array {
  const environment = Object.entries(job.environment).map(([name, value]) => `${name}=${value}`);
  const shares = job.shares.flatMap(({ guest, writable }, index) => [
    shareTag(index),
    guest,
    writable ? '1' : '0',
  ]);
  const { rows, columns } = job.terminal ?? { rows: 0, columns: 0 };
  const texts = [
    String(job.shares.length),
    ...shares,
    job.folder,
    job.terminal ? '1' : '0',
    String(rows),
    String(columns),
    ...[environment, job.words].flatMap((list) => [String(list.length), ...list]),
  ];
  return new TextEncoder().encode(texts.map((text) => `${text}\0`).join(''));
}
