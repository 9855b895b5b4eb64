/** How objects of a running kernel are named: bpftool's PROG, MAP and LINK. */
import { readFileSync } from 'node:fs';
import { succeed } from '../../abi/index.ts';
import { hexBytes, KernelError } from '../../base/index.ts';
import { closeFd, idsOf, Info, type LinuxKernel, openById } from '../../linux/index.ts';
import type { CommandCall } from '../command.ts';
import { usageError } from '../exit.ts';
import type { CliIo } from '../io.ts';
import type { Output } from '../machine-file.ts';

export type Kind = 'prog' | 'map' | 'link';
export type Noun = (kernel: LinuxKernel, words: string[], call: CommandCall, io: CliIo) => Output;

/** File descriptors of what `id N`, `name NAME`, `tag TAG` or `pinned PATH` says. */
function take({ system }: LinuxKernel, kind: Kind, words: string[]): number[] {
  const [way, value] = words.splice(0, 2);
  if (value === undefined) {
    throw usageError(`a ${kind} is: id N, name NAME, tag TAG or pinned PATH`);
  }
  if (way === 'pinned') {
    const fd = system.bpf.objGet({ pathname: value });
    return [succeed(fd, `there is no ${kind} at ${value}`)];
  }
  if (way === 'id') return [openById(system, kind, Number(value))];
  if (way !== 'name' && way !== 'tag') {
    throw usageError(`'${way}' is none of: id, name, tag, pinned`);
  }
  return openAll({ system }, kind).filter((fd) => {
    const info = new Info(system, fd, kind);
    const fits =
      way === 'tag'
        ? kind === 'prog' && hexBytes(info.slice('tag')) === value
        : kind !== 'link' && info.text('name') === value.slice(0, 15);
    if (!fits) closeFd(system, fd);
    return fits;
  });
}

/** All there are; those that leave meanwhile are left out. */
export function openAll({ system }: Pick<LinuxKernel, 'system'>, kind: Kind): number[] {
  return idsOf(system, kind).flatMap((id) => {
    try {
      return [openById(system, kind, id)];
    } catch (error) {
      if (error instanceof KernelError && error.code === 'ENOENT') return [];
      throw error;
    }
  });
}

/** The file descriptor of the one that the words say. Throws KernelError ENOENT. */
export function takeOne(kernel: LinuxKernel, kind: Kind, words: string[]): number {
  const said = words.slice(0, 2).join(' ');
  const [fd, other] = take(kernel, kind, words);
  if (fd !== undefined && other === undefined) return fd;
  const count = fd === undefined ? 'no' : 'more than one';
  throw new KernelError('ENOENT', 2, `there is ${count} ${kind} with ${said}`);
}

export function noMore(words: readonly string[]): void {
  if (words.length > 0) throw usageError(`'${words[0]}' is one word too many`);
}

/** As bpftool, one that was asked for alone is no list. */
export function show<Json>(
  kind: Kind,
  jsonOf: (kernel: LinuxKernel, fd: number) => Json,
  textOf: (json: Json) => string,
): Noun {
  return (kernel, words) => {
    const single = words.length > 0;
    const fds = single ? take(kernel, kind, words) : openAll(kernel, kind);
    noMore(words);
    const found = fds.map((fd) => jsonOf(kernel, fd));
    const text = found.map(textOf).join('');
    return { json: single && found.length === 1 ? found[0] : found, text };
  };
}

/** `KIND pin WHICH PATH` */
export function pin(kind: Kind): Noun {
  return (kernel, words) => {
    const fd = takeOne(kernel, kind, words);
    const path = words.shift();
    if (path === undefined) throw usageError('a PATH is missing');
    noMore(words);
    kernel.pin(path, { fd });
    return {};
  };
}

/** What only /proc tells of a file descriptor: 'memlock', 'frozen', … */
export function descriptorFacts(fd: number): ReadonlyMap<string, string> {
  const lines = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').trim().split('\n');
  return new Map(lines.map((line) => line.split(/:\s*/) as [string, string]));
}
