import { utf8 } from '../base/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readBytes } from './files.ts';
import type { CliIo } from './io.ts';

/** `beeyard batch file FILE`: one command a line, until one fails. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const commands = batchCommands(utf8(readBytes(call.operands[0]!, io)));
  const machine = call.text('machine');
  const more = machine === undefined ? [] : ['--machine', machine];
  const outputs: string[] = [];
  let code: number = EXIT.ok;
  for (const words of commands) {
    let output = '';
    const own = call.json ? { ...io, out: (text: string) => void (output += text) } : io;
    code = await runOne(call.json ? [...words, ...more, '-j'] : [...words, ...more], own);
    outputs.push(`{"command":${JSON.stringify(words)},"output":${asJson(output.trim())}}`);
    if (code !== EXIT.ok) break;
  }
  if (call.json) io.out(`[${outputs.join(',')}]\n`);
  else if (code === EXIT.ok) io.out(`processed ${commands.length} commands\n`);
  return code;
}

/** A command's output as it is, unless it is no JSON (help): then as text. */
function asJson(output: string): string {
  if (output === '') return 'null';
  try {
    JSON.parse(output);
    return output;
  } catch {
    return JSON.stringify(output);
  }
}

async function runOne(words: readonly string[], io: CliIo): Promise<number> {
  if ('batch'.startsWith(words[0]!)) throw usageError('a batch holds no batches');
  const { main } = await import('./dispatch.ts');
  return main(words, io);
}

/** The commands of a batch file, each as its words. */
export function batchCommands(text: string): string[][] {
  return text
    .replace(/#.*$/gm, '')
    .replace(/\\\r?\n/g, '')
    .split('\n')
    .map(wordsOf)
    .filter((words) => words.length > 0);
}

/** Words by white space; quotes of either kind keep it. */
function wordsOf(line: string): string[] {
  const words = line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g);
  return Array.from(words, ([, double, single, plain]) => double ?? single ?? plain ?? '');
}
