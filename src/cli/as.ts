/** `beeyard as … COMMAND`: a command on a machine, by somebody else than root. */
import type { ProcessOptions } from '../machine/bpf/identity.ts';
import { parseCapabilities } from '../security/index.ts';
import { usageError } from './exit.ts';
import type { CliIo } from './io.ts';

/** Who does the command. */
export interface CliIdentity extends ProcessOptions {
  /** The bpffs a token is made of; undefined: as libbpf does, /sys/fs/bpf if that delegates. */
  readonly token: string | undefined;
}

const OPTIONS = ['userns', 'uid', 'gid', 'caps', 'token'];

/** Its own options come first; the command begins with the first word that is none. */
export function splitIdentity(args: readonly string[]): {
  readonly identity: CliIdentity;
  readonly command: readonly string[];
} {
  const given = new Map<string, string>();
  let at = 0;
  while (args[at]?.startsWith('--')) {
    const [name, inline] = args[at]!.slice(2).split('=', 2) as [string, string?];
    if (!OPTIONS.includes(name)) throw usageError(`'as' has no option --${name}`);
    const value = inline ?? args[++at];
    if (value === undefined) throw usageError(`--${name} needs a value`);
    given.set(name, value);
    at++;
  }
  if (at === args.length) throw usageError("'beeyard as' needs a command behind its options");
  return { identity: identityOf(given), command: args.slice(at) };
}

function identityOf(given: ReadonlyMap<string, string>): CliIdentity {
  const caps = given.get('caps');
  return {
    token: given.get('token'),
    ...(given.has('userns') && { userns: given.get('userns')! }),
    ...(given.has('uid') && { uid: idOf('uid', given.get('uid')!) }),
    ...(given.has('gid') && { gid: idOf('gid', given.get('gid')!) }),
    ...(caps !== undefined && { capabilities: parseCapabilities(caps) }),
  };
}

function idOf(name: string, text: string): number {
  const id = Number(text);
  if (Number.isInteger(id) && id >= 0 && id < 0xffffffff) return id;
  throw usageError(`--${name} takes a number, not '${text}'`);
}

/** Only called without a command: `splitIdentity` takes the others. */
export function run(): Promise<number> {
  throw usageError("'beeyard as' needs options and a command");
}

/** The io of a command that somebody does. */
export const ioAs = (io: CliIo, identity: CliIdentity): CliIo => ({ ...io, identity });
