import { parseCall } from './command.ts';
import { TARGET } from './command-options.ts';
import { findCommand, groupOf } from './find-command.ts';
import { VerifierError } from '../base/index.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { type CliIo, styleFor } from './io.ts';
import { withSources } from './sources.ts';
import { didYouMean } from './suggest.ts';

/** Runs one command line; returns the exit code. */
export async function main(args: readonly string[], io: CliIo): Promise<number> {
  try {
    return await dispatch(args, io);
  } catch (error) {
    return report(error, io);
  }
}

async function dispatch(args: readonly string[], io: CliIo): Promise<number> {
  const somebody = args[0] === 'as' && args.length > 1 && !HELP.includes(args[1]!);
  if (somebody) return dispatchAs(args.slice(1), io);
  const words = args.findIndex((word) => word.startsWith('-'));
  const plain = args.slice(0, words < 0 ? args.length : words);
  if (plain.length === 0 || plain[0] === 'help') return generalHelp(args, plain.slice(1), io);
  const command = findCommand(plain);
  if (!command) return unknownCommand(args, plain, io);
  const call = parseCall(command, args.slice(command.path.length));
  if (call.flag('help')) {
    const { commandHelp } = await import('./help.ts');
    io.out(commandHelp(command, io));
    return EXIT.ok;
  }
  if (command.options['target'] === TARGET && call.text('target') === 'linux') {
    const { runOnLinux } = await import('./linux/run.ts');
    return await runOnLinux(call, await withSources(call, io));
  }
  const { run } = await command.load();
  return await run(call, await withSources(call, io));
}

const HELP = ['--help', '-h'];

async function dispatchAs(args: readonly string[], io: CliIo): Promise<number> {
  const { ioAs, splitIdentity } = await import('./as.ts');
  const { identity, command } = splitIdentity(args);
  return dispatch(command, ioAs(io, identity));
}

async function generalHelp(
  args: readonly string[],
  words: readonly string[],
  io: CliIo,
): Promise<number> {
  if (words.length > 0) return dispatch([...words, '--help'], io);
  const { version } = await import('./version.ts');
  if (args.includes('--version') || args.includes('-V')) {
    io.out(`beeyard ${version()}\n`);
    return EXIT.ok;
  }
  const unknown = args.find((arg) => arg.startsWith('-') && arg !== '--help' && arg !== '-h');
  if (unknown) throw usageError(`there is no option ${unknown}`);
  const { overview } = await import('./help.ts');
  const asked = args.length > 0;
  (asked ? io.out : io.err)(overview(io, version()));
  return asked ? EXIT.ok : EXIT.usage;
}

async function unknownCommand(
  args: readonly string[],
  plain: readonly string[],
  io: CliIo,
): Promise<number> {
  const { words, group, nouns } = groupOf(plain);
  const depth = words.length;
  if (depth === 0) {
    throw usageError(`there is no command '${plain[0]}'${didYouMean(plain[0]!, nouns)}`);
  }
  const help = args.includes('--help') || args.includes('-h');
  const { groupHelp } = await import('./help.ts');
  const typed = plain[depth];
  if (typed !== undefined && !help) {
    const known = [...new Set(group.map(({ path }) => path[depth]!))];
    throw usageError(`'beeyard ${words.join(' ')}' has no '${typed}'${didYouMean(typed, known)}`);
  }
  (help ? io.out : io.err)(groupHelp(words, group, io));
  return help ? EXIT.ok : EXIT.usage;
}

/** Says what went wrong and returns the exit code for it. */
function report(error: unknown, io: CliIo): number {
  const style = styleFor(io.errorColor);
  const say = (text: string, hint?: string) => {
    io.err(`${style.bad('error:')} ${text}\n`);
    if (hint) io.err(`${style.dim('hint:')}  ${hint}\n`);
  };
  if (error instanceof CliError) {
    const help = error.code === EXIT.usage ? "see 'beeyard --help'" : undefined;
    say(error.message, error.hint ?? help);
    return error.code;
  }
  if (error instanceof VerifierError) {
    say(error.message);
    if (error.explanation) io.err(`\n${error.explanation}\n`);
    return EXIT.finding;
  }
  const known = error instanceof Error ? KNOWN_ERRORS[error.name] : undefined;
  if (known !== undefined) {
    say((error as Error).message);
    return known;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  say(`this is a bug in beeyard, please report it:\n${stack}`);
  return EXIT.bug;
}

const KNOWN_ERRORS: Readonly<Record<string, number>> = {
  FormatError: EXIT.input,
  KernelError: EXIT.finding,
  ProgramFault: EXIT.finding,
};
