import { sarifLog } from '../tools/sarif/sarif.ts';
import type { CliIo } from './io.ts';
import { toJson } from './values.ts';
import type { VerifiedProgram } from './verify.ts';
import { version } from './version.ts';

/** The answer of `beeyard verify` in the format of code scanning. */
export function writeSarif(programs: readonly VerifiedProgram[], io: CliIo, pretty: boolean): void {
  const told = programs.map(({ file, program, diagnosis, refusal, bug }) => ({
    file,
    name: program.name,
    diagnosis,
    refusal: refusal?.message,
    bug: bug?.message,
  }));
  io.out(`${toJson(sarifLog(told, { version: version(), root: io.cwd }), pretty)}\n`);
}
