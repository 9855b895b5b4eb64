import { statSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { CompileError, compileObject, MissingCompiler } from '../import/index.ts';
import { type ObjectFile, parseObject } from '../object/index.ts';
import { declarationName, declareObject } from '../object/typegen/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT } from './exit.ts';
import { accessFile, fileError, readObject } from './files.ts';
import type { CliIo } from './io.ts';
import { toJson } from './values.ts';

/** `beeyard gen types`: the declaration that an import of the object is typed by. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const path = call.operands[0]!;
  const text = declareObject(objectFrom(path, call, io), basename(path));
  const out = call.text('out');
  if (out !== undefined) write(outputPath(out, path, io), text);
  if (call.json) {
    const result = out === undefined ? { declaration: text } : { file: outputPath(out, path, io) };
    io.out(`${toJson(result, call.flag('pretty'))}\n`);
  } else if (out === undefined) io.out(text);
  return EXIT.ok;
}

/** A source is compiled for its types. */
function objectFrom(path: string, call: CommandCall, io: CliIo): ObjectFile {
  if (!path.endsWith('.c')) return readObject(path, io);
  accessFile(path, io);
  const include = call.list('include').map((folder) => resolve(io.cwd, folder));
  try {
    const settings = { include, define: call.list('define') };
    const { bytes, warnings } = compileObject(resolve(io.cwd, path), settings);
    if (warnings) io.err(warnings);
    return parseObject(bytes);
  } catch (error) {
    if (error instanceof CompileError) throw new CliError(EXIT.finding, error.message);
    if (!(error instanceof MissingCompiler)) throw error;
    throw new CliError(EXIT.missing, error.message, error.hint, { cause: error });
  }
}

/** A folder gets the file under the name that TypeScript looks for. */
function outputPath(out: string, object: string, io: CliIo): string {
  const path = resolve(io.cwd, out);
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? join(path, declarationName(basename(object))) : path;
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw fileError(path, error);
  }
}
