import type { CommandCall } from './command.ts';
import type { CliIo } from './io.ts';

/** Names that are compiled before a command reads them. */
const SOURCE = /\.bpf\.(c|ts)$/;

/**
 * Commands that take objects take sources too: what is named so is compiled first, in memory, and
 * `io` gives the object's bytes for it.
 */
export async function withSources(call: CommandCall, io: CliIo): Promise<CliIo> {
  const sources = call.operands.filter((operand) => SOURCE.test(operand));
  if (sources.length === 0 || !/\bOBJ\b/.test(call.command.operands)) return io;
  const { compilerFor, compileSource, mustExist } = await import('./compile.ts');
  const compiled = new Map<string, Uint8Array>();
  for (const source of sources) mustExist(source, io);
  const compiler = compilerFor(undefined, io);
  for (const source of sources) {
    compiled.set(source, await compileSource(source, '-', compiler, {}, io));
  }
  return { ...io, compiled };
}
