/** Iterators of a running kernel. */
import { loadObject } from '../../client/index.ts';
import { type LinuxKernel, type LinuxLink, readIterator } from '../../linux/index.ts';
import type { CommandCall } from '../command.ts';
import { usageError } from '../exit.ts';
import { readObject } from '../files.ts';
import { parseGlobals } from '../inputs.ts';
import type { CliIo } from '../io.ts';
import type { Output } from '../machine-file.ts';
import { programsToLoad } from '../prog-words.ts';
import { type Noun, takeOne } from './choice.ts';

/** `iter pin OBJ PATH`: the object's first program, as an iterator that is pinned. */
function pin(kernel: LinuxKernel, words: string[], call: CommandCall, io: CliIo): Output {
  const [file = '', path = ''] = words;
  if (call.text('netns') !== undefined) {
    throw usageError("--netns is the machine's: on Linux use 'ip netns exec'");
  }
  const object = readObject(file, io);
  const programs = programsToLoad(object, false, file);
  const globals = parseGlobals(call.list('global'), object);
  const loaded = loadObject(kernel, object, { globals, programs });
  const link = loaded.programs.get(programs[0]!)!.attach({});
  kernel.pin(path, link as LinuxLink);
  return {};
}

/** `iter read PATH` */
function read(kernel: LinuxKernel, words: string[]): Output {
  const fd = takeOne(kernel, 'link', ['pinned', words[0]!]);
  const text = new TextDecoder().decode(readIterator(kernel.system, fd));
  return { json: { text }, text };
}

export const iteratorNouns: Readonly<Record<string, Noun>> = { 'iter pin': pin, 'iter read': read };
