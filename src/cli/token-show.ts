import { DELEGATE_KINDS, delegates, delegateWords, type Delegation } from '../security/index.ts';
import type { CommandCall } from './command.ts';
import type { CliIo } from './io.ts';
import { onMachine } from './machine-file.ts';

const PER_LINE = 4;
const WIDTH = 20;

/** `token show`: each bpffs that delegates, in the words of bpftool. */
export function run(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    asksItself: true,
    run({ machine }) {
      const mounts = [...machine.files.mounts()].filter(({ delegate }) => delegates(delegate));
      return {
        json: mounts.map(({ path, delegate }) => ({ token_info: path, ...allowed(delegate) })),
        text: mounts.map(({ path, delegate }) => tokenText(path!, delegate)).join(''),
      };
    },
  });
}

function allowed(delegate: Delegation): Record<string, string[]> {
  return Object.fromEntries(
    DELEGATE_KINDS.map((kind) => [`allowed_${kind}`, delegateWords(kind, delegate[kind])]),
  );
}

function tokenText(path: string, delegate: Delegation): string {
  const kinds = Object.entries(allowed(delegate)).map(([name, words]) => {
    const cells = words.map((word) => word.padEnd(WIDTH));
    const lines = cells.map((cell, i) => (i % PER_LINE === 0 ? `\n\t  ${cell}` : cell));
    return `\n\t${name}:${lines.join('')}`;
  });
  return `token_info  ${path}${kinds.join('')}\n`;
}
