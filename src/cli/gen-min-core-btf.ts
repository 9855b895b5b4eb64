import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { minimiseBtf, writeBtf } from '../btf/index.ts';
import { coreUses } from '../object/index.ts';
import { asInput, readBtf } from './btf-file.ts';
import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { fileError, readBytes } from './files.ts';
import type { CliIo } from './io.ts';
import { toJson } from './values.ts';

/** `beeyard gen min_core_btf`: what bpftool's writes, byte for byte. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [input, output, ...objects] = call.operands;
  const full = readBtf(input!, io, call.text('base-btf'));
  const uses = objects.flatMap((path) => asInput(path, () => coreUses(readBytes(path, io), full)));
  const small = minimiseBtf(full, uses);
  const bytes = writeBtf(small);
  try {
    writeFileSync(resolve(io.cwd, output!), bytes);
  } catch (error) {
    throw fileError(output!, error);
  }
  const types = small.count - 1;
  if (call.json) {
    io.out(`${toJson({ output, types, bytes: bytes.length }, call.flag('pretty'))}\n`);
  } else {
    io.err(`${output}: ${types} of ${full.count - 1} types, ${bytes.length} bytes\n`);
  }
  return EXIT.ok;
}
