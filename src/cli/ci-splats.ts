/** `beeyard ci splats`: what a kernel said of itself during a run. */
import { splats } from '../tools/ci/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readBytes } from './files.ts';
import type { CliIo } from './io.ts';
import { toJson } from './values.ts';

export function run(call: CommandCall, io: CliIo): Promise<number> {
  const textOf = (path: string) => new TextDecoder().decode(readBytes(path, io));
  const [deny, allow] = [call.text('deny'), call.text('allow')];
  if (deny === undefined) throw usageError('--deny names the list of what is wrong');
  const known = allow === undefined ? '' : textOf(allow);
  const found = splats(textOf(call.operands[0]!), textOf(deny), known);
  if (call.json) io.out(`${toJson(found, call.flag('pretty'))}\n`);
  else for (const { line, text } of found) io.out(`${line}: ${text}\n`);
  return Promise.resolve(found.length > 0 ? EXIT.finding : EXIT.ok);
}
