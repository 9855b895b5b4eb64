import { FormatError } from '../base/index.ts';
import { type CiRecord, readVeristatCsv } from '../tools/ci/index.ts';
import { readBytes, writeBytes } from './files.ts';
import type { CliIo } from './io.ts';

/** What a file of results says it is. */
const FORMAT = 'beeyard ci results 1';

/** Reads what `writeRecords` wrote, or a table of veristat. Throws FormatError, CliError. */
export function readRecords(path: string, io: CliIo): CiRecord[] {
  const text = new TextDecoder().decode(readBytes(path, io));
  if (!text.trimStart().startsWith('{')) return readVeristatCsv(text, path, '6.12', 'default');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new FormatError(path, 0, `it is no JSON: ${(error as Error).message}`);
  }
  const { format, records } = value as { format?: unknown; records?: unknown };
  if (format !== FORMAT || !Array.isArray(records) || !records.every(isRecord)) {
    throw new FormatError(path, 0, "it is no file of results of 'beeyard ci'");
  }
  return records;
}

const isRecord = (value: unknown): value is CiRecord => {
  const { file, prog, kernel, shape, verdict, insns } = (value ?? {}) as Record<string, unknown>;
  const words = [file, prog, kernel, shape, verdict];
  return words.every((one) => typeof one === 'string') && typeof insns === 'number';
};

/** One line a record, so that a difference in git is one line a program. */
export function writeRecords(path: string, records: readonly CiRecord[], io: CliIo): void {
  const lines = records.map((one) => `  ${JSON.stringify(one)}`).join(',\n');
  const text = `{ "format": "${FORMAT}", "records": [\n${lines}\n] }\n`;
  writeBytes(path, new TextEncoder().encode(text), io);
}

/** By object, kernel and shape; programs stay in the order of the object. */
export function sorted(records: readonly CiRecord[]): CiRecord[] {
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return records.toSorted(
    (a, b) => compare(a.file, b.file) || compare(a.kernel, b.kernel) || compare(a.shape, b.shape),
  );
}
