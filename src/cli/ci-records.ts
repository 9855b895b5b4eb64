import { FormatError } from '../base/index.ts';
import { type CiBase, type CiRecord, readVeristatCsv } from '../tools/ci/index.ts';
import { readBytes, writeBytes } from './files.ts';
import type { CliIo } from './io.ts';

/** What a file of results says it is. */
const FORMAT = 'beeyard ci results 1';

/** A file of results; `shard`: 'i/n' where it has only a part. */
export interface Results {
  readonly records: readonly CiRecord[];
  readonly shard: string | undefined;
}

/** Reads what `writeRecords` wrote. Throws FormatError, CliError. */
export function readResults(path: string, io: CliIo): Results {
  return resultsIn(textOf(path, io), path);
}

const textOf = (path: string, io: CliIo): string => new TextDecoder().decode(readBytes(path, io));

function resultsIn(text: string, path: string): Results {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new FormatError(path, 0, `it is no JSON: ${(error as Error).message}`);
  }
  const { format, shard, records } = (value ?? {}) as Record<string, unknown>;
  if (format !== FORMAT || !Array.isArray(records) || !records.every(isRecord)) {
    throw new FormatError(path, 0, "it is no file of results of 'beeyard ci'");
  }
  return { records, shard: typeof shard === 'string' ? shard : undefined };
}

/**
 * What results are held against: a file of results, or a table of veristat. That knows objects by
 * their last name only, and no kernel and shape: `{kernel}` and `{shape}` in `pattern` name a table
 * for each, and one alone is for all of `records`.
 */
export function readBaseline(
  pattern: string,
  records: readonly CiRecord[],
  io: CliIo,
): readonly CiBase[] {
  const cells = new Map(records.map((one) => [pathFor(pattern, one), one]));
  if (cells.size < 2) {
    const path = cells.keys().next().value ?? pattern;
    const text = textOf(path, io);
    if (text.trimStart().startsWith('{')) return resultsIn(text, path).records;
  }
  return [...cells.keys()].flatMap((path) => {
    const some = records.filter((one) => pathFor(pattern, one) === path);
    return perCell(readVeristatCsv(textOf(path, io), path, '', ''), some);
  });
}

/** The name of a table, with kernel and shape in it. */
export const pathFor = (pattern: string, { kernel, shape }: CiRecord): string =>
  pattern.replaceAll('{kernel}', kernel).replaceAll('{shape}', shape);

/** Rows of a table for every kernel and shape, under the names that `records` have for objects. */
function perCell(rows: readonly CiBase[], records: readonly CiRecord[]): CiBase[] {
  const last = (path: string) => path.split('/').at(-1)!;
  const files = new Map<string, Set<string>>();
  const cells = new Map<string, CiRecord>();
  for (const one of records) {
    cells.set(`${one.kernel} ${one.shape}`, one);
    files.set(last(one.file), (files.get(last(one.file)) ?? new Set()).add(one.file));
  }
  return [...cells.values()].flatMap(({ kernel, shape }) =>
    rows.flatMap((row) =>
      [...(files.get(last(row.file)) ?? [row.file])].map((file) => ({
        ...row,
        file,
        kernel,
        shape,
      })),
    ),
  );
}

/** True for a record as JSON has it. */
export const isRecord = (value: unknown): value is CiRecord => {
  const { file, prog, kernel, shape, verdict, insns, states, stack } = (value ?? {}) as Record<
    string,
    unknown
  >;
  const words = [file, prog, kernel, shape, verdict];
  return (
    words.every((one) => typeof one === 'string') && [insns, states, stack].every(Number.isFinite)
  );
};

/** One line a record, so that a difference in git is one line a program. */
export function writeRecords(path: string, { records, shard }: Results, io: CliIo): void {
  const lines = records.map((one) => `  ${JSON.stringify(one)}`).join(',\n');
  const part = shard === undefined ? '' : ` "shard": "${shard}",`;
  const text = `{ "format": "${FORMAT}",${part} "records": [\n${lines}\n] }\n`;
  writeBytes(path, new TextEncoder().encode(text), io);
}

/** By object, kernel and shape; programs stay in the order of the object. */
export function sorted(records: readonly CiRecord[]): CiRecord[] {
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return records.toSorted(
    (a, b) => compare(a.file, b.file) || compare(a.kernel, b.kernel) || compare(a.shape, b.shape),
  );
}
