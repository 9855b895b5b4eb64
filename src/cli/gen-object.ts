import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { FormatError } from '../base/index.ts';
import { type LinkInput, LinkError, linkObjects } from '../object/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { fileError, readBytes } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { toJson } from './values.ts';

/** `beeyard gen object`: links objects as bpftool does; a link that fails writes nothing. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [out, ...names] = call.operands as [string, ...string[]];
  for (const name of names) {
    if (resolve(io.cwd, name) === resolve(io.cwd, out)) {
      throw usageError(`${out} is the output and an input too`, 'the output comes first');
    }
  }
  const inputs = names.map((name) => ({ name, bytes: readBytes(name, io) }));
  const linked = link(inputs);
  try {
    writeFileSync(resolve(io.cwd, out), linked);
  } catch (error) {
    throw fileError(out, error);
  }
  report(call, io, out, names, linked.length);
  return EXIT.ok;
}

/** Inputs that do not go together are a finding; broken ones are bad input. */
function link(inputs: readonly LinkInput[]): Uint8Array {
  try {
    return linkObjects(inputs);
  } catch (error) {
    if (error instanceof LinkError) {
      const message = `${error.file}: ${error.problem}`;
      throw new CliError(EXIT.finding, message, error.advice, { cause: error });
    }
    if (!(error instanceof FormatError)) throw error;
    throw new CliError(EXIT.input, error.message, undefined, { cause: error });
  }
}

function report(
  call: CommandCall,
  io: CliIo,
  out: string,
  inputs: readonly string[],
  size: number,
): void {
  if (call.json) {
    io.out(`${toJson({ object: out, inputs, bytes: size }, call.flag('pretty'))}\n`);
    return;
  }
  const style = styleFor(io.color);
  const from = inputs.length === 1 ? inputs[0] : `${inputs.length} objects`;
  io.out(`${style.good('linked')} ${out} ${style.dim(`(${from}, ${size} bytes)`)}\n`);
}
