/** Words of `net attach` and `net detach`: bpftool's, and ours behind them. */
import { KernelError } from '../base/index.ts';
import type { AttachOptions } from '../kernel/index.ts';
import type { ObjectFile } from '../object/index.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';

export interface Hook {
  readonly type: 'xdp' | 'sched_cls';
  readonly options: AttachOptions;
}

/** bpftool's words for hooks of devices, and ours behind them. */
const HOOKS: Readonly<Record<string, Hook>> = {
  xdp: { type: 'xdp', options: {} },
  xdpgeneric: { type: 'xdp', options: { mode: 'generic' } },
  xdpdrv: { type: 'xdp', options: { mode: 'native' } },
  tcx_ingress: { type: 'sched_cls', options: { direction: 'ingress' } },
  tcx_egress: { type: 'sched_cls', options: { direction: 'egress' } },
  clsact_ingress: { type: 'sched_cls', options: { direction: 'ingress', classic: true } },
  clsact_egress: { type: 'sched_cls', options: { direction: 'egress', classic: true } },
  xdp_chain: { type: 'xdp', options: { chain: true } },
};
const PROGRAM_WORDS = new Set(['id', 'name', 'tag', 'pinned']);
/** XDP_FLAGS_UPDATE_IF_NOEXIST */
export const IF_NOEXIST = 1;

export function takeHook(words: string[]): Hook & { readonly word: string } {
  const word = words.shift() ?? '';
  const hook = Object.hasOwn(HOOKS, word) ? HOOKS[word] : undefined;
  if (!hook) throw usageError(`'${word}' is none of: ${Object.keys(HOOKS).join(', ')}`);
  return { word, ...hook };
}

export function takeDevice(words: string[]): string {
  const [dev, device] = words.splice(0, 2);
  if (dev !== 'dev' || device === undefined) throw usageError("'dev NAME' is missing");
  return device;
}

/** Begins what says which program is meant; anything else is a file. */
export const isProgramWord = (word: string): boolean => PROGRAM_WORDS.has(word);

/** The last word, if there is one more. */
export function takeOverwrite(words: string[]): boolean {
  const overwrite = words[0] === 'overwrite';
  if (words.length > (overwrite ? 1 : 0)) throw usageError(`'${words.at(-1)}' is not expected`);
  return overwrite;
}

/** --expect-rev N: the revision a place must have. */
export function expectedRevision(call: CommandCall): bigint | undefined {
  const text = call.text('expect-rev');
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return BigInt(text);
  throw usageError(`--expect-rev takes a number, not '${text}'`);
}

/** The name of an object's program, if it has but one. */
export function onlyProgram({ programs }: ObjectFile): string {
  const names = programs.map(({ name }) => name);
  if (names.length === 1) return names[0]!;
  throw usageError(`which of: ${names.join(', ')}? Load it first`);
}

/** Throws KernelError EOPNOTSUPP for what Linux does not have. */
export function needPortable({ options }: Hook): void {
  if (!options.chain) return;
  throw new KernelError('EOPNOTSUPP', 95, 'Linux has no chain of XDP programs: not portable');
}
