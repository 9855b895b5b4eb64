/** The load hook for Node: what `import counter from './counter.bpf.o'` gives. */
import { fileURLToPath } from 'node:url';
import type { LoadFnOutput, LoadHookContext } from 'node:module';
import { isObjectPath, moduleText, readObject } from './module.ts';

/** The next hook in the chain; its result is handed on as it is. */
type Next<Result> = (url: string, context: LoadHookContext) => Result;

/**
 * Takes files ending in `.bpf.o` and `.bpf.c`, leaves all others to the next hook. Serves both ways
 * Node has to call hooks: in its own thread and in the caller's.
 */
export function load<Result>(
  url: string,
  context: LoadHookContext,
  next: Next<Result>,
): Result | LoadFnOutput {
  const place = url.startsWith('file:') ? new URL(url) : undefined;
  if (!place || !isObjectPath(place.pathname)) return next(url, context);
  const path = fileURLToPath(place);
  const { bytes, warnings } = readObject(path, settingsFrom(process.env));
  if (warnings) process.stderr.write(warnings);
  return { format: 'module', source: moduleText(bytes, path), shortCircuit: true };
}

/** $BEEYARD_INCLUDE: folders with headers, as in $PATH. $BEEYARD_DEFINE: NAME=VALUE, by spaces. */
function settingsFrom(env: NodeJS.ProcessEnv) {
  const separator = process.platform === 'win32' ? ';' : ':';
  const list = (text: string | undefined, by: string) => (text ?? '').split(by).filter(Boolean);
  return {
    include: list(env['BEEYARD_INCLUDE'], separator),
    define: list(env['BEEYARD_DEFINE'], ' '),
  };
}
